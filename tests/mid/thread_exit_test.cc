// SPDX-License-Identifier: Apache-2.0
//
// What the ladder gives back when a thread ends, also while a fork is pending; calls from a signal
// handler; the child of a fork.
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "hz4/base/lock.h"
#include "hz4/mid/bins.h"
#include "hz4/mid/path.h"
#include "hz4/side_arena.h"
#include "tests/mid/ladder.h"

namespace hz4 {
namespace test {
namespace {

constexpr unsigned kCls = mid::kFirstClass;

Knobs Everything() {
  Knobs k = B7xBase();
  k.mid_dual_tier_alloc = true;
  k.mid_transfer_cache = true;
  k.mid_lockpath_outlock_refill = true;
  return k;
}

// Leaves something in every array of the acting thread, and a page. What is live is returned.
std::vector<void*> FillCaches(Ladder* ladder) {
  std::vector<void*> live;
  // Two pages and the first objects of a third.
  const uint32_t n = 2 * Class(kCls).objects + 5;
  for (uint32_t i = 0; i < n; ++i) live.push_back(ladder->Alloc(kCls));
  // The first ones are of pages that are nobody's by now: batch. The last: local stack.
  for (int i = 0; i < 5; ++i) ladder->Free(live[i]);
  live.erase(live.begin(), live.begin() + 5);
  const mid::ClassCache& c = ladder->Cache(kCls);
  for (size_t i = live.size(); i-- > 0 && c.stack < 3;) {
    if (!c.IsMine(live[i])) continue;
    ladder->Free(live[i]);
    live.erase(live.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return live;
}

TEST(ThreadExit, EverythingGoesBack) {
  Ladder ladder(Everything());
  ladder.Become(1);
  std::vector<void*> live = FillCaches(&ladder);
  MidThread* t = ladder.Thread();
  mid::ClassCache& c = t->Of(kCls);
  EXPECT_GT(c.stack, 0);
  EXPECT_GT(c.batch, 0);
  EXPECT_GT(c.run + c.l0, 0);
  EXPECT_NE(c.page, nullptr);
  ladder.Exit(1);
  EXPECT_EQ(c.stack + c.batch + c.run + c.l0, 0);
  EXPECT_EQ(c.page, nullptr);
  EXPECT_EQ(t->reserved.rest, nullptr);
  EXPECT_EQ(CheckLadder(), nullptr);
  for (void* p : live) ladder.Free(p);
}

TEST(ThreadExit, WhileAForkIsPendingTheNextThreadInherits) {
  Ladder ladder(Everything());
  ladder.Become(1);
  std::vector<void*> live = FillCaches(&ladder);
  MidThread* t = ladder.Thread();
  const mid::ClassCache before = t->Of(kCls);
  Fork::Begin();
  ladder.Exit(1);
  Fork::EndInParent();
  EXPECT_EQ(CheckLadder(), nullptr);
  ladder.Become(2);
  ASSERT_EQ(ladder.Thread(), t) << "its memory is the next thread's";
  EXPECT_EQ(ladder.Cache(kCls).page, before.page);
  EXPECT_EQ(ladder.Cache(kCls).batch, before.batch);
  // And works as ever.
  void* p = ladder.Alloc(kCls);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocOwnerLocalStackHit), 1u);
  ladder.Free(p);
  for (void* q : live) ladder.Free(q);
  EXPECT_EQ(CheckLadder(), nullptr);
}

TEST(PendingFork, MallocGetsNothingFromTheLockPathAndFreesAreDeferred) {
  Knobs k = BareLadder();
  Ladder ladder(k);
  void* p = ladder.Alloc(kCls);
  Fork::Begin();
  EXPECT_EQ(ladder.Alloc(kCls), nullptr);
  ladder.Free(p);
  EXPECT_TRUE(side::HasDeferred());
  Fork::EndInParent();
  EXPECT_EQ(mid::BinOf(kCls).whole_free(), 0u);
  side::DrainDeferred();
  EXPECT_EQ(mid::BinOf(kCls).whole_free(), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeCalls), 1u);
}

TEST(PendingFork, WhatNeedsNoLockGoesOn) {
  Ladder ladder(B7xBase());
  std::vector<void*> live = {ladder.Alloc(kCls)};
  Fork::Begin();
  for (int i = 0; i < 3; ++i) live.push_back(ladder.Alloc(kCls));
  for (void* p : live) {
    EXPECT_NE(p, nullptr);
    ladder.Free(p);
  }
  Fork::EndInParent();
  EXPECT_FALSE(side::HasDeferred());
  EXPECT_EQ(CheckLadder(), nullptr);
}

TEST(SignalHandler, InsideTheLadderItIsTurnedAway) {
  Ladder ladder(B7xBase());
  void* p = ladder.Alloc(kCls);
  tls.busy = 1;  // as if the handler had interrupted this thread in here
  EXPECT_EQ(ladder.Alloc(kCls), nullptr);
  ladder.Free(p);
  EXPECT_EQ(Table().mid_flush(), 0u);
  tls.busy = 0;
  EXPECT_TRUE(side::HasDeferred());
  side::DrainDeferred();
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeCalls), 1u);
}

TEST(ForkChild, LeavesTheOtherThreadsWhatTheyHad) {
  Ladder ladder(B7xBase());
  ladder.Become(1);
  void* theirs = ladder.Alloc(kCls);
  Span* their_page = ladder.Cache(kCls).page;
  MidThread* t = ladder.Thread();
  ladder.Become(0);
  void* mine = ladder.Alloc(kCls);
  mid::ForkChild();
  EXPECT_NE(ladder.Thread(), nullptr);
  EXPECT_EQ(CheckLadder(), nullptr);
  // An object of theirs that this thread frees waits in their page for good.
  ladder.Free(theirs);
  EXPECT_EQ(mid::PageHandOver::Waiting(mid::WordOf(their_page)), 1u);
  ladder.Free(mine);
  // Back from the child: the test's process goes on.
  for (ThreadState* s = ThreadRegistry::First(); s != nullptr; s = s->next_all) {
    if (s != tls.thread && s->in_use.load()) s->mid = t;
  }
  ladder.Become(1);
  EXPECT_EQ(ladder.Thread(), t);
}

TEST(Totals, WhereTheBytesAre) {
  Ladder ladder(B7xBase());
  std::vector<void*> live = FillCaches(&ladder);
  const uint64_t size = Class(kCls).size;
  const mid::ClassCache& c = ladder.Cache(kCls);
  tls.busy = 1;
  const MidTotals totals = Table().mid_totals();
  tls.busy = 0;
  EXPECT_EQ(totals.thread_cached_bytes, (size_t{c.stack} + c.batch + c.run + c.l0) * size);
  EXPECT_EQ(totals.handed_out_bytes, totals.thread_cached_bytes + live.size() * size);
  EXPECT_EQ(totals.shared_cached_bytes, 0u);
  const uint64_t reserved = ladder.Thread()->reserved.rest->Bytes();
  EXPECT_EQ(totals.span_bytes,
            mid::BinOf(kCls).pages * uint64_t{Class(kCls).span_pages} * kPageSize + reserved);
  for (void* p : live) ladder.Free(p);
}

}  // namespace
}  // namespace test
}  // namespace hz4
