// SPDX-License-Identifier: Apache-2.0
//
// Blocks with a span of their own, through the table.

#include "hz4/large/path.h"

#include <gtest/gtest.h>
#include <string.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "hz4/base/bits.h"
#include "hz4/base/lock.h"
#include "hz4/base/os.h"
#include "hz4/base/scope.h"
#include "hz4/check.h"
#include "hz4/dispatch.h"
#include "hz4/gauges.h"
#include "hz4/hz4.h"
#include "hz4/internal_api.h"
#include "hz4/page_map.h"
#include "tests/support/contents.h"
#include "tests/support/resident.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace {

using test::All;

constexpr size_t kMiB = size_t{1} << 20;

void* Alloc(size_t size, size_t align = kMinAlign, bool zero = false) {
  return Table().large_alloc(size, align, zero);
}
void Free(void* p) { Table().large_free(p); }
uint64_t LiveBytes() {
  hz4_release_memory();
  Gauges gauges;
  FillGauges(&gauges);
  return gauges.live_bytes;
}

class LargePathTest : public testing::Test {
 protected:
  void SetUp() override { live_ = LiveBytes(); }
  void TearDown() override {
    os::FailNth(0, false);
    EXPECT_EQ(LiveBytes(), live_) << "a block was lost";
    EXPECT_EQ(CheckAll(), nullptr);
  }
  uint64_t live_ = 0;
};

TEST_F(LargePathTest, BlocksHavePagesOfTheirOwnAndEveryAlignment) {
  for (size_t size : {size_t{1}, kMaxClassSize, kMaxClassSize + 1, kMiB, 3 * kMiB + 5}) {
    for (size_t align = 1; align <= 64 * kMiB; align *= 4) {
      char* p = static_cast<char*>(Alloc(size, align));
      ASSERT_NE(p, nullptr) << size << " aligned to " << align;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % std::max(align, kPageSize), 0u);
      EXPECT_EQ(page_map::ClassOf(p), kLargeClass);
      EXPECT_EQ(page_map::SpanOf(p)->start, reinterpret_cast<uintptr_t>(p));
      EXPECT_EQ(LargeUsable(p), AlignUp(size, kPageSize));
      EXPECT_EQ(hz4_malloc_usable_size(p), AlignUp(size, kPageSize));
      p[0] = p[size - 1] = 1;
      Free(p);
    }
  }
}

TEST_F(LargePathTest, ZeroedWhenAskedForWhateverThePagesHeld) {
  for (int round = 0; round < 4; ++round) {
    char* p = static_cast<char*>(Alloc(2 * kMiB + 100, kMinAlign, /*zero=*/true));
    ASSERT_NE(p, nullptr);
    EXPECT_TRUE(All(p, 2 * kMiB + 100, 0)) << round;
    memset(p, 0x77, hz4_malloc_usable_size(p));
    Free(p);
    if (round == 1) hz4_release_memory();
  }
}

// calloc of fresh pages must not touch them: what is not touched costs nothing.
TEST_F(LargePathTest, FreshPagesAreNotClearedAgain) {
  hz4_release_memory();
  const size_t before = os::ResidentBytes();
  void* p = Alloc(256 * kMiB, kMinAlign, /*zero=*/true);
  ASSERT_NE(p, nullptr);
  EXPECT_LT(os::ResidentBytes(), before + 64 * kMiB);
  Free(p);
}

// Whatever blocks were cleared before: from now on the kernel is asked what is in memory.
void MakeQuestionsWorthwhile() {
  for (int i = 0; i < 8; ++i) {
    void* p = Alloc(2 * kMiB);
    os::Decommit(p, 2 * kMiB);
    Free(p);
    Free(Alloc(2 * kMiB, kMinAlign, /*zero=*/true));
  }
}

