// SPDX-License-Identifier: Apache-2.0
//
// B74 stage B: detach under the lock, link outside, and nothing is orphaned.
#include "hz4/mid/outlock_refill.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/mid/ladder.h"

namespace hz4 {
namespace test {
namespace {

constexpr unsigned kCls = mid::kFirstClass;

Knobs Outside(uint64_t limit, uint64_t budget) {
  Knobs k = BareLadder();
  k.mid_alloc_run_cache = true;
  k.mid_alloc_run_limit = limit;
  k.mid_lockpath_outlock_refill = true;
  k.mid_lockpath_outlock_refill_budget = budget;
  return k;
}

TEST(OutlockRefill, DetachesUpToTheBudget) {
  Ladder ladder(Outside(/*limit=*/8, /*budget=*/3));
  void* p = ladder.Alloc(kCls);
  EXPECT_EQ(ladder.Cache(kCls).run, 3);
  EXPECT_EQ(ladder.Count(CounterId::kMidOutlockRefillCalls), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidOutlockRefillObjs), 3u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocAllocCacheRefill), 0u);
  EXPECT_EQ(CheckLadder(), nullptr);
  ladder.Free(p);
}

TEST(OutlockRefill, NeverMoreThanTheRunHasRoomFor) {
  Ladder ladder(Outside(/*limit=*/2, /*budget=*/64));
  void* p = ladder.Alloc(kCls);
  EXPECT_EQ(ladder.Cache(kCls).run, 2);
  EXPECT_EQ(ladder.Count(CounterId::kMidOutlockRefillDropBack), 0u);
  ladder.Free(p);
}

TEST(OutlockRefill, AnOwnedPageRefillsTheRunOnlyInThisVariant) {
  for (bool outside : {false, true}) {
    Knobs k = B7xBase();
    k.mid_lockpath_outlock_refill = outside;
    Ladder ladder(k);
    void* p = ladder.Alloc(kCls);
    EXPECT_NE(ladder.Cache(kCls).page, nullptr);
    EXPECT_EQ(ladder.Cache(kCls).run, outside ? 8 : 0);
    EXPECT_EQ(CheckLadder(), nullptr);
    ladder.Free(p);
  }
}

TEST(OutlockRefill, WhatDoesNotFitAnyMoreGoesBackUnderTheLock) {
  Ladder ladder(Outside(/*limit=*/4, /*budget=*/4));
  std::vector<void*> live = {ladder.Alloc(kCls)};
  Span* page = mid::PageOf(live[0]);
  mid::ClassCache& c = ladder.Cache(kCls);
  while (c.run > 0) live.push_back(ladder.Alloc(kCls));
  mid::RefillOutside<Counting> refill;
  refill.Detach(ladder.Thread(), kCls, page);
  const uint32_t free_before = page->free_count;
  // Three of the four places are taken before the list is linked.
  void** run = ladder.Thread()->Run(c);
  for (int i = 0; i < 3; ++i) {
    run[c.run++] = live.back();
    live.pop_back();
  }
  tls.busy = 1;
  refill.Link(ladder.Thread(), kCls);
  tls.busy = 0;
  EXPECT_EQ(c.run, 4);
  EXPECT_EQ(ladder.Count(CounterId::kMidOutlockRefillDropBack), 3u);
  EXPECT_EQ(page->free_count, free_before + 3);
  EXPECT_EQ(CheckLadder(), nullptr);
  for (void* p : live) ladder.Free(p);
}

TEST(OutlockRefill, WithPageCreationOutsideToo) {
  Knobs k = Outside(8, 8);
  k.mid_page_create_outside_sc_lock = true;
  Ladder ladder(k);
  void* p = ladder.Alloc(kCls);
  EXPECT_EQ(ladder.Count(CounterId::kMidPageCreateOutlockCreated), 1u);
  EXPECT_EQ(ladder.Cache(kCls).run, 8);
  EXPECT_EQ(CheckLadder(), nullptr);
  ladder.Free(p);
}

}  // namespace
}  // namespace test
}  // namespace hz4
