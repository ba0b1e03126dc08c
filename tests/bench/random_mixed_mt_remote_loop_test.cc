// SPDX-License-Identifier: Apache-2.0
//
// The lanes' loop over an allocator that keeps books, compared with a second, obvious reading of
// its specification; and the ring it sends blocks through.

#include "bench/random_mixed_mt_remote_loop.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "bench/random_mixed_mt_remote_ring.h"

namespace hz4 {
namespace {

void* Pointer(std::uint64_t number) { return reinterpret_cast<void*>(number + 1); }

TEST(RingTest, HoldsExactlyItsSlotsAndKeepsTheOrder) {
  for (const std::size_t slots : {1, 2, 3, 5, 8, 1000}) {
    Ring ring;
    ASSERT_TRUE(ring.Reserve(slots));
    std::uint64_t pushed = 0;
    std::uint64_t taken = 0;
    for (int round = 0; round < 5; ++round) {
      for (std::size_t i = 0; i < slots; ++i) ASSERT_TRUE(ring.Push(Pointer(pushed++))) << slots;
      ASSERT_FALSE(ring.Push(Pointer(0))) << slots;
      EXPECT_EQ(ring.Drain([&](void* pointer) { ASSERT_EQ(pointer, Pointer(taken++)); }), slots);
      EXPECT_EQ(ring.Drain([&](void*) { FAIL(); }), 0u);
    }
    EXPECT_EQ(pushed, taken);
  }
}

TEST(RingTest, SlotIsFreeAgainAsSoonAsItsPointerIsTaken) {
  Ring ring;
  ASSERT_TRUE(ring.Reserve(4));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(ring.Push(Pointer(0)));
  int taken = 0;
  ring.Drain([&](void*) {
    ++taken;
    EXPECT_TRUE(ring.Push(Pointer(1)));  // one out, one in
    EXPECT_FALSE(ring.Push(Pointer(1)));
  });
  EXPECT_EQ(taken, 4) << "a drain takes what was there when it began";
}

TEST(RingTest, NothingIsLostBetweenTwoThreads) {
  constexpr std::uint64_t kCount = 200000;
  Ring ring;
  ASSERT_TRUE(ring.Reserve(7));
  std::thread sender([&] {
    for (std::uint64_t i = 0; i < kCount;) {
      if (ring.Push(Pointer(i))) {
        ++i;
      } else {
        sched_yield();
      }
    }
  });
  std::uint64_t next = 0;
  bool in_order = true;
  while (next < kCount) {
    if (ring.Drain([&](void* pointer) { in_order &= pointer == Pointer(next++); }) == 0) {
      sched_yield();
    }
  }
  sender.join();
  EXPECT_TRUE(in_order);
}

// Counts what the loop asks of it, over all threads, and fails every `fail_every`-th call.
struct Books {
  std::mutex mutex;
  std::set<void*> live;
  std::uint64_t mallocs = 0;
  std::uint64_t frees = 0;
  std::uint64_t failures = 0;
  std::uint64_t fail_every = 0;
  std::uint64_t wrong_frees = 0;
  std::size_t smallest = SIZE_MAX;
  std::size_t largest = 0;
  std::vector<std::size_t> first_sizes;  // of thread 0
};
Books* g_books = nullptr;

class BookKeeper {
 public:
  BookKeeper(const RandomMixedArgs&, int thread) : thread_(thread) {}
  bool Ready() const { return true; }
  void* Allocate(std::size_t size) {
    const std::lock_guard<std::mutex> lock(g_books->mutex);
    if (thread_ == 0 && g_books->first_sizes.size() < 1000) g_books->first_sizes.push_back(size);
    const std::uint64_t calls = g_books->mallocs + g_books->failures + 1;
    if (g_books->fail_every != 0 && calls % g_books->fail_every == 0) {
      ++g_books->failures;
      return nullptr;
    }
    ++g_books->mallocs;
    g_books->smallest = std::min(g_books->smallest, size);
    g_books->largest = std::max(g_books->largest, size);
    void* const block = std::malloc(size);
    g_books->live.insert(block);
    return block;
  }
  void Free(void* block) {
    const std::lock_guard<std::mutex> lock(g_books->mutex);
    ++g_books->frees;
    if (g_books->live.erase(block) == 1) {
      std::free(block);
    } else {
      ++g_books->wrong_frees;
    }
  }

