// SPDX-License-Identifier: Apache-2.0
//
// B57, its gate B58 and its throttle B77.
#include <gtest/gtest.h>

#include <vector>

#include "hz4/mid/bins.h"
#include "tests/mid/ladder.h"

namespace hz4 {
namespace test {
namespace {

constexpr unsigned kCls = mid::kFirstClass;  // 28 objects in a page

Knobs Stack(bool gate, bool adaptive) {
  Knobs k = BareLadder();
  k.mid_owner_remote_queue = true;
  k.mid_owner_local_stack = true;
  k.mid_owner_local_stack_slots = 4;
  k.mid_owner_local_stack_remote_gate = gate;
  k.mid_owner_local_stack_adaptive = adaptive;
  k.mid_owner_local_stack_adaptive_probe_shift = 0;
  return k;
}

std::vector<void*> AllocMany(Ladder* ladder, int n) {
  std::vector<void*> live;
  for (int i = 0; i < n; ++i) live.push_back(ladder->Alloc(kCls));
  return live;
}
void FreeFrom(Ladder* ladder, const std::vector<void*>& live, size_t first) {
  for (size_t i = first; i < live.size(); ++i) ladder->Free(live[i]);
}
// Another thread frees p.
void FreeRemote(Ladder* ladder, void* p) {
  ladder->Become(1);
  ladder->Free(p);
  ladder->Become(0);
}

TEST(LocalStack, KeepsTheOwnPagesObjectsUpToItsSlots) {
  Ladder ladder(Stack(false, false));
  std::vector<void*> live = AllocMany(&ladder, 6);
  FreeFrom(&ladder, live, 0);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeOwnerLocalStackHit), 4u);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeOwnerLocalStackOverflow), 2u);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeOwnerLocal), 2u);
  EXPECT_EQ(CheckLadder(), nullptr);
  for (int i = 3; i >= 0; --i) EXPECT_EQ(ladder.Alloc(kCls), live[i]);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocOwnerLocalStackHit), 4u);
  FreeFrom(&ladder, {live[0], live[1], live[2], live[3]}, 0);
}

TEST(LocalStack, WithoutGateRemoteFreesDoNotMatter) {
  Ladder ladder(Stack(false, false));
  std::vector<void*> live = AllocMany(&ladder, 3);
  FreeRemote(&ladder, live[0]);
  ladder.Free(live[1]);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeOwnerLocalStackHit), 1u);
  EXPECT_EQ(ladder.Alloc(kCls), live[1]);
  FreeFrom(&ladder, live, 1);
}

// What the record calls stale: the page changed hands while its object lay in the stack. The
// ladder's order does not let that happen, so the page is taken away by hand.
class StaleStack : public ::testing::Test {
 protected:
  explicit StaleStack(bool adaptive = false) : ladder_(Stack(false, adaptive)) {
    live_ = AllocMany(&ladder_, 2);
    page_ = ladder_.Cache(kCls).page;
    ladder_.Free(live_[0]);
    tls.busy = 1;
    EXPECT_TRUE(Table().mid_release_page(ladder_.Thread(), kCls));
    tls.busy = 0;
    EXPECT_EQ(ladder_.Cache(kCls).stack, 1);
  }
  Ladder ladder_;
  std::vector<void*> live_;
  Span* page_;
};

TEST_F(StaleStack, NobodysPageGetsItBackUnderTheLock) {
  void* p = ladder_.Alloc(kCls);
  EXPECT_EQ(ladder_.Count(CounterId::kMidMallocOwnerLocalStackStaleUnowned), 1u);
  EXPECT_EQ(ladder_.Count(CounterId::kMidMallocOwnerLocalStackHit), 0u);
  EXPECT_EQ(p, live_[0]) << "through the bin";
  EXPECT_EQ(CheckLadder(), nullptr);
  ladder_.Free(p);
  ladder_.Free(live_[1]);
}

TEST_F(StaleStack, AnothersPageGetsItOnItsRemoteList) {
  ladder_.Become(1);
  void* q = ladder_.Alloc(kCls);
  EXPECT_EQ(ladder_.Cache(kCls).page, page_);
  ladder_.Become(0);
  void* p = ladder_.Alloc(kCls);
  EXPECT_EQ(ladder_.Count(CounterId::kMidMallocOwnerLocalStackStaleRemote), 1u);
  EXPECT_EQ(mid::PageHandOver::Waiting(mid::WordOf(page_)), 1u);
  EXPECT_NE(mid::PageOf(p), page_);
  EXPECT_EQ(CheckLadder(), nullptr);
  ladder_.Free(p);
  ladder_.Free(q);
  ladder_.Free(live_[1]);
}

class StaleAdaptiveStack : public StaleStack {
 protected:
  StaleAdaptiveStack() : StaleStack(/*adaptive=*/true) {}
};

