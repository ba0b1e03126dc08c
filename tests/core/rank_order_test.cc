// SPDX-License-Identifier: Apache-2.0
//
// The rules of locking, watched while everything runs: the linker puts this file's functions before
// those of Lock (--wrap, see BUILD). A thread acquires in rising rank only, and inside of a
// SlowScope only. Under every front, map and box.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hz4/base/lock.h"
#include "hz4/base/tls.h"
#include "hz4/check.h"
#include "hz4/gauges.h"
#include "hz4/hz4.h"
#include "hz4/internal_api.h"
#include "tests/core/fake_clock.h"
#include "tests/core/in_child.h"
#include "tests/core/sanitizers.h"
#include "tests/core/threads.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace {

constexpr int kRanks = static_cast<int>(LockRank::kCount);

// The ranks that this thread holds, innermost last. No allocation: it runs inside of hz4.
struct Held {
  const Lock* locks[16];
  int count;
};
thread_local Held held;
std::atomic<long> acquired[kRanks];
std::atomic<long> nested[kRanks][kRanks];  // [outer][inner]
std::atomic<long> outside_of_scope{0};

void Acquired(const Lock* lock) {
  const int rank = static_cast<int>(lock->rank());
  acquired[rank].fetch_add(1, std::memory_order_relaxed);
  if (tls.busy == 0) outside_of_scope.fetch_add(1, std::memory_order_relaxed);
  for (int i = 0; i < held.count; ++i) {
    nested[static_cast<int>(held.locks[i]->rank())][rank].fetch_add(1, std::memory_order_relaxed);
  }
  if (held.count < 16) held.locks[held.count] = lock;
  ++held.count;
}
void Released(const Lock* lock) {
  for (int i = held.count - 1; i >= 0; --i) {
    if (i < 16 && held.locks[i] != lock) continue;
    for (int k = i; k + 1 < held.count && k + 1 < 16; ++k) held.locks[k] = held.locks[k + 1];
    --held.count;
    return;
  }
}

}  // namespace

extern "C" {
bool __real__ZN3hz44Lock7AcquireEv(Lock* lock);
bool __real__ZN3hz44Lock10TryAcquireEv(Lock* lock);
void __real__ZN3hz44Lock7ReleaseEv(Lock* lock);

bool __wrap__ZN3hz44Lock7AcquireEv(Lock* lock) {
  if (!__real__ZN3hz44Lock7AcquireEv(lock)) return false;
  Acquired(lock);
  return true;
}
bool __wrap__ZN3hz44Lock10TryAcquireEv(Lock* lock) {
  if (!__real__ZN3hz44Lock10TryAcquireEv(lock)) return false;
  Acquired(lock);
  return true;
}
void __wrap__ZN3hz44Lock7ReleaseEv(Lock* lock) {
  Released(lock);
  __real__ZN3hz44Lock7ReleaseEv(lock);
}
}

namespace {

void ExpectOrder() {
  for (int outer = 0; outer < kRanks; ++outer) {
    for (int inner = 0; inner <= outer; ++inner) {
      EXPECT_EQ(nested[outer][inner], 0)
          << "a lock of rank " << inner << " acquired under one of rank " << outer
          << " (LockRank, hz4/base/lock.h)";
    }
  }
  EXPECT_EQ(outside_of_scope, 0) << "a lock acquired outside of a SlowScope";
  EXPECT_EQ(held.count, 0) << "a lock is still held";
}

void UseEverything(uint64_t seed, int steps) {
  test::Random random(seed);
  std::vector<void*> live(300, nullptr);
  for (int step = 0; step < steps; ++step) {
    void*& p = live[random.In(0, live.size() - 1)];
    const size_t size = random.In(0, random.OneIn(30) ? 1 << 20 : random.OneIn(3) ? 70000 : 3000);
    switch (random.In(0, 5)) {
      case 0:
        p = hz4_realloc(p, size + 1);
        break;
      case 1:
        hz4_free(p);
        p = hz4_memalign(size_t{1} << random.In(4, 15), size);
        break;
      case 2:
        hz4_free(p);
        p = hz4_calloc(1, size);
        break;
      default:
        hz4_free(p);
        p = hz4_malloc(size);
    }
    ASSERT_NE(p, nullptr);
    if (step % 1000 == 999) hz4_release_memory();
  }
  for (void* p : live) hz4_free(p);
}

TEST(RankOrder, HoldsInEverythingThatIsDone) {
  UseEverything(test::Seed(), 5000);
  for (int round = 0; round < 5; ++round) {
    test::AdvanceClock(2);
    test::RunThreads(4, [round](int t) {
      UseEverything(test::Seed() + static_cast<uint64_t>(round * 10 + t), 2500);
      EXPECT_EQ(held.count, 0);
    });
    Gauges gauges;
    FillGauges(&gauges);
    EXPECT_EQ(CheckAll(), nullptr);
    hz4_release_memory();
  }
  EXPECT_EQ(test::InChild([] {
              UseEverything(test::Seed(), 2000);
              hz4_release_memory();
              EXPECT_EQ(CheckAll(), nullptr);
              ExpectOrder();
            }),
            "");
  ExpectOrder();
  // The watch was there: what every policy needs was seen.
  for (LockRank rank : {LockRank::kCentralClass, LockRank::kPageHeap}) {
    EXPECT_GT(acquired[static_cast<int>(rank)], 0) << static_cast<int>(rank);
  }
}

TEST(RankOrder, TheWatchSeesAWrongOrder) {
  Lock low, high;  // never freed from the list of locks: this process ends here
  EXPECT_EQ(test::InChild([&] {
              low.Init(LockRank::kCentralClass);
              high.Init(LockRank::kPageHeap);
              ASSERT_TRUE(high.Acquire());
              ASSERT_TRUE(low.Acquire());
              EXPECT_EQ(nested[static_cast<int>(LockRank::kPageHeap)]
                              [static_cast<int>(LockRank::kCentralClass)],
                        1);
              EXPECT_EQ(outside_of_scope, 2);
              EXPECT_EQ(held.count, 2);
              high.Release();
              low.Release();
              EXPECT_EQ(held.count, 0);
            }),
            "");
}

}  // namespace
}  // namespace hz4