 private:
  const int thread_;
};

RandomMixedArgs Args(int threads, int remote_pct, int ring_slots) {
  RandomMixedArgs args;
  args.threads = threads;
  args.iters = 20000;
  args.ws = 50;
  args.min = 16;
  args.max = 300;
  args.remote_pct = remote_pct;
  args.ring_slots = ring_slots;
  return args;
}

// The specification of one thread, read again: which iterations allocate, and which frees were to
// be remote. None of it depends on other threads.
struct Expected {
  std::uint64_t mallocs = 0;
  std::uint64_t frees = 0;
  std::uint64_t to_be_remote = 0;
  std::vector<std::size_t> sizes;
};

Expected Simulate(const RandomMixedArgs& args, int thread) {
  std::uint64_t x = 0x12345678 + 977 * static_cast<std::uint64_t>(thread);
  const auto draw = [&x] { return x = (x * 1664525 + 1013904223) % (std::uint64_t{1} << 32); };
  std::vector<bool> occupied(static_cast<std::size_t>(args.ws));
  Expected expected;
  for (long i = 0; i < args.iters; ++i) {
    const std::size_t slot = draw() % static_cast<std::uint64_t>(args.ws);
    const std::size_t size = static_cast<std::size_t>(args.min) +
                             draw() % static_cast<std::uint64_t>(args.max - args.min + 1);
    if (!occupied[slot]) {
      ++expected.mallocs;
      expected.sizes.push_back(size);
    } else {
      ++expected.frees;
      if (args.threads > 1 && draw() % 100 < static_cast<std::uint64_t>(args.remote_pct)) {
        ++expected.to_be_remote;
      }
    }
    occupied[slot] = !occupied[slot];
  }
  return expected;
}

Expected SimulateAll(const RandomMixedArgs& args) {
  Expected all;
  for (int thread = 0; thread < args.threads; ++thread) {
    const Expected one = Simulate(args, thread);
    all.mallocs += one.mallocs;
    all.frees += one.frees;
    all.to_be_remote += one.to_be_remote;
  }
  return all;
}

class LoopTest : public testing::Test {
 protected:
  LoopTest() { g_books = &books_; }
  ~LoopTest() override { g_books = nullptr; }

  RandomMixedCounts RunLoop(const RandomMixedArgs& args) {
    const RandomMixedCounts counts = RunRandomMixed<BookKeeper>(args);
    EXPECT_EQ(books_.wrong_frees, 0u);
    EXPECT_TRUE(books_.live.empty()) << books_.live.size() << " blocks were never freed";
    EXPECT_EQ(books_.mallocs, counts.mallocs);
    EXPECT_EQ(books_.frees, counts.Frees() + counts.leftover);
    EXPECT_EQ(counts.mallocs, counts.Frees() + counts.leftover);
    EXPECT_EQ(counts.Ops(), counts.mallocs + counts.local_frees + counts.remote_frees);
    EXPECT_EQ(books_.failures, counts.alloc_failed);
    EXPECT_GT(counts.seconds, 0);
    return counts;
  }