// A block that was used before: what its last owner touched is cleared, the rest stays out of
// memory.
TEST_F(LargePathTest, ClearingTouchesOnlyWhatIsInMemory) {
  constexpr size_t kSize = 40 * kMiB;  // more than is asked about at a time
  MakeQuestionsWorthwhile();
  hz4_release_memory();
  size_t touched = 0;
  for (int round = 0; round < 3; ++round) {
    char* p = static_cast<char*>(Alloc(kSize, kMinAlign, /*zero=*/true));
    ASSERT_NE(p, nullptr);
    EXPECT_LE(test::PagesPresent(p, kSize), touched) << round;
    ASSERT_TRUE(All(p, kSize, 0)) << round;
    // The reads have mapped the page of zeros, which counts as in memory.
    ASSERT_TRUE(os::Decommit(p, kSize));
    // Single pages, runs shorter and longer than is given back by a call, the first and the last.
    touched = 0;
    for (size_t page = 0; page < kSize / kOsPage; page += 1 + page % 97) {
      p[page * kOsPage + page % kOsPage] = 1;
      ++touched;
    }
    memset(p + 8 * kMiB - kOsPage, 1, 2 * kMiB);
    p[kSize - 1] = 1;
    // Between two that were touched up to 15 pages are cleared with them.
    touched = 16 * touched + 2 * kMiB / kOsPage + 16;
    Free(p);
  }
}

// The door clears objects of the largest classes in the same way.
TEST_F(LargePathTest, CallocOfAClassTouchesOnlyWhatIsInMemory) {
  MakeQuestionsWorthwhile();
  void* used = hz4_malloc(kMaxClassSize);
  ASSERT_NE(used, nullptr);
  memset(used, 0x77, kMaxClassSize);
  ASSERT_TRUE(os::Decommit(used, kMaxClassSize));
  hz4_free(used);
  void* p = hz4_calloc(1, kMaxClassSize);
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(test::PagesPresent(p, kMaxClassSize), 0u);
  EXPECT_TRUE(All(p, kMaxClassSize, 0));
  hz4_free(p);
}

TEST_F(LargePathTest, ResizeKeepsPlaceAndContent) {
  char* p = static_cast<char*>(Alloc(8 * kMiB));
  ASSERT_NE(p, nullptr);
  memset(p, 0x11, 8 * kMiB);
  ASSERT_TRUE(LargeResize(p, kMiB));
  EXPECT_EQ(hz4_malloc_usable_size(p), kMiB);
  EXPECT_TRUE(All(p, kMiB, 0x11));
  // The pages behind it are free again: it can have them back.
  ASSERT_TRUE(LargeResize(p, 6 * kMiB));
  EXPECT_EQ(hz4_malloc_usable_size(p), 6 * kMiB);
  EXPECT_TRUE(All(p, kMiB, 0x11));
  memset(p, 0x22, 6 * kMiB);
  EXPECT_FALSE(LargeResize(p, size_t{1} << 45));
  EXPECT_EQ(hz4_malloc_usable_size(p), 6 * kMiB);
  EXPECT_TRUE(All(p, 6 * kMiB, 0x22));
  Free(p);
}

TEST_F(LargePathTest, WhatCannotBeHadIsNullAndNothingIsLost) {
  EXPECT_EQ(Alloc(static_cast<size_t>(PTRDIFF_MAX)), nullptr);
  EXPECT_EQ(Alloc(1, size_t{1} << 63), nullptr);
  EXPECT_EQ(Alloc(size_t{1} << 46, size_t{1} << 46), nullptr);
  {
    SlowScope scope;
    EXPECT_EQ(Alloc(kMiB), nullptr) << "inside of a slow scope";
  }
  void* p = Alloc(kMiB);
  {
    SlowScope scope;
    EXPECT_FALSE(LargeResize(p, 2 * kMiB));
    Free(p);  // deferred
  }
  Fork::Begin();
  EXPECT_EQ(Alloc(kMiB), nullptr) << "a fork is pending";
  Fork::EndInParent();
  os::FailNth(1, /*sticky=*/true);
  EXPECT_EQ(Alloc(size_t{8} << 30), nullptr);
  os::FailNth(0, false);
  p = Alloc(kMiB);
  EXPECT_NE(p, nullptr);
  Free(p);
  hz4_free(hz4_malloc(kMiB));  // a door: takes in what was deferred
}

