// SPDX-License-Identifier: Apache-2.0
#include "hz4/base/lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#include "hz4/base/syscall.h"
#include "hz4/base/tls.h"

namespace hz4 {

std::atomic<uint32_t> Fork::pending_{0};
std::atomic<uint32_t> Fork::count_{0};
std::atomic<Lock*> Fork::all_locks_{nullptr};

namespace {

// Sections last well under a microsecond; 100 pauses are about 1.5 us on current processors.
constexpr int kSpins = 100;

// The futex is the low half of a lock word: thread pointers differ there, or in the waiters bit.
uint32_t* FutexOf(std::atomic<uint64_t>* word) { return reinterpret_cast<uint32_t*>(word); }

void FutexWait(std::atomic<uint64_t>* word, uint64_t expected) {
  Syscall(SYS_futex, SyscallArg(FutexOf(word)), FUTEX_WAIT | FUTEX_PRIVATE_FLAG,
          static_cast<long>(static_cast<uint32_t>(expected)), 0);
}
void FutexWake(std::atomic<uint64_t>* word, int count) {
  Syscall(SYS_futex, SyscallArg(FutexOf(word)), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count);
}

}  // namespace

void Lock::Init(LockRank rank) {
  rank_ = rank;
  Lock* head = Fork::all_locks_.load(std::memory_order_relaxed);
  do {
    next_ = head;
  } while (!Fork::all_locks_.compare_exchange_weak(head, this, std::memory_order_release));
}

bool Lock::HeldByMe() const { return Holder(word_.load(std::memory_order_relaxed)) == SelfId(); }

bool Lock::Acquire() {
  const uint64_t self = SelfId();
  uint64_t expected = 0;
  if (HZ4_UNLIKELY(!word_.compare_exchange_strong(expected, self, std::memory_order_seq_cst))) {
    if (!AcquireContended(self)) return false;
  }
  if (HZ4_UNLIKELY(Fork::Pending())) {
    Release();
    return false;
  }
  return true;
}

bool Lock::TryAcquire() {
  uint64_t expected = 0;
  if (!word_.compare_exchange_strong(expected, SelfId(), std::memory_order_seq_cst)) return false;
  if (HZ4_UNLIKELY(Fork::Pending())) {
    Release();
    return false;
  }
  return true;
}

bool Lock::AcquireContended(uint64_t self) {
  for (int i = 0; i < kSpins; ++i) {
    __builtin_ia32_pause();
    uint64_t expected = 0;
    if (word_.load(std::memory_order_relaxed) == 0 &&
        word_.compare_exchange_strong(expected, self, std::memory_order_seq_cst)) {
      return true;
    }
  }
  bool slept = false;
  for (;;) {
    uint64_t seen = word_.load(std::memory_order_relaxed);
    if (seen == 0) {
      // Others may be asleep as well: keep the bit, the release then wakes one in vain at worst.
      if (word_.compare_exchange_strong(seen, self | kWaiters, std::memory_order_seq_cst)) {
        return true;
      }
      continue;
    }
    if (Holder(seen) == self) return false;
    if ((seen & kWaiters) == 0 && !word_.compare_exchange_strong(seen, seen | kWaiters)) continue;
    if (Fork::Pending()) {
      if (slept) FutexWake(&word_, 1);  // the wake that reached us may have been another's
      return false;
    }
    FutexWait(&word_, seen | kWaiters);
    slept = true;
  }
}

void Lock::Release() {
  if (HZ4_UNLIKELY(word_.exchange(0, std::memory_order_seq_cst) & kWaiters)) FutexWake(&word_, 1);
}

void Fork::Begin() {
  count_.fetch_add(1, std::memory_order_seq_cst);
  pending_.fetch_add(1, std::memory_order_seq_cst);
  const uint64_t self = SelfId();
  // Holders leave within microseconds unless they are descheduled. The exception is a holder whose
  // signal handler forks as well and waits here for us: then, after about a second, we go on, and
  // EndInChild leaves the child on the side way for good.
  const timespec nap = {0, 200 * 1000};
  int naps_left = 5000;
  for (Lock* l = all_locks_.load(std::memory_order_acquire); l != nullptr; l = l->next_) {
    for (;;) {
      uint64_t seen = l->word_.load(std::memory_order_seq_cst);
      const bool mine = Lock::Holder(seen) == self;
      if (mine) seen = l->word_.fetch_xor(Lock::kForking, std::memory_order_seq_cst);
      if (seen & Lock::kWaiters) FutexWake(&l->word_, 1 << 30);
      if (seen == 0 || mine) break;
      if (naps_left == 0) {
        pending_.fetch_or(kGaveUp, std::memory_order_seq_cst);
        break;
      }
      Syscall(SYS_nanosleep, SyscallArg(&nap), 0);
      --naps_left;
    }
  }
}

void Fork::EndInParent() {
  uint32_t seen = pending_.load(std::memory_order_relaxed);
  uint32_t next;
  do {
    next = seen - 1;
    // The last fork under way takes the mark of giving up along: it concerned the child.
    if ((next & ~(kGaveUp | kStuck)) == 0) next &= kStuck;
  } while (!pending_.compare_exchange_weak(seen, next, std::memory_order_seq_cst));
}

void Fork::EndInChild() {
  const uint64_t self = SelfId();
  for (Lock* l = all_locks_.load(std::memory_order_relaxed); l != nullptr; l = l->next_) {
    const bool mine = Lock::Holder(l->word_.load(std::memory_order_relaxed)) == self;
    l->word_.store(mine ? self : 0, std::memory_order_relaxed);
  }
  const uint32_t stuck = pending_.load(std::memory_order_relaxed) & (kGaveUp | kStuck);
  pending_.store(stuck != 0 ? kStuck : 0, std::memory_order_seq_cst);
}

}  // namespace hz4