  Books books_;
};

TEST_F(LoopTest, OneThreadDoesExactlyWhatTheSpecificationSays) {
  const RandomMixedArgs args = Args(1, 50, 16);
  const RandomMixedCounts counts = RunLoop(args);
  Expected expected = Simulate(args, 0);
  EXPECT_EQ(counts.mallocs, expected.mallocs);
  EXPECT_EQ(counts.local_frees, expected.frees);
  EXPECT_EQ(counts.Ops(), static_cast<std::uint64_t>(args.iters));
  EXPECT_EQ(counts.sent + counts.fallbacks + counts.remote_frees, 0u) << "alone, nothing is remote";
  expected.sizes.resize(books_.first_sizes.size());
  EXPECT_EQ(books_.first_sizes, expected.sizes);
  EXPECT_EQ(books_.smallest, 16u);
  EXPECT_EQ(books_.largest, 300u);
}

TEST_F(LoopTest, WithoutRemoteFreesEveryCountIsDetermined) {
  const RandomMixedArgs args = Args(4, 0, 16);
  const RandomMixedCounts counts = RunLoop(args);
  const Expected expected = SimulateAll(args);
  EXPECT_EQ(counts.mallocs, expected.mallocs);
  EXPECT_EQ(counts.local_frees, expected.frees);
  EXPECT_EQ(counts.leftover, expected.mallocs - expected.frees);
  EXPECT_EQ(counts.peak_ring_depth, 0u);
}

TEST_F(LoopTest, RemoteFreesGoThroughRingsOrFallBack) {
  const RandomMixedArgs args = Args(3, 90, 8);
  const RandomMixedCounts counts = RunLoop(args);
  const Expected expected = SimulateAll(args);
  EXPECT_EQ(counts.mallocs, expected.mallocs);
  EXPECT_EQ(counts.sent + counts.fallbacks, expected.to_be_remote);
  EXPECT_EQ(counts.local_frees, expected.frees - counts.sent);
  EXPECT_LE(counts.remote_frees, counts.sent);
  EXPECT_LE(counts.peak_ring_depth, 8u);
  EXPECT_GT(counts.peak_ring_depth, 0u);
  // About 90 percent of the frees were to be remote: the draw is a fair one.
  EXPECT_NEAR(static_cast<double>(expected.to_be_remote) / static_cast<double>(expected.frees), 0.9,
              0.02);
}

TEST_F(LoopTest, MatchedThreadsNeverFallBackAndLeaveNothingInRings) {
  for (const int ring_slots : {1, 8, 65536}) {
    books_.mallocs = books_.frees = 0;
    RandomMixedArgs args = Args(4, 90, ring_slots);
    args.matched = true;
    const RandomMixedCounts counts = RunLoop(args);
    const Expected expected = SimulateAll(args);
    EXPECT_EQ(counts.fallbacks, 0u);
    EXPECT_EQ(counts.sent, expected.to_be_remote);
    EXPECT_EQ(counts.remote_frees, expected.to_be_remote) << "every ring was drained in time";
    EXPECT_EQ(counts.local_frees, expected.frees - expected.to_be_remote);
    EXPECT_EQ(counts.leftover, expected.mallocs - expected.frees) << "only slots held blocks";
  }
}

TEST_F(LoopTest, FailedAllocationsAreCountedAndTheSlotStaysEmpty) {
  books_.fail_every = 7;
  const RandomMixedArgs args = Args(2, 50, 64);
  const RandomMixedCounts counts = RunLoop(args);
  EXPECT_GT(counts.alloc_failed, 1000u);
}

TEST_F(LoopTest, TouchedBlocksStayWithinTheirSize) {
  for (const Touch touch : {Touch::kEnds, Touch::kAll}) {  // ASan sees a byte too many
    books_.mallocs = books_.frees = 0;
    RandomMixedArgs args = Args(2, 50, 64);
    args.touch = touch;
    RunLoop(args);
  }
}

TEST_F(LoopTest, DelayIsAddedToTheTime) {
  RandomMixedArgs args = Args(1, 0, 1);
  args.delay_ns = 5000;
  EXPECT_GE(RunLoop(args).seconds, 20000 * 5000e-9);
}

}  // namespace
}  // namespace hz4
