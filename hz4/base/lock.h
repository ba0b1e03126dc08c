// SPDX-License-Identifier: Apache-2.0
//
// The one lock of hz4. Every lock has a rank; a thread acquires in rising rank only.
//
//   if (!lock.Acquire()) <go the side way>;   // false: a fork is pending, or the thread holds it
//   ...
//   lock.Release();
//
// Rules (ARCHITECTURE of fork and signals):
// - Acquire is called inside a SlowScope, so a signal handler never finds its own thread in here.
// - While a fork is pending (Fork::Begin .. Fork::End) Acquire fails for everybody, at once or as
//   soon as it notices; nobody waits for hz4 during a fork. Locks are therefore never held across a
//   fork; Fork::Begin waits until each lock has been seen free (or held by the forking thread
//   itself, when fork is called by a signal handler that interrupted hz4).
// - A waiter spins briefly, because sections are short, then sleeps in the kernel, because the
//   holder may be preempted.
#ifndef HZ4_BASE_LOCK_H_
#define HZ4_BASE_LOCK_H_

#include <atomic>

#include "hz4/base/platform.h"

namespace hz4 {

// The lock order. A thread that holds a lock of rank r may acquire only ranks above r.
enum class LockRank : uint8_t {
  kThreadRegistry = 0,  // list of ThreadStates
  kFrontStop,           // making, stopping and draining per-CPU caches
  kFrontBudget,         // capacities of one front cache
  kMidClass,            // ladder: bins of one or more mid classes
  kMidTransfer,         // ladder: transfer cache
  kCentralArray,        // array of one size class and one part of the CPUs; parts in rising order
  kCentralArrayLast = kCentralArray + 7,
  kCentralClass,  // spans of one size class
  kPageSupply,    // ladder: segment of reserved pages
  kPageHeap,      // free spans, arena boundary, descriptors and bitmaps
  kCount,
};

class HZ4_CAPABILITY("lock") alignas(kCacheLine) Lock {
 public:
  // Locks are static or live in zeroed metadata; Init registers the lock with Fork. Call once,
  // before other threads can see the lock.
  void Init(LockRank rank);

  [[nodiscard]] bool Acquire() HZ4_TRY_ACQUIRE(true);
  // Like Acquire, but also fails at once when somebody holds the lock.
  [[nodiscard]] bool TryAcquire() HZ4_TRY_ACQUIRE(true);
  void Release() HZ4_RELEASE();

  bool HeldByMe() const;
  LockRank rank() const { return rank_; }

 private:
  friend class Fork;
  bool AcquireContended(uint64_t self);

  // 0: free. Else the holder's SelfId() and flags: kWaiters when somebody may be asleep, kForking
  // toggled when the holder forks (in a signal handler), so that nobody falls asleep on a value
  // from before. acq_rel exchange in Acquire pairs with the release exchange in Release.
  std::atomic<uint64_t> word_{0};
  Lock* next_ = nullptr;  // list of all locks, for Fork
  LockRank rank_ = LockRank::kThreadRegistry;

  static constexpr uint64_t kWaiters = 1;
  static constexpr uint64_t kForking = 2;
  static constexpr uint64_t kFlags = 15;  // SelfId() is a multiple of 16
  static uint64_t Holder(uint64_t word) { return word & ~kFlags; }
};

// Stops all slow paths for the time of a fork.
class Fork {
 public:
  static bool Pending() { return pending_.load(std::memory_order_seq_cst) != 0; }
  // Forks begun so far; wraps.
  static uint32_t Count() { return count_.load(std::memory_order_seq_cst); }
  static void Begin();        // before fork, in the forking thread; never waits for another fork
  static void EndInParent();  // after fork
  static void EndInChild();   // the only thread left: every lock not held by it is free again

 private:
  friend class Lock;
  // Number of forks under way. seq_cst, against the seq_cst CAS of a lock word: either Begin sees
  // the lock taken and waits, or the taker sees the fork pending and backs out.
  static std::atomic<uint32_t> pending_;
  // Bits of pending_: Begin gave up waiting for a lock; and, in a child, the state behind that lock
  // cannot be trusted: the child and its children stay on the side way.
  static constexpr uint32_t kGaveUp = 1u << 30;
  static constexpr uint32_t kStuck = 1u << 31;
  static std::atomic<uint32_t> count_;
  static std::atomic<Lock*> all_locks_;
};

}  // namespace hz4

#endif  // HZ4_BASE_LOCK_H_
