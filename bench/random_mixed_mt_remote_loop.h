// SPDX-License-Identifier: Apache-2.0
//
// The lanes' loop, over whatever stands in for the allocator. One loop, two programs: with malloc
// it is the benchmark, with an array it is the ceiling.
//
// One thread, per iteration:
//   1. free everything in the own ring;
//   2. draw a slot;
//   3. draw a size, also when this iteration will free;
//   4. slot occupied: empty it; with probability remote_pct/100 (drawn only where there is more
//      than one thread) send the block to the next thread, else free it. A full ring means: free it
//      here, counted as fallback; or with `matched`: free what the own ring holds, yield, try
//      again;
//   5. slot empty: allocate, write what `touch` asks for, store.
// A thread that has finished goes on draining its ring until its sender is done, with `matched`,
// for the sender may be waiting; what is left in rings and slots is freed after the clock has
// stopped.
//
// ops counts blocks allocated and blocks freed while the clock runs, a remote free where it is
// freed. Apart from that (what is left in a ring is a matter of timing) all counts follow from the
// arguments: no draw depends on another thread.
//
// A policy is one object per thread:
//   Policy(const RandomMixedArgs&, int thread);   may fail: then Ready() is false
//   bool Ready() const;
//   void* Allocate(std::size_t size);              nullptr: failed, counted
//   void Free(void* block);                        a block of any thread

#ifndef HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_LOOP_H_
#define HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_LOOP_H_

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "bench/random_mixed_mt_remote_args.h"
#include "bench/random_mixed_mt_remote_report.h"
#include "bench/random_mixed_mt_remote_ring.h"

namespace hz4 {

// 32-bit linear congruential generator; every thread has its own seed.
class Lcg {
 public:
  explicit Lcg(int thread) : x_(0x12345678u + 977u * static_cast<std::uint32_t>(thread)) {}
  std::uint32_t Next() { return x_ = x_ * 1664525u + 1013904223u; }

 private:
  std::uint32_t x_;
};

inline std::int64_t MonotonicNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000L + now.tv_nsec;
}

inline void BusyWait(double ns) {
  const std::int64_t end = MonotonicNs() + static_cast<std::int64_t>(ns);
  while (MonotonicNs() < end) {
  }
}

template <class Policy>
class RandomMixedThread {
 public:
  RandomMixedThread(const RandomMixedArgs& args, int thread)
      : args_(args), policy_(args, thread), rng_(thread) {
    slots_ = static_cast<void**>(std::calloc(static_cast<std::size_t>(args.ws), sizeof(void*)));
    ready_ = policy_.Ready() && slots_ != nullptr &&
             ring_.Reserve(static_cast<std::size_t>(args.ring_slots));
  }
  ~RandomMixedThread() { std::free(slots_); }
  RandomMixedThread(const RandomMixedThread&) = delete;
  RandomMixedThread& operator=(const RandomMixedThread&) = delete;

  bool ready() const { return ready_; }
  const RandomMixedCounts& counts() const { return counts_; }

  // `sender` sends to this thread, this thread sends to `receiver`.
  void Run(const RandomMixedThread& sender, RandomMixedThread* receiver) {
    switch (args_.touch) {
      case Touch::kNone:
        Loop<Touch::kNone>(&receiver->ring_);
        break;
      case Touch::kEnds:
        Loop<Touch::kEnds>(&receiver->ring_);
        break;
      case Touch::kAll:
        Loop<Touch::kAll>(&receiver->ring_);
        break;
    }
    done_.store(true, std::memory_order_release);
    if (args_.matched) DrainUntilDone(sender);
  }

  // After the clock has stopped and every thread has ended.
  void FreeLeftovers() {
    const std::size_t left = ring_.Drain([this](void* block) { policy_.Free(block); });
    counts_.peak_ring_depth = std::max<std::uint64_t>(counts_.peak_ring_depth, left);
    counts_.leftover += left;
    for (int i = 0; i < args_.ws; ++i) {
      if (slots_[i] == nullptr) continue;
      policy_.Free(slots_[i]);
      slots_[i] = nullptr;
      ++counts_.leftover;
    }
  }

 private:
  // The clock is asked for a delay, and the loop interrupted, this seldom: the loop itself stays
  // the same with and without.
  static constexpr long kChunk = 4096;

  template <Touch kTouch>
  void Loop(Ring* out) {
    for (long left = args_.iters; left > 0; left -= kChunk) {
      const long chunk = std::min(left, kChunk);
      Iterate<kTouch>(chunk, out);
      if (args_.delay_ns > 0) BusyWait(args_.delay_ns * static_cast<double>(chunk));
    }
  }

