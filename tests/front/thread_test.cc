// SPDX-License-Identifier: Apache-2.0
//
// The per-thread front, of a process that uses it (HZ4_FRONT=thread).

#include "hz4/front/thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "hz4/base/os.h"
#include "hz4/base/scope.h"
#include "hz4/central.h"
#include "hz4/check.h"
#include "hz4/dispatch.h"
#include "hz4/gauges.h"
#include "hz4/hz4.h"
#include "hz4/internal_api.h"
#include "tests/core/in_child.h"
#include "tests/core/sanitizers.h"
#include "tests/core/threads.h"
#include "tests/front/tokens.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace {

constexpr unsigned kCls = 20;

std::string Wrong() {
  const char* wrong = CheckAll();
  return wrong == nullptr ? "" : wrong;
}
uint64_t LiveBytes() {
  hz4_release_memory();
  Gauges gauges;
  FillGauges(&gauges);
  return gauges.live_bytes;
}
void Grow() {
  SlowScope scope;
  ThreadFront::Session session;
  session.Grow(kCls);
}
// The calling thread's cache with all the room that kCls can have, and nothing in it.
FrontCache* FullGrown() {
  hz4_release_memory();
  {
    SlowScope scope;
    EXPECT_FALSE(ThreadCacheMine()->IsMiss());
  }
  hz4_free(hz4_malloc(1));  // shows the cache
  hz4_release_memory();
  for (int i = 0; i < 50; ++i) Grow();
  EXPECT_GE(tls.cache->Room(kCls), FirstBatch(kCls));
  return tls.cache;
}

class ThreadFrontTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(EffectiveKnobs().front, FrontKind::kThread); }
  void TearDown() override { EXPECT_EQ(Wrong(), ""); }
};

TEST_F(ThreadFrontTest, PushAndPopAreAStackUpToTheCapacity) {
  FrontCache* cache = FullGrown();
  const uint32_t room = cache->Room(kCls);
  EXPECT_EQ(ThreadFront::Pop(kCls), nullptr);
  for (unsigned i = 0; i < room; ++i) {
    ASSERT_EQ(ThreadFront::Push(test::Tokens::Pointer(i), kCls), PushResult::kDone);
  }
  EXPECT_EQ(cache->Count(kCls), room);
  EXPECT_EQ(ThreadFront::Push(test::Tokens::Pointer(room), kCls), PushResult::kFull);
  for (unsigned i = room; i-- > 0;) {
    ASSERT_EQ(ThreadFront::Pop(kCls), test::Tokens::Pointer(i));
  }
  EXPECT_EQ(ThreadFront::Pop(kCls), nullptr);
}

TEST_F(ThreadFrontTest, WhatWasPushedLastCannotBePushedAgain) {
  FullGrown();
  ASSERT_EQ(ThreadFront::Push(test::Tokens::Pointer(1), kCls), PushResult::kDone);
  EXPECT_EQ(ThreadFront::Push(test::Tokens::Pointer(1), kCls), PushResult::kTwice);
  EXPECT_EQ(ThreadFront::Pop(kCls), test::Tokens::Pointer(1));
  EXPECT_EQ(ThreadFront::Pop(kCls), nullptr);
}

TEST_F(ThreadFrontTest, OtherPageClassesAreNeverTaken) {
  FullGrown();
  int object = 0;
  for (unsigned cls : {kNoClass, kNumClasses + 1, 200u, kSideClass, kLargeClass}) {
    EXPECT_EQ(ThreadFront::Push(&object, cls), PushResult::kFull) << cls;
    EXPECT_EQ(ThreadFront::Pop(cls), nullptr) << cls;
  }
}

