// SPDX-License-Identifier: Apache-2.0
//
// Owned pages: claim, release, remote frees, when they are drained, and who gets what at an exit.
#include <gtest/gtest.h>

#include <vector>

#include "hz4/mid/bins.h"
#include "tests/mid/ladder.h"

namespace hz4 {
namespace test {
namespace {

constexpr unsigned kCls = kLastMidClass;  // 8 objects in a page
const uint32_t kObjects = Class(kCls).objects;

Knobs OwnersOnly() {
  Knobs k = BareLadder();
  k.mid_owner_remote_queue = true;
  return k;
}

std::vector<void*> AllocMany(Ladder* ladder, uint32_t n) {
  std::vector<void*> live;
  for (uint32_t i = 0; i < n; ++i) live.push_back(ladder->Alloc(kCls));
  return live;
}

TEST(OwnerPage, OwnPageNeedsNoLock) {
  Ladder ladder(OwnersOnly());
  const std::vector<void*> live = AllocMany(&ladder, kObjects);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocLockPath), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocOwnerFast), kObjects - 1);
  for (void* p : live) ladder.Free(p);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeOwnerLocal), kObjects);
  EXPECT_EQ(CheckLadder(), nullptr);
}

TEST(OwnerPage, ClaimingTheNextReleasesThePrevious) {
  Ladder ladder(OwnersOnly());
  std::vector<void*> live = AllocMany(&ladder, kObjects);
  Span* first = ladder.Cache(kCls).page;
  live.push_back(ladder.Alloc(kCls));
  Span* second = ladder.Cache(kCls).page;
  EXPECT_NE(first, second);
  EXPECT_FALSE(mid::PageHandOver::Owned(mid::WordOf(first)));
  EXPECT_EQ(first->owner.load(), 0u);
  EXPECT_EQ(first->list, mid::kInNoList) << "it has no free object";
  // An object of the first page is nobody's now: it goes under the lock, and the page to the bin.
  ladder.Free(live[0]);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeLocked), 1u);
  EXPECT_EQ(mid::BinOf(kCls).first(), first);
  EXPECT_EQ(CheckLadder(), nullptr);
  for (size_t i = 1; i < live.size(); ++i) ladder.Free(live[i]);
}

TEST(OwnerPage, OthersPushAndTheReleaseTakesAlong) {
  Ladder ladder(OwnersOnly());
  std::vector<void*> live = AllocMany(&ladder, kObjects);
  Span* page = ladder.Cache(kCls).page;
  ladder.Become(1);
  for (int i = 0; i < 3; ++i) ladder.Free(live[i]);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeOwnerRemote), 3u);
  EXPECT_EQ(CheckLadder(), nullptr);
  ladder.Become(0);
  // Nothing is due (8 at once, or the 64th look): the lock path releases the page, which drains it,
  // and claims it again, for it is the first with a free object.
  EXPECT_EQ(ladder.Alloc(kCls), live[0]);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocLockPath), 2u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocPageCreate), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocOwnerDrain), 0u);
  EXPECT_EQ(ladder.Cache(kCls).page, page);
  EXPECT_EQ(page->free_count, 2u);
  EXPECT_EQ(CheckLadder(), nullptr);
  ladder.Free(live[0]);
  for (size_t i = 3; i < live.size(); ++i) ladder.Free(live[i]);
}

TEST(OwnerPage, DrainsAtTheThreshold) {
  Knobs k = OwnersOnly();
  k.mid_owner_remote_queue_drain_threshold = 3;
  Ladder ladder(k);
  std::vector<void*> live = AllocMany(&ladder, 5);
  ladder.Become(1);
  ladder.Free(live[0]);
  ladder.Free(live[1]);
  ladder.Become(0);
  live.push_back(ladder.Alloc(kCls));
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocOwnerDrain), 0u);
  ladder.Become(1);
  ladder.Free(live[2]);
  ladder.Become(0);
  EXPECT_EQ(ladder.Alloc(kCls), live[0]);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocOwnerDrain), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocOwnerDrainObjs), 3u);
  ladder.Free(live[0]);
  for (size_t i = 3; i < live.size(); ++i) ladder.Free(live[i]);
}

TEST(OwnerPage, DrainsAtThePeriod) {
  Knobs k = OwnersOnly();
  k.mid_owner_remote_queue_drain_period = 3;
  Ladder ladder(k);
  std::vector<void*> live = AllocMany(&ladder, 2);
  ladder.Become(1);
  ladder.Free(live[0]);
  ladder.Become(0);
  live[0] = ladder.Alloc(kCls);
  live.push_back(ladder.Alloc(kCls));
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocOwnerDrain), 0u);
  live.push_back(ladder.Alloc(kCls));  // the third look that found one
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocOwnerDrain), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocOwnerDrainObjs), 1u);
  for (void* p : live) ladder.Free(p);
}

TEST(OwnerPage, ExitReleasesThePageWithItsRemoteFrees) {
  Ladder ladder(OwnersOnly());
  ladder.Become(1);
  std::vector<void*> live = AllocMany(&ladder, kObjects);
  Span* page = ladder.Cache(kCls).page;
  ladder.Become(0);
  ladder.Free(live[6]);
  ladder.Exit(1);
  EXPECT_EQ(page->owner.load(), 0u);
  EXPECT_EQ(mid::WordOf(page).load(), 0u);
  EXPECT_EQ(ladder.Alloc(kCls), live[6]) << "found in the bin";
  EXPECT_EQ(ladder.Cache(kCls).page, page);
  for (void* p : live) ladder.Free(p);
}

TEST(OwnerPage, WithoutStateFreesOfAnOwnedPageStillReachTheOwner) {
  Ladder ladder(OwnersOnly());
  std::vector<void*> live = AllocMany(&ladder, 2);
  Span* page = ladder.Cache(kCls).page;
  ladder.Become(Ladder::kNobody);
  ladder.Free(live[0]);
  EXPECT_EQ(mid::PageHandOver::Waiting(mid::WordOf(page)), 1u);
  void* p = ladder.Alloc(kCls);
  EXPECT_NE(mid::PageOf(p), page) << "the owned page is in no bin";
  EXPECT_EQ(CheckLadder(), nullptr);
  ladder.Free(p);
  ladder.Become(0);
  ladder.Free(live[1]);
}

}  // namespace
}  // namespace test
}  // namespace hz4
