// SPDX-License-Identifier: Apache-2.0
//
// When huge pages are worth asking for, by a clock that the test holds: each case in a child, since
// a process finds out once what its small pages cost.

#include "hz4/huge_pages_price.h"

#include <gtest/gtest.h>

#include <functional>

#include "hz4/base/os.h"
#include "hz4/huge_pages.h"
#include "tests/core/fake_clock.h"
#include "tests/core/in_child.h"
#include "tests/support/resident.h"

namespace hz4 {
namespace {

using huge_pages::kHugePage;
using Price = huge_pages::MeasuredPrice;

constexpr size_t kMiB = size_t{1} << 20;
constexpr long kSmallNs = 1000;
constexpr long kDearNs = 2 * 512 * kSmallNs + 1;
constexpr size_t kLarge = 1024 * kMiB;     // a heap in which a cold huge page is worth a try

class PriceTest : public testing::Test {
 protected:
  // In a process whose page faults take kSmallNs.
  void Run(const std::function<void()>& body) {
    EXPECT_EQ(test::InChild([&] {
                test::SetStopwatch(kSmallNs);
                body();
              }),
              "");
  }
  // Memory that nobody has touched.
  static uintptr_t Fresh() { return reinterpret_cast<uintptr_t>(os::Map(kHugePage, kHugePage)); }
  static bool IsThere(uintptr_t page) {
    return test::PagesPresent(reinterpret_cast<void*>(page), kOsPage) == 1;
  }
};

TEST_F(PriceTest, ASmallHeapDoesNotAsk) {
  Run([] {
    const uint64_t calls = os::Calls();
    EXPECT_FALSE(Price::Worth(0));
    EXPECT_FALSE(Price::Worth(kHugePage));
    EXPECT_EQ(os::Calls(), calls) << "nor does it find anything out";
  });
}

TEST_F(PriceTest, WorthATryWhenPageFaultsTookAsLongAsAColdOne) {
  for (const long ns : {250L, 1000L, 4000L}) {
    Run([&] {
      test::SetStopwatch(ns);
      const size_t from = Price::kColdNs / static_cast<uint64_t>(ns) * kOsPage;
      EXPECT_FALSE(Price::Worth(from - 1));
      EXPECT_TRUE(Price::Worth(from));
      const uint64_t calls = os::Calls();
      EXPECT_TRUE(Price::Worth(from));
      EXPECT_EQ(os::Calls(), calls) << "found out once";
    });
  }
}

TEST_F(PriceTest, NotWorthATryWhereThePriceIsUnknown) {
  Run([] {
    os::FailNth(1, true);
    EXPECT_FALSE(Price::Worth(kLarge));
    os::FailNth(0, false);
  });
}

TEST_F(PriceTest, OneInEachStretchIsTried) {
  Run([] {
    ASSERT_TRUE(Price::Worth(kLarge));
    const uintptr_t first = Fresh();
    const uintptr_t next = Fresh();
    test::SetStopwatch(kDearNs - 1);
    EXPECT_TRUE(Price::Pay(first, kHugePage, kLarge, false));
    EXPECT_TRUE(IsThere(first));
    test::SetStopwatch(kDearNs);
    EXPECT_TRUE(Price::Pay(next, Price::kTryEvery - 1, kLarge, false));
    EXPECT_FALSE(IsThere(next));
    EXPECT_FALSE(Price::Pay(next, 1, kLarge, false));
    EXPECT_TRUE(IsThere(next));
  });
}

TEST_F(PriceTest, WhatIsTriedInVainStaysAnEighthOfThePageFaults) {
  Run([] {
    ASSERT_TRUE(Price::Worth(kLarge));
    test::SetStopwatch(kDearNs);
    size_t heap = kLarge;
    for (size_t tries = 1; tries <= 4; ++tries) {
      EXPECT_FALSE(Price::Pay(Fresh(), kHugePage, heap, false));
      const size_t again = heap + tries * Price::kTryShare * (kDearNs / kSmallNs) * kOsPage;
      EXPECT_FALSE(Price::Worth(again - 1)) << tries;
      EXPECT_TRUE(Price::Worth(again)) << tries;
      heap = again;
    }
  });
}

TEST_F(PriceTest, ABlockIsTriedInAHeapThatHasDoubled) {
  Run([] {
    ASSERT_TRUE(Price::Worth(64 * kMiB));
    const auto tried = [](size_t bytes, size_t heap) {
      const uintptr_t block = Fresh();
      EXPECT_TRUE(Price::Pay(block, bytes, heap, true));
      return IsThere(block);
    };
    EXPECT_TRUE(tried(16 * kMiB, 64 * kMiB));
    EXPECT_FALSE(tried(31 * kMiB, 95 * kMiB));
    EXPECT_FALSE(tried(32 * kMiB, 127 * kMiB));
    EXPECT_TRUE(tried(kMiB, 128 * kMiB));
    const uintptr_t objects = Fresh();
    EXPECT_TRUE(Price::Pay(objects, Price::kTryEvery, 136 * kMiB, false));
    EXPECT_TRUE(IsThere(objects)) << "which are written to";
  });
}

}  // namespace
}  // namespace hz4