// While a slow path works on the cache, a handler of its thread finds one that misses.
TEST_F(ThreadFrontTest, ASessionHidesTheCacheAndMovesBatches) {
  FrontCache* cache = FullGrown();
  const uint32_t some = std::min(kMaxBatch, cache->Room(kCls));
  void* batch[kMaxBatch];
  for (unsigned i = 0; i < kMaxBatch; ++i) batch[i] = test::Tokens::Pointer(i);
  {
    SlowScope scope;
    ThreadFront::Session session;
    EXPECT_TRUE(tls.cache->IsMiss());
    EXPECT_EQ(ThreadFront::Pop(kCls), nullptr);
    EXPECT_EQ(ThreadFront::Push(batch[0], kCls), PushResult::kFull);
    EXPECT_EQ(session.PushBatch(kCls, batch, some), some);
    EXPECT_EQ(session.Count(kCls), some);
    EXPECT_EQ(session.Room(kCls), cache->Room(kCls));
    void* out[kMaxBatch];
    EXPECT_EQ(session.PopBatch(kCls, out, 10), 10u);
    for (unsigned i = 0; i < 10; ++i) EXPECT_EQ(out[i], batch[some - 10 + i]);
    EXPECT_EQ(session.PopBatch(kCls, out, kMaxBatch), some - 10);
    EXPECT_EQ(session.PopBatch(kCls, out, kMaxBatch), 0u);
  }
  EXPECT_EQ(tls.cache, cache);
  {
    SlowScope scope;
    ThreadFront::Session session;
    uint32_t pushed = 0;
    for (uint32_t n = kMaxBatch; n == kMaxBatch; pushed += n) {
      n = session.PushBatch(kCls, batch, kMaxBatch);
    }
    EXPECT_EQ(pushed, cache->Room(kCls));
    void* out[kMaxBatch];
    while (session.PopBatch(kCls, out, kMaxBatch) != 0) {
    }
  }
}

TEST_F(ThreadFrontTest, CachedBytesStayWithinTheBudget) {
  const uint64_t budget = EffectiveKnobs().front_budget;
  hz4_release_memory();
  test::Random random(test::Seed());
  std::vector<void*> live;
  uint64_t most = 0;
  for (int step = 0; step < 60000; ++step) {
    // Phases of one size each, so that capacity has to move.
    const size_t sizes[] = {16, 100, 1000, 5000, 30000, 100000, 262144};
    const size_t size = sizes[step / 2000 % 7] - random.In(0, 7);
    if (live.size() < 300 && random.OneIn(2)) {
      live.push_back(hz4_malloc(size));
    } else if (!live.empty()) {
      std::swap(live[random.In(0, live.size() - 1)], live.back());
      hz4_free(live.back());
      live.pop_back();
    }
    most = std::max(most, ThreadCacheCachedBytes());
    ASSERT_LE(ThreadCacheCachedBytes(), budget) << "step " << step;
  }
  for (void* p : live) hz4_free(p);
  EXPECT_GT(most, 0u) << "nothing was cached";
}

TEST_F(ThreadFrontTest, FlushingReachesTheOwnCacheOnly) {
  hz4_release_memory();
  std::atomic<int> stage{0};
  std::thread other([&] {
    std::vector<void*> blocks;
    for (int i = 0; i < 100; ++i) blocks.push_back(hz4_malloc(1000));
    for (void* p : blocks) hz4_free(p);
    stage = 1;
    while (stage < 2) std::this_thread::yield();
  });
  while (stage < 1) std::this_thread::yield();
  for (int i = 0; i < 10; ++i) hz4_free(hz4_malloc(500));
  const uint64_t before = ThreadCacheCachedBytes();
  hz4_release_memory();
  const uint64_t others = ThreadCacheCachedBytes();
  EXPECT_GT(others, 0u) << "another thread's cache was reached into";
  EXPECT_LT(others, before) << "the own cache was not flushed";
  stage = 2;
  other.join();
  EXPECT_EQ(ThreadCacheCachedBytes(), 0u) << "a thread's exit gives its cache back";
}

TEST_F(ThreadFrontTest, AnExitedThreadLeavesNothing) {
  const uint64_t live = LiveBytes();
  for (int round = 0; round < 10; ++round) {
    test::RunThreads(8, [](int t) {
      std::vector<void*> blocks;
      for (int i = 0; i < 500; ++i) blocks.push_back(hz4_malloc(static_cast<size_t>(t * 1000 + i)));
      for (void* p : blocks) hz4_free(p);
    });
    EXPECT_EQ(ThreadCacheCachedBytes(), 0u) << round;
  }
  EXPECT_EQ(LiveBytes(), live);
}

