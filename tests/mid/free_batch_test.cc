// SPDX-License-Identifier: Apache-2.0
//
// The free batch: fills up, goes to its pages as a whole, feeds the alloc run.
#include <gtest/gtest.h>

#include <vector>

#include "tests/mid/ladder.h"

namespace hz4 {
namespace test {
namespace {

constexpr unsigned kCls = mid::kFirstClass;

Knobs BatchOnly(uint64_t limit) {
  Knobs k = BareLadder();
  k.mid_free_batch = true;
  k.mid_free_batch_limit = limit;
  return k;
}
Knobs Consuming(uint64_t limit, uint64_t min, uint64_t run) {
  Knobs k = BatchOnly(limit);
  k.mid_free_batch_consume = true;
  k.mid_free_batch_consume_min = min;
  k.mid_alloc_run_cache = true;
  k.mid_alloc_run_limit = run;
  return k;
}

std::vector<void*> AllocMany(Ladder* ladder, int n) {
  std::vector<void*> live;
  for (int i = 0; i < n; ++i) live.push_back(ladder->Alloc(kCls));
  return live;
}

TEST(FreeBatch, OneTripUnderTheLockForALimitOfFrees) {
  Ladder ladder(BatchOnly(4));
  const std::vector<void*> live = AllocMany(&ladder, 9);
  for (int i = 0; i < 4; ++i) ladder.Free(live[i]);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeBatchFlush), 0u);
  EXPECT_EQ(ladder.Cache(kCls).batch, 4);
  ladder.Free(live[4]);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeBatchFlush), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeBatchFlushObjs), 4u);
  EXPECT_EQ(ladder.Cache(kCls).batch, 1);
  for (int i = 5; i < 9; ++i) ladder.Free(live[i]);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeBatchEnq), 9u);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeLocked), 0u);
  EXPECT_EQ(CheckLadder(), nullptr);
}

TEST(FreeBatch, LockPathOfTheClassTakesItAlong) {
  Ladder ladder(BatchOnly(32));
  const std::vector<void*> live = AllocMany(&ladder, 3);
  for (void* p : live) ladder.Free(p);
  // No consume: the batch goes to its page, and the malloc gets an object of that page.
  void* p = ladder.Alloc(kCls);
  EXPECT_EQ(p, live[0]);
  EXPECT_EQ(ladder.Cache(kCls).batch, 0);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeBatchFlushObjs), 3u);
  ladder.Free(p);
}

TEST(FreeBatch, ConsumeMovesTheLastFreedToTheRun) {
  Ladder ladder(Consuming(/*limit=*/32, /*min=*/4, /*run=*/3));
  const std::vector<void*> live = AllocMany(&ladder, 28);
  for (int i = 0; i < 5; ++i) ladder.Free(live[i]);
  // The run is empty or not: empty it.
  std::vector<void*> more;
  while (ladder.Cache(kCls).run > 0) more.push_back(ladder.Alloc(kCls));
  const uint64_t lock_paths = ladder.Count(CounterId::kMidMallocLockPath);
  void* p = ladder.Alloc(kCls);
  EXPECT_EQ(p, live[4]);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocFreeBatchHit), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeBatchRefill), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeBatchRefillObjs), 3u);
  EXPECT_EQ(ladder.Cache(kCls).run, 2);
  EXPECT_EQ(ladder.Cache(kCls).batch, 2);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocLockPath), lock_paths);
  EXPECT_EQ(ladder.Alloc(kCls), live[3]);
  EXPECT_EQ(ladder.Alloc(kCls), live[2]);
  EXPECT_EQ(CheckLadder(), nullptr);
  // Two are left in the batch, fewer than MIN: now the lock path takes them along.
  more.push_back(ladder.Alloc(kCls));
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocLockPath), lock_paths + 1);
  EXPECT_EQ(ladder.Cache(kCls).batch, 0);
  for (int i = 2; i < 28; ++i) ladder.Free(live[i]);
  for (void* q : more) ladder.Free(q);
}

TEST(FreeBatch, ThreadExitGivesItBack) {
  Ladder ladder(BatchOnly(32));
  const std::vector<void*> live = AllocMany(&ladder, 3);
  ladder.Become(1);
  for (void* p : live) ladder.Free(p);
  EXPECT_EQ(ladder.Cache(kCls).batch, 3);
  ladder.Exit(1);
  EXPECT_EQ(ladder.Alloc(kCls), live[0]);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocBinHit), 3u);  // two of AllocMany, and this one
  ladder.Free(live[0]);
}

}  // namespace
}  // namespace test
}  // namespace hz4
