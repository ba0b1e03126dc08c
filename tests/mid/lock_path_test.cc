// SPDX-License-Identifier: Apache-2.0
//
// The lock path, page creation inside and outside the class lock (B47), lock shards (B80), and the
// times HZ4_MID_LOCK_TIME_STATS takes of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "hz4/mid/bins.h"
#include "hz4/page_heap.h"
#include "tests/mid/ladder.h"

namespace hz4 {
namespace test {
namespace {

constexpr unsigned kCls = kLastMidClass;

// Stands in for the page supply: first lets something happen, then asks the real one.
Span* (*real_supply)(MidThread*, unsigned);
std::function<void()> meanwhile;
Span* SupplyLate(MidThread* t, unsigned cls) {
  if (meanwhile) {
    tls.busy = 0;  // what happens, happens in another thread
    meanwhile();
    tls.busy = 1;
  }
  return real_supply(t, cls);
}
void Interpose(Ladder* ladder, std::function<void()> what) {
  real_supply = ladder->table().mid_page_supply;
  ladder->table().mid_page_supply = &SupplyLate;
  meanwhile = std::move(what);
}

Knobs CreatingOutside() {
  Knobs k = BareLadder();
  k.mid_page_create_outside_sc_lock = true;
  return k;
}

TEST(LockPath, PartlyFreePagesFirstThenTheWholeOneThenANewOne) {
  Ladder ladder(BareLadder());
  std::vector<void*> live;
  for (uint32_t i = 0; i < 3 * Class(kCls).objects; ++i) live.push_back(ladder.Alloc(kCls));
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocBinMiss), 3u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocBinHit), live.size() - 3);
  Span* whole = mid::PageOf(live[0]);
  for (uint32_t i = 0; i < Class(kCls).objects; ++i) ladder.Free(live[i]);
  ladder.Free(live.back());
  EXPECT_EQ(mid::BinOf(kCls).listed(), 2u);
  EXPECT_EQ(ladder.Alloc(kCls), live.back());
  EXPECT_EQ(mid::PageOf(ladder.Alloc(kCls)), whole);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocPageCreate), 3u);
  EXPECT_EQ(CheckLadder(), nullptr);
  ladder.Free(live[0]);
  for (size_t i = Class(kCls).objects; i < live.size(); ++i) ladder.Free(live[i]);
}

TEST(LockPath, WhollyFreePagesLeaveButOne) {
  Ladder ladder(BareLadder());
  std::vector<void*> live;
  for (uint32_t i = 0; i < 4 * Class(kCls).objects; ++i) live.push_back(ladder.Alloc(kCls));
  for (void* p : live) ladder.Free(p);
  EXPECT_EQ(mid::BinOf(kCls).pages, 1u);
  EXPECT_EQ(ladder.Count(CounterId::kSpanReleased), 3u);
  EXPECT_GT(Table().mid_flush(), 0u);
  EXPECT_EQ(mid::BinOf(kCls).pages, 0u);
}

TEST(CreateOutside, UsesTheNewPageWhenNobodyCameBetween) {
  Ladder ladder(CreatingOutside());
  bool lock_was_free = false;
  Interpose(&ladder, [&] { lock_was_free = !mid::LockOf(kCls).HeldByMe(); });
  void* p = ladder.Alloc(kCls);
  EXPECT_TRUE(lock_was_free);
  EXPECT_EQ(ladder.Count(CounterId::kMidPageCreateOutlockCalls), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidPageCreateOutlockCreated), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidPageCreateOutlockRaceHit), 0u);
  EXPECT_EQ(mid::BinOf(kCls).pages, 1u);
  ladder.Free(p);
}

TEST(CreateOutside, PrefersAPageThatServesByThenAndKeepsTheNewOneToo) {
  Ladder ladder(CreatingOutside());
  std::vector<void*> live;
  for (uint32_t i = 0; i < Class(kCls).objects; ++i) live.push_back(ladder.Alloc(kCls));
  Interpose(&ladder, [&] {
    meanwhile = nullptr;
    ladder.Free(live[3]);
  });
  EXPECT_EQ(ladder.Alloc(kCls), live[3]);
  EXPECT_EQ(ladder.Count(CounterId::kMidPageCreateOutlockRaceHit), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidPageCreateOutlockCreated), 2u);
  EXPECT_EQ(mid::BinOf(kCls).pages, 2u);
  EXPECT_EQ(mid::BinOf(kCls).whole_free(), 1u);
  EXPECT_EQ(CheckLadder(), nullptr);
  EXPECT_NE(mid::PageOf(live[0]), mid::PageOf(live.emplace_back(ladder.Alloc(kCls))));
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocPageCreate), 2u) << "the second page was in the bin";
  for (void* p : live) ladder.Free(p);
}

