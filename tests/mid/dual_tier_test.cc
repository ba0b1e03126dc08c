// SPDX-License-Identifier: Apache-2.0
//
// B46: L0 is refilled from the alloc run alone, and no object is in both.
#include <gtest/gtest.h>

#include <vector>

#include "tests/mid/ladder.h"

namespace hz4 {
namespace test {
namespace {

constexpr unsigned kCls = mid::kFirstClass;

TEST(DualTier, RefillsFromTheRunOnAMissAndPopsOnce) {
  Knobs k = BareLadder();
  k.mid_alloc_run_cache = true;
  k.mid_alloc_run_limit = 7;
  k.mid_dual_tier_alloc = true;
  k.mid_dual_tier_l0_limit = 4;
  k.mid_dual_tier_l0_refill_batch = 3;
  Ladder ladder(k);
  std::vector<void*> live = {ladder.Alloc(kCls)};  // the lock path: 7 in the run
  EXPECT_EQ(ladder.Cache(kCls).l0, 0);
  void* top = ladder.Thread()->Run(ladder.Cache(kCls))[6];
  live.push_back(ladder.Alloc(kCls));
  EXPECT_EQ(live.back(), top);
  EXPECT_EQ(ladder.Cache(kCls).l0, 2);
  EXPECT_EQ(ladder.Cache(kCls).run, 4);
  EXPECT_EQ(CheckLadder(), nullptr);
  for (int i = 0; i < 6; ++i) live.push_back(ladder.Alloc(kCls));
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocL0Hit), 7u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocL0RefillCalls), 3u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocL0RefillObjs), 7u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocAllocCacheHit), 0u);
  EXPECT_EQ(ladder.Cache(kCls).l0 + ladder.Cache(kCls).run, 0);
  live.push_back(ladder.Alloc(kCls));
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocLockPath), 2u);
  for (void* p : live) ladder.Free(p);
}

TEST(DualTier, ThreadExitGivesItBack) {
  Knobs k = B46Base();
  k.mid_dual_tier_alloc = true;
  Ladder ladder(k);
  ladder.Become(1);
  void* p = ladder.Alloc(kCls);
  void* q = ladder.Alloc(kCls);
  EXPECT_EQ(ladder.Cache(kCls).l0, 1);
  ladder.Exit(1);
  EXPECT_EQ(CheckLadder(), nullptr);
  ladder.Free(p);
  ladder.Free(q);
}

}  // namespace
}  // namespace test
}  // namespace hz4
