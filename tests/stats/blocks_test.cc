// SPDX-License-Identifier: Apache-2.0
//
// Counting by many threads, by signal handlers, without memory, and after a thread's exit: nothing
// is ever lost.
#include "hz4/stats/blocks.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "hz4/base/os.h"

namespace hz4 {
namespace {

constexpr CounterId kSummed = CounterId::kMallocCalls;

uint64_t Total(CounterId id) { return MergeStats()[id]; }

// What the core does when a thread ends.
struct ExitHandling {
  ~ExitHandling() {
    tls.exited = true;
    ReleaseStatsBlock();
  }
};

template <typename Body>
void InThread(const Body& body) {
  std::thread([&] {
    ExitHandling exit;
    body();
  }).join();
}

TEST(Counting, AddsUpOverThreadsThatCameAndWent) {
  uint64_t before = Total(kSummed);
  constexpr int kThreads = 8, kRounds = 20, kAdds = 1000;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([] {
        ExitHandling exit;
        for (int i = 0; i < kAdds; ++i) Counting::Add(kSummed);
        Counting::Add(kSummed, uint64_t{1} << 40);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  uint64_t threads = kThreads * kRounds;
  EXPECT_EQ(Total(kSummed) - before, threads * kAdds + (threads << 40));
}

TEST(Counting, CountsEveryCounterForItself) {
  StatsTotals before = MergeStats();
  for (size_t i = 0; i < kCounterCount; ++i) {
    if (kCounterRows[i].merge == CounterMerge::kSum)
      Counting::Add(static_cast<CounterId>(i), i + 1);
  }
  StatsTotals after = MergeStats();
  for (size_t i = 0; i < kCounterCount; ++i) {
    uint64_t expected = kCounterRows[i].merge == CounterMerge::kSum ? i + 1 : 0;
    EXPECT_EQ(after.v[i] - before.v[i], expected) << kCounterRows[i].id_name;
  }
}

TEST(Counting, MaximumIsOfAllThreads) {
  InThread([] {
    Counting::Max(CounterId::kLockWaitNsMax, 7);
    Counting::Max(CounterId::kLockWaitNsMax, 5);
  });
  InThread([] { Counting::Max(CounterId::kLockWaitNsMax, 6); });
  EXPECT_EQ(Total(CounterId::kLockWaitNsMax), 7u);
  Counting::Max(CounterId::kLockWaitNsMax, 8);
  EXPECT_EQ(Total(CounterId::kLockWaitNsMax), 8u);
}

TEST(StatsBlocks, AreReused) {
  InThread([] { Counting::Add(kSummed); });
  uint64_t calls = os::Calls();
  StatsBlock* first = nullptr;
  InThread([&] { first = StatsBlockOfThisThread(); });
  for (int i = 0; i < 1000; ++i) {
    InThread([&] { EXPECT_EQ(StatsBlockOfThisThread(), first); });
  }
  EXPECT_EQ(os::Calls(), calls) << "memory was mapped for threads that came one after the other";
  ASSERT_NE(first, nullptr);
}

TEST(StatsBlocks, AreOneThreadsOwn) {
  constexpr int kThreads = 200;  // more than one chunk holds
  std::vector<StatsBlock*> blocks(kThreads);
  std::vector<std::thread> threads;
  pthread_barrier_t all_have;
  pthread_barrier_init(&all_have, nullptr, kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      ExitHandling exit;
      blocks[t] = StatsBlockOfThisThread();
      EXPECT_EQ(blocks[t], StatsBlockOfThisThread());
      pthread_barrier_wait(&all_have);
    });
  }
  for (std::thread& thread : threads) thread.join();
  pthread_barrier_destroy(&all_have);
  std::sort(blocks.begin(), blocks.end());
  EXPECT_NE(blocks.front(), nullptr);
  EXPECT_EQ(std::unique(blocks.begin(), blocks.end()), blocks.end());
}

// The free list under threads that take and give back as fast as they can: no block has two
// threads.
TEST(StatsBlocks, TakeAndReleaseRace) {
  uint64_t before = Total(kSummed);
  constexpr int kThreads = 4, kRounds = 20000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < kRounds; ++i) {
        Counting::Add(kSummed);
        Counting::Add(kSummed);
        ReleaseStatsBlock();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Total(kSummed) - before, uint64_t{2} * kThreads * kRounds);
}

TEST(StatsBlocks, AfterItsExitAThreadCountsTogetherWithOthers) {
  uint64_t before = Total(kSummed);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      Counting::Add(kSummed);
      { ExitHandling exit; }
      for (int i = 0; i < 10000; ++i) Counting::Add(kSummed);
      Counting::Max(CounterId::kLockHoldNsMax, 100);
      EXPECT_EQ(StatsBlockOfThisThread(), nullptr);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Total(kSummed) - before, 4u * 10001);
  EXPECT_EQ(Total(CounterId::kLockHoldNsMax), 100u);
}