TEST(CreateOutside, AForkThatBeginsMeanwhileCostsNoPage) {
  Ladder ladder(CreatingOutside());
  Interpose(&ladder, [] { Fork::Begin(); });
  EXPECT_EQ(ladder.Alloc(kCls), nullptr);
  Fork::EndInParent();
  meanwhile = nullptr;
  EXPECT_EQ(mid::BinOf(kCls).pages, 0u);
  EXPECT_EQ(CheckLadder(), nullptr);
  void* p = ladder.Alloc(kCls);
  EXPECT_NE(p, nullptr);
  ladder.Free(p);
}

TEST(CreateInside, HoldsTheLock) {
  Ladder ladder(BareLadder());
  bool held = false;
  Interpose(&ladder, [&] { held = mid::LockOf(kCls).HeldByMe(); });
  ladder.Free(ladder.Alloc(kCls));
  EXPECT_TRUE(held);
}

TEST(LockShards, ClassesShareAsManyLocksAsTheKnobSays) {
  for (uint64_t shards : {1u, 16u, 256u}) {
    Knobs k = BareLadder();
    k.mid_lock_shards = shards;
    Ladder ladder(k);
    std::vector<Lock*> seen;
    for (unsigned i = 0; i < mid::kClasses; ++i) seen.push_back(&mid::LockOf(mid::kFirstClass + i));
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    EXPECT_EQ(seen.size(), std::min<uint64_t>(shards, mid::kClasses));
  }
}

TEST(LockTimes, OneInTwoToTheShiftIsTimedAndTheSectionsAddUp) {
  Knobs k = BareLadder();
  k.mid_lock_time_stats = true;
  k.mid_lock_time_stats_sample_shift = 2;
  Ladder ladder(k);
  std::vector<void*> live;
  for (int i = 0; i < 16; ++i) live.push_back(ladder.Alloc(kCls));
  EXPECT_EQ(ladder.Count(CounterId::kLockEnter), 16u);
  EXPECT_EQ(ladder.Count(CounterId::kLockWaitSamples), 4u);
  EXPECT_EQ(ladder.Count(CounterId::kLockHoldSamples), 4u);
  EXPECT_EQ(ladder.Count(CounterId::kLockContendedSamples), 0u);
  EXPECT_GT(ladder.Count(CounterId::kLockHoldNsSum), 0u);
  EXPECT_GE(MergeStats()[CounterId::kLockHoldNsMax], ladder.Count(CounterId::kLockHoldNsSum) / 4);
  EXPECT_EQ(ladder.Count(CounterId::kHoldBinscanStepsSum), 4u);
  for (void* p : live) ladder.Free(p);
  EXPECT_EQ(ladder.Count(CounterId::kLockEnter), 32u);
}

TEST(LockTimes, CreationInsideIsTimedInTheSection) {
  Knobs k = BareLadder();
  k.mid_lock_time_stats = true;
  k.mid_lock_time_stats_sample_shift = 0;
  Ladder ladder(k);
  std::vector<void*> live;
  for (uint32_t i = 0; i < 2 * Class(kCls).objects; ++i) live.push_back(ladder.Alloc(kCls));
  EXPECT_EQ(ladder.Count(CounterId::kHoldPageCreateCalls), 2u);
  EXPECT_GT(ladder.Count(CounterId::kHoldPageCreateNsSum), 0u);
  EXPECT_LE(ladder.Count(CounterId::kHoldPageCreateNsSum), ladder.Count(CounterId::kLockHoldNsSum));
  EXPECT_EQ(ladder.Count(CounterId::kHoldBinscanStepsSum), live.size() - 2);
  EXPECT_EQ(MergeStats()[CounterId::kHoldBinscanStepsMax], 1u);
  for (void* p : live) ladder.Free(p);
}

TEST(LockTimes, OutsideCreationIsTimedOutsideTheSection) {
  Knobs k = CreatingOutside();
  k.mid_lock_time_stats = true;
  k.mid_lock_time_stats_sample_shift = 0;
  Ladder ladder(k);
  void* p = ladder.Alloc(kCls);
  EXPECT_EQ(ladder.Count(CounterId::kLockEnter), 2u);
  EXPECT_EQ(ladder.Count(CounterId::kHoldPageCreateCalls), 0u);
  EXPECT_GT(ladder.Count(CounterId::kMidPageCreateOutlockNsSum), 0u);
  ladder.Free(p);
}

TEST(LockTimes, DrainsUnderTheLockAreCounted) {
  Knobs k = BareLadder();
  k.mid_owner_remote_queue = true;
  k.mid_lock_time_stats = true;
  k.mid_lock_time_stats_sample_shift = 0;
  Ladder ladder(k);
  std::vector<void*> live;
  for (uint32_t i = 0; i < Class(kCls).objects; ++i) live.push_back(ladder.Alloc(kCls));
  ladder.Become(1);
  ladder.Free(live[0]);
  ladder.Free(live[1]);
  ladder.Become(0);
  live.push_back(ladder.Alloc(kCls));
  EXPECT_EQ(ladder.Count(CounterId::kInlockRemoteDrainCalls), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kInlockRemoteDrainObjs), 2u);
  for (size_t i = 2; i < live.size(); ++i) ladder.Free(live[i]);
}

}  // namespace
}  // namespace test
}  // namespace hz4
