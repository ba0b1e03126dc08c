// SPDX-License-Identifier: Apache-2.0

#include "hz4/base/lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "hz4/base/tls.h"
#include "tests/base/lock_testing.h"
#include "tests/core/threads.h"

namespace hz4 {
namespace {

using test::NewLock;

TEST(Lock, KnowsItsHolderAndRank) {
  Lock& lock = NewLock(LockRank::kMidTransfer);
  EXPECT_EQ(lock.rank(), LockRank::kMidTransfer);
  EXPECT_EQ(sizeof(Lock) % kCacheLine, 0u) << "neighbours share a cache line";
  EXPECT_FALSE(lock.HeldByMe());
  ASSERT_TRUE(lock.Acquire());
  EXPECT_TRUE(lock.HeldByMe());
  std::thread([&] { EXPECT_FALSE(lock.HeldByMe()); }).join();
  lock.Release();
  EXPECT_FALSE(lock.HeldByMe());
}

TEST(Lock, ItsHolderIsRefusedAtOnce) {
  Lock& lock = NewLock();
  ASSERT_TRUE(lock.Acquire());
  EXPECT_FALSE(lock.Acquire());
  EXPECT_FALSE(lock.TryAcquire());
  EXPECT_TRUE(lock.HeldByMe());
  lock.Release();
  ASSERT_TRUE(lock.TryAcquire());
  lock.Release();
}

TEST(Lock, TryAcquireFailsWhileAnotherHoldsIt) {
  Lock& lock = NewLock();
  ASSERT_TRUE(lock.Acquire());
  std::thread([&] { EXPECT_FALSE(lock.TryAcquire()); }).join();
  lock.Release();
  std::thread([&] {
    ASSERT_TRUE(lock.TryAcquire());
    lock.Release();
  }).join();
}

TEST(Lock, ExcludesSixteenThreads) {
  constexpr int kThreads = 16;
  constexpr int kRounds = 40000;
  Lock& lock = NewLock();
  struct {
    long plain = 0;  // not atomic: only the lock keeps it right
    int inside = 0;
  } shared;
  std::atomic<long> together{0};
  test::RunThreads(kThreads, [&](int t) {
    for (int i = 0; i < kRounds; ++i) {
      const bool try_first = (i + t) % 3 == 0;
      if (!(try_first && lock.TryAcquire())) {
        ASSERT_TRUE(lock.Acquire()) << "no fork is pending";
      }
      if (++shared.inside != 1) together.fetch_add(1);
      ++shared.plain;
      --shared.inside;
      lock.Release();
    }
  });
  EXPECT_EQ(together, 0);
  EXPECT_EQ(shared.plain, long{kThreads} * kRounds);
}

TEST(Lock, SleepingWaitersWakeOneAfterTheOther) {
  constexpr int kWaiters = 8;
  Lock& lock = NewLock();
  ASSERT_TRUE(lock.Acquire());
  std::atomic<int> tids[kWaiters] = {};
  std::atomic<int> got{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kWaiters; ++t) {
    threads.emplace_back([&, t] {
      tids[t] = test::ThreadId();
      ASSERT_TRUE(lock.Acquire());
      got.fetch_add(1);
      lock.Release();
    });
  }
  for (std::atomic<int>& tid : tids) test::AwaitAsleep(tid);
  EXPECT_EQ(got, 0) << "somebody got a lock that is held";
  lock.Release();
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(got, kWaiters);
}

// Sections of random length and many sleepers: the wake-ups must never get lost. A lost one hangs.
TEST(Lock, NoWakeUpIsLost) {
  constexpr int kThreads = 16;
  Lock& a = NewLock(LockRank::kCentralClass);
  Lock& b = NewLock(LockRank::kPageHeap);
  long in_a = 0, in_b = 0;
  test::RunThreads(kThreads, [&](int t) {
    for (int i = 0; i < 1500; ++i) {
      ASSERT_TRUE(a.Acquire());
      ++in_a;
      ASSERT_TRUE(b.Acquire()) << "rising rank";
      ++in_b;
      if ((i + t) % 8 == 0) std::this_thread::yield();  // others exhaust their spins meanwhile
      b.Release();
      a.Release();
    }
  });
  EXPECT_EQ(in_a, kThreads * 1500);
  EXPECT_EQ(in_b, kThreads * 1500);
}

}  // namespace
}  // namespace hz4