  template <Touch kTouch>
  void Iterate(long iterations, Ring* out) {
    // Locals, so that a store into a block cannot be taken for a change of them.
    Lcg rng = rng_;
    void** const slots = slots_;
    const std::uint32_t ws = static_cast<std::uint32_t>(args_.ws);
    const std::uint32_t min = static_cast<std::uint32_t>(args_.min);
    const std::uint32_t sizes = static_cast<std::uint32_t>(args_.max - args_.min + 1);
    const std::uint32_t remote_pct = static_cast<std::uint32_t>(args_.remote_pct);
    const bool alone = args_.threads == 1;
    std::uint64_t mallocs = 0;
    std::uint64_t frees = 0;
    for (; iterations > 0; --iterations) {
      DrainOwnRing();
      void** const slot = &slots[rng.Next() % ws];
      const std::size_t size = static_cast<std::size_t>(min) + rng.Next() % sizes;
      void* block = *slot;
      if (block != nullptr) {
        *slot = nullptr;
        if (!alone && rng.Next() % 100 < remote_pct) {
          Send(out, block);
        } else {
          policy_.Free(block);
          ++frees;
        }
      } else {
        block = policy_.Allocate(size);
        if (__builtin_expect(block == nullptr, 0)) {
          ++counts_.alloc_failed;
          continue;
        }
        Write<kTouch>(static_cast<char*>(block), size);
        *slot = block;
        ++mallocs;
      }
    }
    rng_ = rng;
    counts_.mallocs += mallocs;
    counts_.local_frees += frees;
  }

  template <Touch kTouch>
  static void Write(char* block, std::size_t size) {
    if constexpr (kTouch == Touch::kEnds) {
      // volatile: the compiler must not drop what nobody reads.
      static_cast<volatile char*>(block)[0] = 1;
      static_cast<volatile char*>(block)[size - 1] = 1;
    } else if constexpr (kTouch == Touch::kAll) {
      std::memset(block, 1, size);
      asm volatile("" : : "r"(block) : "memory");
    }
  }

  void DrainOwnRing() {
    const std::size_t drained = ring_.Drain([this](void* block) { policy_.Free(block); });
    if (drained == 0) return;
    counts_.remote_frees += drained;
    if (drained > counts_.peak_ring_depth) counts_.peak_ring_depth = drained;
  }

  void Send(Ring* out, void* block) {
    while (!out->Push(block)) {
      if (!args_.matched) {
        policy_.Free(block);
        ++counts_.fallbacks;
        ++counts_.local_frees;
        return;
      }
      DrainOwnRing();
      sched_yield();
    }
    ++counts_.sent;
  }

  void DrainUntilDone(const RandomMixedThread& sender) {
    while (!sender.done_.load(std::memory_order_acquire)) {
      DrainOwnRing();
      sched_yield();
    }
    DrainOwnRing();
  }

  const RandomMixedArgs args_;
  Policy policy_;
  Lcg rng_;
  void** slots_ = nullptr;
  bool ready_ = false;
  RandomMixedCounts counts_;
  alignas(64) std::atomic<bool> done_{false};
  Ring ring_;  // what this thread receives
};

// The process has nothing left to measure: says why and ends it, for threads may be running.
[[noreturn]] inline void CannotRun(const char* why) {
  std::fprintf(stderr, "random_mixed_mt_remote: %s\n", why);
  std::_Exit(EXIT_FAILURE);
}

// Runs all threads to their end and frees everything. Threads, rings and slots come from malloc.
template <class Policy>
RandomMixedCounts RunRandomMixed(const RandomMixedArgs& args) {
  using Thread = RandomMixedThread<Policy>;
  const std::size_t count = static_cast<std::size_t>(args.threads);
  std::vector<std::unique_ptr<Thread>> states;
  std::vector<std::thread> threads;
  RandomMixedCounts total;
  try {
    threads.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      states.push_back(std::make_unique<Thread>(args, static_cast<int>(i)));
      if (!states.back()->ready()) throw std::bad_alloc();
    }
    const std::int64_t start = MonotonicNs();
    for (std::size_t i = 0; i < count; ++i) {
      const Thread* sender = states[(i + count - 1) % count].get();
      Thread* receiver = states[(i + 1) % count].get();
      threads.emplace_back(&Thread::Run, states[i].get(), std::cref(*sender), receiver);
    }
    for (std::thread& thread : threads) thread.join();
    total.seconds = static_cast<double>(MonotonicNs() - start) * 1e-9;
  } catch (const std::bad_alloc&) {
    CannotRun("no memory for threads, rings and slots");
  } catch (const std::system_error&) {
    CannotRun("a thread could not be started");
  }
  for (const std::unique_ptr<Thread>& state : states) {
    state->FreeLeftovers();
    total.Add(state->counts());
  }
  return total;
}

}  // namespace hz4

#endif  // HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_LOOP_H_