// Destructors of other thread-specific data run after ours, as often as they like.
pthread_key_t late_key;
std::atomic<int> late_rounds{0};
void LateDestructor(void* value) {
  std::vector<void*> blocks;
  for (size_t size : {16, 100, 3000, 70000, 300000}) {
    void* p = hz4_malloc(size);
    ASSERT_NE(p, nullptr);
    *static_cast<char*>(p) = 1;
    blocks.push_back(p);
  }
  for (void* p : blocks) hz4_free(p);
  late_rounds.fetch_add(1);
  const uintptr_t left = reinterpret_cast<uintptr_t>(value) - 1;
  if (left > 0) pthread_setspecific(late_key, reinterpret_cast<void*>(left));
}

TEST_F(ThreadFrontTest, DestructorsThatRunLaterMayAllocate) {
  const uint64_t live = LiveBytes();
  ASSERT_EQ(pthread_key_create(&late_key, &LateDestructor), 0);
  late_rounds = 0;
  for (int i = 0; i < 20; ++i) {
    std::thread([] {
      hz4_free(hz4_malloc(50));
      pthread_setspecific(late_key, reinterpret_cast<void*>(3));
    }).join();
  }
  EXPECT_EQ(late_rounds, 60);
  EXPECT_EQ(ThreadCacheCachedBytes(), 0u);
  EXPECT_EQ(LiveBytes(), live);
  pthread_key_delete(late_key);
}

TEST_F(ThreadFrontTest, WithoutMemoryForACacheThreadsWork) {
  EXPECT_EQ(test::InChild([] {
              if (test::kUnderTsan) return;  // it lets no child of fork start threads
              // Spans and arrays first, and every state that has a cache already: only the new
              // thread's cache is refused.
              std::vector<void*> blocks;
              for (int i = 0; i < 1000; ++i) blocks.push_back(hz4_malloc(100));
              for (void* p : blocks) hz4_free(p);
              int states = 1;
              for (ThreadState* t = ThreadRegistry::First(); t != nullptr; t = t->next_all)
                ++states;
              std::atomic<int> ready{0};
              std::vector<std::thread> others;
              for (int i = 0; i < states; ++i) {
                others.emplace_back([&ready] {
                  hz4_free(hz4_malloc(100));
                  ready.fetch_add(1);
                  for (;;) pause();
                });
              }
              while (ready < states) std::this_thread::yield();
              std::thread([] {
                os::FailNth(1, /*sticky=*/true);
                void* p = hz4_malloc(100);
                EXPECT_NE(p, nullptr);
                EXPECT_TRUE(tls.cache->IsMiss());
                hz4_free(p);
                os::FailNth(0, false);
                for (int i = 0; i < 100; ++i) hz4_free(hz4_malloc(100));
                EXPECT_FALSE(tls.cache->IsMiss()) << "later there is memory, and it is asked again";
              }).join();
              for (std::thread& t : others) t.detach();  // this process ends with them
            }),
            "");
}

TEST_F(ThreadFrontTest, AChildOfForkForgetsTheOthersCaches) {
  std::atomic<int> stage{0};
  std::thread other([&] {
    std::vector<void*> blocks;
    for (int i = 0; i < 100; ++i) blocks.push_back(hz4_malloc(1000));
    for (void* p : blocks) hz4_free(p);
    stage = 1;
    while (stage < 2) std::this_thread::yield();
  });
  while (stage < 1) std::this_thread::yield();
  hz4_release_memory();
  hz4_free(hz4_malloc(48));
  EXPECT_EQ(test::InChild([] {
              EXPECT_LE(ThreadCacheCachedBytes(), 64u * 48u);
              EXPECT_EQ(Wrong(), "");
              std::vector<void*> blocks;
              for (int i = 0; i < 5000; ++i) blocks.push_back(hz4_malloc(1000));
              for (void* p : blocks) hz4_free(p);
              hz4_release_memory();
              EXPECT_EQ(Wrong(), "");
            }),
            "");
  stage = 2;
  other.join();
}

}  // namespace
}  // namespace hz4
