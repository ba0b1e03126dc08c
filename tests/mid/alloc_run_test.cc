// SPDX-License-Identifier: Apache-2.0
//
// L1: filled in the lock path, last in first out, given back at thread exit.
#include <gtest/gtest.h>

#include <vector>

#include "tests/mid/ladder.h"

namespace hz4 {
namespace test {
namespace {

constexpr unsigned kCls = mid::kFirstClass + 20;

Knobs RunOnly(uint64_t limit) {
  Knobs k = BareLadder();
  k.mid_alloc_run_cache = true;
  k.mid_alloc_run_limit = limit;
  return k;
}

TEST(AllocRun, LockPathFillsItFromTheChosenPage) {
  Ladder ladder(RunOnly(5));
  void* first = ladder.Alloc(kCls);
  EXPECT_EQ(ladder.Cache(kCls).run, 5);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocAllocCacheRefill), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocAllocCacheRefillObjs), 5u);
  std::vector<void*> rest;
  for (int i = 0; i < 5; ++i) rest.push_back(ladder.Alloc(kCls));
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocAllocCacheHit), 5u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocLockPath), 1u);
  // The last one that went in comes out first.
  for (int i = 1; i < 5; ++i) EXPECT_GT(rest[i - 1], rest[i]);
  EXPECT_EQ(CheckLadder(), nullptr);
  ladder.Free(first);
  for (void* p : rest) ladder.Free(p);
}

TEST(AllocRun, ThreadExitGivesItBack) {
  Ladder ladder(RunOnly(7));
  ladder.Become(1);
  void* p = ladder.Alloc(kCls);
  EXPECT_EQ(ladder.Cache(kCls).run, 7);
  ladder.Exit(1);
  // Another thread gets one of them from the page in the bin.
  void* q = ladder.Alloc(kCls);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocBinHit), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocPageCreate), 1u);
  ladder.Free(p);
  ladder.Free(q);
}

TEST(AllocRun, OffMeansNoObjectIsKept) {
  Ladder ladder(BareLadder());
  void* p = ladder.Alloc(kCls);
  void* q = ladder.Alloc(kCls);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocLockPath), 2u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocAllocCacheRefill), 0u);
  EXPECT_EQ(ladder.Thread()->layout.RunSlots(), 0u);
  ladder.Free(p);
  ladder.Free(q);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeLocked), 2u);
}

}  // namespace
}  // namespace test
}  // namespace hz4