TEST(StatsBlocks, WithoutMemoryNothingIsLost) {
  uint64_t before = Total(kSummed);
  constexpr int kThreads = 300;  // more than there are free blocks
  pthread_barrier_t all_counted;
  pthread_barrier_init(&all_counted, nullptr, kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      ExitHandling exit;
      pthread_barrier_wait(&all_counted);
      for (int i = 0; i < 100; ++i) Counting::Add(kSummed);
      pthread_barrier_wait(&all_counted);
    });
    if (t == 0) os::FailNth(1, true);
  }
  for (std::thread& thread : threads) thread.join();
  os::FailNth(0, false);
  pthread_barrier_destroy(&all_counted);
  EXPECT_EQ(Total(kSummed) - before, uint64_t{kThreads} * 100);
}

TEST(StatsBlocks, WatchIsAskedOncePerThreadAndMayRefuse) {
  static thread_local int asked = 0;
  static bool answer = true;
  SetThreadWatch([] {
    ++asked;
    Counting::Add(kSummed);  // the watch may allocate
    return answer;
  });
  uint64_t before = Total(kSummed);
  InThread([] {
    Counting::Add(kSummed);
    Counting::Add(kSummed);
    EXPECT_EQ(asked, 1);
    EXPECT_NE(tls.stats, nullptr);
  });
  EXPECT_EQ(Total(kSummed) - before, 3u);
  answer = false;
  InThread([] {
    Counting::Add(kSummed);
    EXPECT_EQ(asked, 1);
    EXPECT_EQ(tls.stats, nullptr);
  });
  EXPECT_EQ(Total(kSummed) - before, 5u);
  SetThreadWatch(nullptr);
}

// A handler that counts while its thread is counting.
TEST(Counting, SurvivesSignalsOfItsOwnThread) {
  static std::atomic<uint64_t> in_handler{0};
  struct sigaction action = {};
  action.sa_handler = [](int) {
    Counting::Add(kSummed);
    Counting::Max(CounterId::kHoldBinscanStepsMax, ++in_handler);
  };
  action.sa_flags = SA_RESTART;
  struct sigaction before_action;
  ASSERT_EQ(sigaction(SIGRTMIN, &action, &before_action), 0);

  uint64_t before = Total(kSummed);
  constexpr uint64_t kAdds = 3000000;
  InThread([&] {
    timer_t timer;
    struct sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGRTMIN;
    event._sigev_un._tid = gettid();
    ASSERT_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    struct itimerspec every = {{0, 20000}, {0, 20000}};
    ASSERT_EQ(timer_settime(timer, 0, &every, nullptr), 0);
    uint64_t added = 0;
    while (added < kAdds || in_handler < 100) {
      Counting::Add(kSummed);
      ++added;
    }
    timer_delete(timer);
    before += added;
  });
  sigaction(SIGRTMIN, &before_action, nullptr);
  EXPECT_GE(in_handler, 100u);
  EXPECT_EQ(Total(kSummed) - before, in_handler);
  EXPECT_EQ(Total(CounterId::kHoldBinscanStepsMax), in_handler);
}

TEST(NotCounting, HasTheSameMembersAndDoesNothing) {
  StatsTotals before = MergeStats();
  NotCounting::Add(kSummed);
  NotCounting::Max(CounterId::kHoldBinscanStepsMax, ~uint64_t{0});
  EXPECT_FALSE(NotCounting::kOn);
  EXPECT_TRUE(Counting::kOn);
  StatsTotals after = MergeStats();
  for (size_t i = 0; i < kCounterCount; ++i) EXPECT_EQ(after.v[i], before.v[i]);
}

}  // namespace
}  // namespace hz4
