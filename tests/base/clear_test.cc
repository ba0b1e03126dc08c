// SPDX-License-Identifier: Apache-2.0
//
// Clearing by page: zero whatever was there and whatever the kernel does, nothing beside it, and
// system calls only where they pay.

#include "hz4/base/clear.h"

#include <gtest/gtest.h>

#include <cstring>

#include "hz4/base/os.h"
#include "tests/support/contents.h"
#include "tests/support/resident.h"

namespace hz4 {
namespace {

using test::All;

constexpr size_t kMiB = size_t{1} << 20;
// What learning is tested with: the least that is cleared by page, since every page is a page
// fault.
constexpr size_t kBlock = kClearByPageFrom;

class ClearTest : public testing::Test {
 protected:
  static constexpr size_t kBytes = 16 * kMiB;
  void SetUp() override {
    p_ = static_cast<char*>(os::Map(kBytes, kOsPage));
    ASSERT_NE(p_, nullptr);
  }
  void TearDown() override {
    os::FailNth(0, false);
    ASSERT_TRUE(os::Unmap(p_, kBytes));
  }
  // System calls that clearing a block `times` times takes, each time after `before(block)`.
  template <class Before>
  uint64_t CallsFor(int times, Before before) {
    const uint64_t calls = os::Calls();
    for (int i = 0; i < times; ++i) {
      before(p_);
      Clear(p_, kBlock);
    }
    return os::Calls() - calls;
  }
  uint64_t CallsForTouched(int times) {
    return CallsFor(times, [](char* block) { memset(block, 1, kBlock); });
  }
  uint64_t CallsForUntouched(int times) {
    os::Decommit(p_, kBlock);
    return CallsFor(times, [](char*) {});
  }
  // What was learned before is forgotten: untouched blocks until an answer saves something, and
  // one that was touched.
  void Forget() {
    CallsForTouched(32);
    CallsFor(64, [](char* block) { os::Decommit(block, kBlock); });
    CallsForTouched(1);
  }

  char* p_ = nullptr;
};

// Zero inside, untouched outside, for every alignment and size about the bound; with the kernel's
// help, without, and with some of it; whatever blocks were like before.
TEST_F(ClearTest, ClearsWhatItIsGivenAndNothingElse) {
  for (const bool sure : {false, true}) {
    for (uint64_t fail = 0; fail <= 4; ++fail) {
      for (const bool sticky : {false, true}) {
        if (fail == 0 && sticky) continue;
        for (const size_t at : {size_t{0}, kOsPage, kOsPage + 16, kOsPage - 1}) {
          for (const size_t size :
               {size_t{1}, kClearByPageFrom - 1, kClearByPageFrom, kClearByPageFrom + 1,
                kClearByPageFrom + 5 * kOsPage - 1, 10 * kMiB + 7}) {
            // More than is asked about at a time, in one place: its page faults are dear.
            if (size > kMiB && at != kOsPage) continue;
            Forget();
            if (sure) CallsForUntouched(300);
            os::Decommit(p_, kBytes);
            memset(p_, 0x77, at + 2 * kOsPage);
            memset(p_ + at + size / 2, 0x77, size / 3 + 1);
            memset(p_ + at + size - 1, 0x77, 2 * kOsPage);
            os::FailNth(fail, sticky);
            Clear(p_ + at, size);
            os::FailNth(0, false);
            ASSERT_TRUE(All(p_ + at, size, 0) && All(p_, at, 0x77) &&
                        All(p_ + at + size, kOsPage, 0x77))
                << size << " bytes at " << at << ", call " << fail << " fails"
                << (sticky ? " and all later" : "") << (sure ? ", after untouched blocks" : "");
          }
        }
      }
    }
  }
}

TEST_F(ClearTest, ClearsEverySmallSize) {
  for (size_t size = 0; size <= 300; ++size) {
    for (const size_t at : {size_t{100}, size_t{112}}) {
      memset(p_, 0x77, 512);
      Clear(p_ + at, size);
      ASSERT_TRUE(All(p_ + at, size, 0) && All(p_, at, 0x77) &&
                  All(p_ + at + size, 512 - at - size, 0x77))
          << size << " bytes at " << at;
    }
  }
}

TEST_F(ClearTest, LeavesPagesAloneThatAreNotInMemory) {
  Forget();
  os::Decommit(p_, kBytes);
  memset(p_ + 100 * kOsPage, 1, 20 * kOsPage);
  Clear(p_, 10 * kMiB);
  EXPECT_EQ(test::PagesPresent(p_, kBytes), 20u);
}

TEST_F(ClearTest, AsksSeldomWhereEverythingIsTouched) {
  CallsForTouched(8);
  EXPECT_LE(CallsForTouched(320), 10u);
}

// Less than a question and a giving back for each.
TEST_F(ClearTest, GivesBackWithoutAskingWhereNothingIsEverTouched) {
  Forget();
  CallsForUntouched(200);
  EXPECT_LE(CallsForUntouched(80), 100u);
  EXPECT_EQ(test::PagesPresent(p_, kBlock), 0u);
}

// A program that begins to use its blocks pays for few of them.
TEST_F(ClearTest, NoticesThatBlocksAreTouchedAgain) {
  Forget();
  CallsForUntouched(300);
  CallsForTouched(32);
  EXPECT_LE(CallsForTouched(64), 4u);
  EXPECT_EQ(test::PagesPresent(p_, kBlock), kBlock / kOsPage) << "cleared, not given back";
}

// One block in sixty-four that is touched is enough to be asked about every time.
TEST_F(ClearTest, AsksWhereSomeBlocksAreTouched) {
  Forget();
  for (int i = 0; i < 10; ++i) {
    CallsForUntouched(63);
    memset(p_, 1, kBlock);
    Clear(p_, kBlock);
    EXPECT_EQ(test::PagesPresent(p_, kBlock), kBlock / kOsPage) << "given back, round " << i;
  }
}

}  // namespace
}  // namespace hz4
