// SPDX-License-Identifier: Apache-2.0
//
// Counting: each thread adds to a block of its own, so that nothing is shared and nothing is lost;
// a block outlives its thread, and a later thread goes on with it, so totals add up.
//
//   template <class Stats> void* Refill(...) { ... Stats::Add(CounterId::kFrontRefill); ... }
//
// with Stats = Counting or NotCounting: off is a type with the same members and no code.
#ifndef HZ4_STATS_BLOCKS_H_
#define HZ4_STATS_BLOCKS_H_

#include <atomic>

#include "hz4/base/platform.h"
#include "hz4/base/tls.h"
#include "hz4/stats/counters.h"

namespace hz4 {

// Written by its thread alone, read by anyone.
struct alignas(kCacheLine) StatsBlock {
  std::atomic<uint64_t> v[kCounterCount];
  std::atomic<StatsBlock*> next_free;  // meaningful while no thread has the block
};

// The calling thread's block. nullptr: no memory, or the thread's exit was handled already;
// Counting then adds to a block that all such threads share. Takes no lock; may run in a signal
// handler.
StatsBlock* StatsBlockOfThisThread();

// Hands the calling thread's block to a later thread; call when the thread's exit is handled.
void ReleaseStatsBlock();

// Called by a thread that is about to take its first block, so that its exit will be handled (and
// ReleaseStatsBlock called). False: it cannot be; the thread counts into the shared block. Set
// once, before threads count; without it blocks are taken and never released.
void SetThreadWatch(bool (*watch)());

// Over all blocks. Consistent per counter while others count.
StatsTotals MergeStats();

struct NotCounting {
  static constexpr bool kOn = false;
  static void Add(CounterId, uint64_t = 1) {}
  static void Max(CounterId, uint64_t) {}
};

struct Counting {
  static constexpr bool kOn = true;

  // One instruction without a lock prefix: atomic against the thread's own signal handlers, which
  // is all that a block needs.
  static void Add(CounterId id, uint64_t n = 1) {
    StatsBlock* block = tls.stats;
    if (HZ4_UNLIKELY(block == nullptr)) return AddSlow(id, n);
    __asm__("addq %1, %0" : "+m"(block->v[static_cast<size_t>(id)]) : "er"(n) : "cc");
  }
  static void Max(CounterId id, uint64_t n);

 private:
  static void AddSlow(CounterId id, uint64_t n);
};

}  // namespace hz4

#endif  // HZ4_STATS_BLOCKS_H_
