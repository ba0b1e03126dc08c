// SPDX-License-Identifier: Apache-2.0
//
// The registry of threads: identities, reuse, exit. Under every front.

#include "hz4/thread_state.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "hz4/base/lock.h"
#include "hz4/base/os.h"
#include "hz4/base/scope.h"
#include "hz4/check.h"
#include "hz4/gauges.h"
#include "hz4/hz4.h"
#include "hz4/internal_api.h"
#include "tests/core/sanitizers.h"
#include "tests/core/threads.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace {

ThreadState* Current() {
  SlowScope scope;
  return ThreadRegistry::Current();
}

struct Census {
  unsigned made = 0;
  unsigned in_use = 0;
};
Census TakeCensus() {
  Census census;
  for (const ThreadState* t = ThreadRegistry::First(); t != nullptr; t = t->next_all) {
    ++census.made;
    census.in_use += t->in_use.load();
  }
  return census;
}

TEST(ThreadState, IsTheThreadsOwnAndItsSerialIsNeverReused) {
  std::mutex mutex;
  std::set<uint64_t> serials;
  std::set<ThreadState*> states;
  ThreadState* mine = Current();
  ASSERT_NE(mine, nullptr);
  EXPECT_EQ(Current(), mine);
  EXPECT_TRUE(mine->in_use);
  serials.insert(mine->serial);
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> together{10};
    std::set<ThreadState*> at_once;
    test::RunThreads(10, [&](int) {
      ThreadState* state = Current();
      ASSERT_NE(state, nullptr);
      ASSERT_EQ(tls.thread, state);
      {
        std::lock_guard<std::mutex> hold(mutex);
        EXPECT_TRUE(serials.insert(state->serial).second) << "a serial twice";
        EXPECT_TRUE(at_once.insert(state).second) << "two living threads share a state";
        states.insert(state);
      }
      test::MeetAll(&together);
    });
    EXPECT_EQ(at_once.count(mine), 0u);
  }
  EXPECT_EQ(serials.count(0), 0u);
  EXPECT_LE(states.size(), 11u) << "states of ended threads are used again";
  EXPECT_EQ(Current(), mine);
}

TEST(ThreadState, EndedThreadsAreNotInUse) {
  const Census before = TakeCensus();
  test::RunThreads(12, [](int) { EXPECT_NE(Current(), nullptr); });
  const Census after = TakeCensus();
  EXPECT_EQ(after.in_use, before.in_use);
  EXPECT_LE(after.made, before.made + 12);
}

TEST(ThreadState, ThereIsNoneDuringAForkNorWithoutMemory) {
  std::thread([] {
    Fork::Begin();
    EXPECT_EQ(Current(), nullptr);
    EXPECT_NE(hz4_malloc(10), nullptr) << "works without";  // lost on purpose: 10 bytes
    Fork::EndInParent();
    EXPECT_NE(Current(), nullptr) << "asked again, it is there";
  }).join();
}

TEST(ThreadState, AThreadThatExitedGetsNoneAnyMore) {
  std::thread([] {
    ASSERT_NE(Current(), nullptr);
    ThreadRegistry::ExitThread();
    EXPECT_EQ(tls.thread, nullptr);
    EXPECT_EQ(Current(), nullptr);
    std::vector<void*> blocks;
    for (size_t size = 1; size < 400000; size = size * 3 + 1) blocks.push_back(hz4_malloc(size));
    for (void* p : blocks) {
      ASSERT_NE(p, nullptr);
      hz4_free(p);
    }
    ThreadRegistry::ExitThread();
  }).join();
  EXPECT_EQ(CheckAll(), nullptr);
}

// Thousands of threads, some tens at once, each with some use of every layer: nothing piles up.
TEST(ThreadState, ThreadsByTheThousand) {
  const auto wave = [] {
    test::RunThreads(25, [](int t) {
      std::vector<void*> blocks;
      for (int i = 0; i < 60; ++i) {
        blocks.push_back(hz4_malloc(static_cast<size_t>(1 + i * 997 % 40000 + t)));
        ASSERT_NE(blocks.back(), nullptr);
        *static_cast<char*>(blocks.back()) = 1;
      }
      blocks.push_back(hz4_malloc(300000));
      for (void* p : blocks) hz4_free(p);
    });
  };
  const auto live = [] {
    hz4_release_memory();
    Gauges gauges;
    FillGauges(&gauges);
    return gauges.live_bytes;
  };
  const uint64_t live_before = live();
  const Census before = TakeCensus();
  for (int i = 0; i < 20; ++i) wave();
  const size_t resident = os::ResidentBytes();
  const int waves = test::kUnderTsan || test::kUnderAsan ? 40 : 180;
  for (int i = 0; i < waves; ++i) wave();
  EXPECT_LE(TakeCensus().made, before.made + 26) << "one for each that lives at a time";
  EXPECT_EQ(TakeCensus().in_use, before.in_use);
  EXPECT_EQ(live(), live_before);
  EXPECT_EQ(CheckAll(), nullptr);
  if (!test::kUnderTsan && !test::kUnderAsan) {  // their own books grow
    EXPECT_LE(os::ResidentBytes(), resident + (size_t{4} << 20));
  }
}

}  // namespace
}  // namespace hz4
