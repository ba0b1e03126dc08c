// SPDX-License-Identifier: Apache-2.0

#include "hz4/descriptors.h"

#include <gtest/gtest.h>
#include <string.h>

#include <map>
#include <vector>

#include "hz4/arena.h"
#include "hz4/base/os.h"
#include "tests/core/heap_table.h"
#include "tests/core/in_child.h"
#include "tests/support/mappings.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace descriptors {
namespace {

bool Zero(const void* p, size_t bytes) {
  const char* c = static_cast<const char*>(p);
  for (size_t i = 0; i < bytes; ++i) {
    if (c[i] != 0) return false;
  }
  return true;
}

// Descriptors and bitmaps in random order: aligned, zeroed also when used again, never overlapping.
TEST(Descriptors, RandomTrace) {
  test::Random random(test::Seed());
  std::map<uintptr_t, size_t> live;  // start -> bytes
  std::vector<Span*> spans;
  struct Bits {
    uint64_t* p;
    uint32_t words;
  };
  std::vector<Bits> bitmaps;
  const auto add = [&live](const void* p, size_t bytes) {
    const uintptr_t at = reinterpret_cast<uintptr_t>(p);
    const auto next = live.lower_bound(at);
    ASSERT_TRUE(next == live.end() || next->first >= at + bytes) << "overlap";
    ASSERT_TRUE(next == live.begin() || std::prev(next)->first + std::prev(next)->second <= at);
    live[at] = bytes;
  };
  for (int step = 0; step < 30000; ++step) {
    switch (random.In(0, step < 20000 ? 3 : 5)) {
      case 0: {
        Span* span = NewSpan();
        ASSERT_NE(span, nullptr);
        ASSERT_EQ(reinterpret_cast<uintptr_t>(span) % kCacheLine, 0u);
        ASSERT_TRUE(Zero(span, sizeof(*span)));
        ASSERT_EQ(span->state, SpanState::kUnused);
        ASSERT_NO_FATAL_FAILURE(add(span, sizeof(*span)));
        memset(static_cast<void*>(span), 0xee, sizeof(*span));
        spans.push_back(span);
        break;
      }
      case 1: {
        const uint32_t words = static_cast<uint32_t>(random.In(1, kMaxBitWords));
        uint64_t* p = NewBits(words);
        ASSERT_NE(p, nullptr);
        ASSERT_TRUE(Zero(p, words * sizeof(*p))) << words;
        ASSERT_NO_FATAL_FAILURE(add(p, words * sizeof(*p)));
        memset(p, 0xdd, words * sizeof(*p));
        bitmaps.push_back({p, words});
        break;
      }
      default:
        if (random.OneIn(2) && !spans.empty()) {
          std::swap(spans[random.In(0, spans.size() - 1)], spans.back());
          live.erase(reinterpret_cast<uintptr_t>(spans.back()));
          DeleteSpan(spans.back());
          EXPECT_EQ(spans.back()->state, SpanState::kUnused) << "a stale pointer must see it";
          spans.pop_back();
        } else if (!bitmaps.empty()) {
          std::swap(bitmaps[random.In(0, bitmaps.size() - 1)], bitmaps.back());
          live.erase(reinterpret_cast<uintptr_t>(bitmaps.back().p));
          DeleteBits(bitmaps.back().p, bitmaps.back().words);
          bitmaps.pop_back();
        }
    }
  }
  size_t bytes = 0;
  for (const auto& entry : live) bytes += entry.second;
  EXPECT_GE(MappedBytes(), bytes);
}

TEST(Descriptors, WhatWasDeletedIsUsedAgain) {
  std::vector<Span*> spans;
  for (int i = 0; i < 5000; ++i) spans.push_back(NewSpan());
  std::vector<uint64_t*> bitmaps;
  for (int i = 0; i < 5000; ++i) bitmaps.push_back(NewBits(20));
  const size_t mapped = MappedBytes();
  for (int round = 0; round < 3; ++round) {
    for (Span*& span : spans) DeleteSpan(span);
    for (Span*& span : spans) span = NewSpan();
    for (uint64_t*& bits : bitmaps) DeleteBits(bits, 20);
    for (uint64_t*& bits : bitmaps) bits = NewBits(20);
  }
  EXPECT_EQ(MappedBytes(), mapped);
}

// Of many, every 100th stays: what holds none of those goes back, and what comes next is zero.
TEST(Descriptors, WhatHoldsNothingGoesBack) {
  for (const bool refused : {false, true}) {
    std::vector<Span*> spans;
    std::vector<uint64_t*> bitmaps;
    for (uint32_t i = 0; i < 20000; ++i) {
      spans.push_back(NewSpan());
      memset(static_cast<void*>(spans.back()), 0xee, sizeof(Span));
      bitmaps.push_back(NewBits(i % kMaxBitWords + 1));
      memset(bitmaps.back(), 0xdd, (i % kMaxBitWords + 1) * sizeof(uint64_t));
    }
    const size_t full = MappedBytes();
    const auto stays = [](uint32_t i) { return i % 100 == 0 && i < 10000; };
    for (uint32_t i = 0; i < 20000; ++i) {
      if (stays(i)) continue;
      DeleteSpan(spans[i]);
      DeleteBits(bitmaps[i], i % kMaxBitWords + 1);
    }
    if (refused) os::FailNth(1, /*sticky=*/true);
    const size_t released = ReleaseUnused();
    os::FailNth(0, false);
    EXPECT_EQ(MappedBytes(), full - released);
    EXPECT_GE(released, full / 3);
    for (uint32_t i = 0; i < 20000; ++i) {
      if (stays(i)) {
        EXPECT_EQ(spans[i]->pages, 0xeeeeeeeeu);
        EXPECT_EQ(bitmaps[i][0], 0xddddddddddddddddu);
      } else {
        ASSERT_TRUE(Zero(spans[i] = NewSpan(), sizeof(Span)));
        const uint32_t words = i % kMaxBitWords + 1;
        ASSERT_TRUE(Zero(bitmaps[i] = NewBits(words), words * sizeof(uint64_t)));
      }
    }
    EXPECT_LE(MappedBytes(), full + full / 8);
    for (uint32_t i = 0; i < 20000; ++i) {
      DeleteSpan(spans[i]);
      DeleteBits(bitmaps[i], i % kMaxBitWords + 1);
    }
  }
}

// Those of a large heap: one page fault for 2 MiB of them. What goes back is not filled again.
TEST(Descriptors, ManyLieInHugePages) {
  if (!test::KernelHasHugePages()) GTEST_SKIP() << "this kernel has no transparent huge pages";
  EXPECT_EQ(test::InChild([] {
              test::BindHeap(ThpMode::kAdvise);
              arena::Init(size_t{1} << 30, true);
              const auto huge = [] { return test::HugeBytesIn(0, UINTPTR_MAX); };
              const size_t before = huge();
              constexpr size_t kMiB = size_t{1} << 20;
              std::vector<Span*> spans;
              while (spans.size() * sizeof(Span) < kMiB / 2) spans.push_back(NewSpan());
              EXPECT_EQ(huge(), before) << "few";
              while (spans.size() * sizeof(Span) < 6 * kMiB) spans.push_back(NewSpan());
              EXPECT_GE(huge() - before, 4 * kMiB);
              for (Span* span : spans) {
                EXPECT_TRUE(Zero(span, sizeof(Span)));
                memset(static_cast<void*>(span), 0xee, sizeof(Span));
              }
              const size_t mapped = MappedBytes();
              for (Span* span : spans) DeleteSpan(span);
              const size_t released = ReleaseUnused();
              EXPECT_GE(released, 5 * kMiB);
              EXPECT_EQ(MappedBytes(), mapped - released);
              EXPECT_LE(huge() - before, kMiB / 2) << "the kernel must not fill the holes again";
              for (Span*& span : spans) {
                ASSERT_TRUE(Zero(span = NewSpan(), sizeof(Span)));
              }
              EXPECT_LE(MappedBytes(), mapped);
            }),
            "");
}

TEST(Descriptors, WithoutMemoryNullptrAndLaterMore) {
  os::FailNth(1, /*sticky=*/true);
  std::vector<uint64_t*> got;
  for (uint64_t* bits = NewBits(kMaxBitWords); bits != nullptr; bits = NewBits(kMaxBitWords)) {
    got.push_back(bits);
    ASSERT_LT(got.size(), 10000u);
  }
  const size_t mapped = MappedBytes();
  EXPECT_EQ(NewBits(kMaxBitWords), nullptr);
  EXPECT_EQ(MappedBytes(), mapped);
  os::FailNth(0, false);
  EXPECT_NE(NewBits(kMaxBitWords), nullptr);
  EXPECT_NE(NewSpan(), nullptr);
  EXPECT_GT(MappedBytes(), mapped);
}

}  // namespace
}  // namespace descriptors
}  // namespace hz4