TEST_F(LargePathTest, RandomBlocksKeepTheirContent) {
  test::Random random(test::Seed());
  struct Block {
    char* p;
    size_t size;
    char tag;
  };
  std::vector<Block> blocks;
  const auto mark = [](const Block& b) {
    for (size_t at = 0; at < b.size; at += kOsPage) b.p[at] = b.tag;
    b.p[b.size - 1] = b.tag;
  };
  const auto holds = [](const Block& b, size_t size) {
    for (size_t at = 0; at < size; at += kOsPage) {
      if (b.p[at] != b.tag) return false;
    }
    return true;
  };
  for (int step = 0; step < 3000; ++step) {
    const uint64_t what = random.In(0, 9);
    if (blocks.size() < 30 && what < 4) {
      const size_t size = random.In(kMaxClassSize + 1, random.OneIn(8) ? 20 * kMiB : kMiB);
      const size_t align = random.OneIn(3) ? size_t{1} << random.In(4, 22) : kMinAlign;
      const bool zero = random.OneIn(4);
      Block b = {static_cast<char*>(Alloc(size, align, zero)), size,
                 static_cast<char>(random.Next() | 1)};
      ASSERT_NE(b.p, nullptr);
      ASSERT_EQ(reinterpret_cast<uintptr_t>(b.p) % align, 0u);
      if (zero) {
        for (size_t at = 0; at < size; at += kOsPage) ASSERT_EQ(b.p[at], 0);
      }
      mark(b);
      blocks.push_back(b);
    } else if (!blocks.empty()) {
      std::swap(blocks[random.In(0, blocks.size() - 1)], blocks.back());
      Block& b = blocks.back();
      ASSERT_TRUE(holds(b, b.size)) << "step " << step;
      if (what < 7) {
        Free(b.p);
        blocks.pop_back();
        continue;
      }
      const size_t size = random.In(kMaxClassSize + 1, 2 * b.size);
      const size_t before = b.size;
      if (LargeResize(b.p, size)) b.size = size;
      ASSERT_TRUE(holds(b, std::min(before, b.size))) << "step " << step;
      mark(b);
    }
    if (step % 500 == 0) {
      ASSERT_EQ(CheckAll(), nullptr);
      hz4_release_memory();
    }
  }
  for (const Block& b : blocks) {
    ASSERT_TRUE(holds(b, b.size));
    Free(b.p);
  }
}

using LargePathDeathTest = LargePathTest;

TEST_F(LargePathDeathTest, OnlyTheStartOfALiveBlockCanBeFreed) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  char* p = static_cast<char*>(hz4_malloc(3 * kMiB));
  EXPECT_DEATH(hz4_free(p + kPageSize), "hz4: invalid free: not a pointer that hz4 handed out 0x");
  EXPECT_DEATH(hz4_free(p + 16), "hz4: invalid free: not the start of a block 0x");
  EXPECT_DEATH(hz4_free(p + 1), "hz4: invalid free: not a pointer that hz4 handed out 0x");
  EXPECT_DEATH(
      {
        hz4_free(p);
        hz4_free(p);
      },
      "hz4: (invalid|double) free");
  hz4_free(p);
}

TEST_F(LargePathDeathTest, ABlockThatWaitsForTheNextOfItsSizeIsFree) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  char* p = static_cast<char*>(hz4_malloc(kMiB));
  const auto after_free = [p](auto use) {
    hz4_free(p);
    use();
  };
  EXPECT_DEATH(after_free([p] { hz4_free(p); }), "hz4: double free 0x");
  EXPECT_DEATH(after_free([p] { hz4_realloc(p, 2 * kMiB); }), "of a block that was freed 0x");
  EXPECT_DEATH(after_free([p] { hz4_malloc_usable_size(p); }), "of a block that was freed 0x");
  hz4_free(p);
}

}  // namespace
}  // namespace hz4