TEST_F(StaleAdaptiveStack, MakesTheClassCold) {
  EXPECT_EQ(ladder_.Cache(kCls).hot, 1);
  void* p = ladder_.Alloc(kCls);
  EXPECT_EQ(ladder_.Count(CounterId::kMidAdaptiveHotReset), 1u);
  EXPECT_EQ(ladder_.Cache(kCls).hot, 0);
  EXPECT_EQ(ladder_.Cache(kCls).cooldown, 64);
  ladder_.Free(p);
  ladder_.Free(live_[1]);
}

TEST(LocalStackGate, NoPushWhileThePageHasRemoteFrees) {
  Ladder ladder(Stack(true, false));
  std::vector<void*> live = AllocMany(&ladder, 3);
  FreeRemote(&ladder, live[0]);
  ladder.Free(live[1]);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeOwnerLocalStackPushGatedRemote), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeOwnerLocal), 1u);
  EXPECT_EQ(ladder.Cache(kCls).stack, 0);
  ladder.Free(live[2]);
}

TEST(LocalStackGate, PoppedObjectsGoToTheFreeListMeanwhile) {
  Ladder ladder(Stack(true, false));
  std::vector<void*> live = AllocMany(&ladder, 4);
  ladder.Free(live[1]);
  ladder.Free(live[2]);
  FreeRemote(&ladder, live[0]);
  EXPECT_EQ(ladder.Alloc(kCls), live[1]) << "the lowest of the page's free list";
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocOwnerLocalStackPopGatedRemote), 2u);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocOwnerFast), 3u + 1);
  EXPECT_EQ(CheckLadder(), nullptr);
  ladder.Free(live[1]);
  ladder.Free(live[3]);
}

TEST(LocalStackAdaptive, HitsAndPushesHeatUpToTheTop) {
  Ladder ladder(Stack(false, true));
  std::vector<void*> live = AllocMany(&ladder, 1);
  for (int i = 1; i <= 3; ++i) {
    ladder.Free(live[0]);
    EXPECT_EQ(ladder.Alloc(kCls), live[0]);
    EXPECT_EQ(ladder.Cache(kCls).hot, 3 * i);
  }
  for (int i = 0; i < 100; ++i) {
    ladder.Free(live[0]);
    ladder.Alloc(kCls);
  }
  EXPECT_EQ(ladder.Cache(kCls).hot, 255);
  EXPECT_EQ(ladder.Count(CounterId::kMidAdaptiveHotPromote), 103u);
  ladder.Free(live[0]);
}

TEST(LocalStackAdaptive, AColdClassProbesOneInTwoToTheShift) {
  Knobs k = Stack(false, true);
  k.mid_owner_local_stack_adaptive_probe_shift = 2;
  Ladder ladder(k);
  std::vector<void*> live = AllocMany(&ladder, 5);
  for (int i = 0; i < 3; ++i) ladder.Free(live[i]);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeAdaptivePushSkipCold), 3u);
  EXPECT_EQ(ladder.Cache(kCls).stack, 0);
  ladder.Free(live[3]);
  EXPECT_EQ(ladder.Cache(kCls).stack, 1);
  ladder.Free(live[4]);  // hot now: no probing
  EXPECT_EQ(ladder.Cache(kCls).stack, 2);
}

TEST(LocalStackAdaptive, AGateEventCoolsDownAndAGatedPopResets) {
  Knobs k = Stack(true, true);
  k.mid_owner_local_stack_adaptive_cooldown = 2;
  Ladder ladder(k);
  std::vector<void*> live = AllocMany(&ladder, 8);
  ladder.Free(live[1]);
  EXPECT_EQ(ladder.Cache(kCls).hot, 1);
  FreeRemote(&ladder, live[0]);
  ladder.Free(live[2]);  // gated
  EXPECT_EQ(ladder.Cache(kCls).cooldown, 2);
  EXPECT_EQ(ladder.Cache(kCls).hot, 1) << "only a pop resets";
  ladder.Free(live[3]);
  ladder.Free(live[4]);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeAdaptivePushSkipCooldown), 2u);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeOwnerLocalStackPushGatedRemote), 1u);
  void* p = ladder.Alloc(kCls);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocOwnerLocalStackPopGatedRemote), 1u);
  EXPECT_EQ(ladder.Cache(kCls).hot, 0);
  EXPECT_EQ(ladder.Cache(kCls).cooldown, 2);
  ladder.Free(p);
  FreeFrom(&ladder, live, 5);
}

TEST(LocalStack, ExitGivesItBackAndANewThreadStartsCold) {
  Ladder ladder(Stack(false, true));
  ladder.Become(1);
  std::vector<void*> live = AllocMany(&ladder, 3);
  FreeFrom(&ladder, live, 0);
  EXPECT_EQ(ladder.Cache(kCls).stack, 3);
  ladder.Exit(1);
  ladder.Become(1);
  EXPECT_EQ(ladder.Cache(kCls).stack, 0);
  EXPECT_EQ(ladder.Cache(kCls).hot, 0);
  EXPECT_EQ(ladder.Cache(kCls).page, nullptr);
  EXPECT_EQ(CheckLadder(), nullptr);
}

}  // namespace
}  // namespace test
}  // namespace hz4
