// SPDX-License-Identifier: Apache-2.0
//
// Box HZ4_MID_TRANSFER_CACHE (B73): per class a lock-free stack of lists of free objects, between
// the per-thread caches and the lock path. A full free batch of at least PUBLISH_MIN objects
// publishes its oldest ones, up to BATCH_MAX, as one list; a malloc that would enter the lock path
// takes one whole list: one object for itself, the alloc run full, the rest to the free batch.
//
// A list is a numbered array of pointers, never linked through the objects; a class has as many as
// hold SOFT_LIMIT objects, so when all are published nothing more is. Lists are either in
// `published`, in `spare`, never used yet (numbers from `fresh` on), or in the hands of one thread.
#ifndef HZ4_MID_TRANSFER_H_
#define HZ4_MID_TRANSFER_H_

#include <atomic>
#include <cstring>

#include "hz4/mid/bins.h"
#include "hz4/mid/state.h"

namespace hz4 {
namespace mid {

// A stack of numbers without a lock. head: the top number + 1 (0: empty) in the lower half, the
// count of changes in the upper half. The count makes a pop fail that read the `next` of a top
// which was popped and pushed again meanwhile (ABA), unless exactly 2^32 changes happened within
// it.
//
// Atomic: std::atomic, or a test's that explores interleavings. next: number -> Atomic<uint32_t>&.
template <template <class> class Atomic>
class NumberStack {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  template <class Next>
  void Push(uint32_t number, const Next& next) {
    uint64_t seen = head_.load(std::memory_order_relaxed);
    do {
      next(number).store(static_cast<uint32_t>(seen), std::memory_order_relaxed);
      // release: the list's contents and its `next`, to the pop that takes it.
    } while (!head_.compare_exchange_weak(seen, Change(seen, number + 1), std::memory_order_release,
                                          std::memory_order_relaxed));
  }

  template <class Next>
  uint32_t Pop(const Next& next) {
    // acquire, here and on success: everything before the pushes that built the stack, which are
    // one release sequence as pops are read-modify-writes too.
    uint64_t seen = head_.load(std::memory_order_acquire);
    for (;;) {
      const auto top = static_cast<uint32_t>(seen);
      if (top == 0) return kNone;
      const uint32_t below = next(top - 1).load(std::memory_order_relaxed);  // stale: the CAS fails
      if (head_.compare_exchange_weak(seen, Change(seen, below), std::memory_order_acquire,
                                      std::memory_order_acquire)) {
        return top - 1;
      }
    }
  }

  void Clear() { head_.store(0, std::memory_order_relaxed); }
  // The top; for Check in a quiescent process.
  uint32_t Top() const { return static_cast<uint32_t>(head_.load(std::memory_order_acquire)) - 1; }

 private:
  static uint64_t Change(uint64_t seen, uint32_t top) { return ((seen >> 32) + 1) << 32 | top; }
  Atomic<uint64_t> head_{0};
};

struct TransferList {
  std::atomic<uint32_t> next;  // number + 1 of the list below, as in NumberStack
  uint32_t count;
  void* objects[];  // BATCH_MAX
};

template <class T>
using StdAtomic = std::atomic<T>;

struct alignas(kCacheLine) TransferClass {
  NumberStack<StdAtomic> published;
  NumberStack<StdAtomic> spare;
  std::atomic<uint32_t> fresh{0};
};

class TransferCache {
 public:
  // Maps the lists of all classes, none of them published; before the first call, when the box is
  // on. False: nothing will be published.
  static bool Init();

  static TransferClass& Of(unsigned cls) { return classes_[cls - kFirstClass]; }
  static TransferList& List(unsigned cls, uint32_t number) {
    const size_t index = size_t{cls - kFirstClass} * lists_ + number;
    return *reinterpret_cast<TransferList*>(memory_ + index * list_bytes_);
  }
  static auto NextOf(unsigned cls) {
    return [cls](uint32_t number) -> std::atomic<uint32_t>& { return List(cls, number).next; };
  }

  // A list to fill; kNone: all are published.
  static uint32_t TakeSpare(unsigned cls) {
    const uint32_t number = Of(cls).spare.Pop(NextOf(cls));
    if (number != NumberStack<StdAtomic>::kNone) return number;
    // relaxed: a number nobody had before; its memory is as the kernel gave it.
    uint32_t fresh = Of(cls).fresh.load(std::memory_order_relaxed);
    while (fresh < lists_) {
      if (Of(cls).fresh.compare_exchange_weak(fresh, fresh + 1, std::memory_order_relaxed)) {
        return fresh;
      }
    }
    return NumberStack<StdAtomic>::kNone;
  }
  static uint32_t lists() { return lists_; }

 private:
  static TransferClass classes_[kClasses];
  static char* memory_;
  static uint32_t lists_;  // of a class
  static size_t list_bytes_;
};

// Step of a free, behind a full free batch.
template <class Stats>
bool TransferPublish(MidThread* t, Span*, void* p, unsigned cls) {
  ClassCache& c = t->Of(cls);
  const Knobs& k = EffectiveKnobs();
  if (c.batch < k.mid_transfer_cache_publish_min) return false;
  const uint32_t number = TransferCache::TakeSpare(cls);
  if (number == NumberStack<StdAtomic>::kNone) return false;
  TransferList& list = TransferCache::List(cls, number);
  const uint64_t most = k.mid_transfer_cache_batch_max;
  list.count = static_cast<uint32_t>(c.batch < most ? c.batch : most);
  void** batch = t->Batch(c);
  memcpy(list.objects, batch, list.count * sizeof(void*));
  c.batch = static_cast<uint16_t>(c.batch - list.count);
  memmove(batch, batch + list.count, c.batch * sizeof(void*));
  batch[c.batch++] = p;
  Stats::Add(CounterId::kMidFreeBatchEnq);
  TransferCache::Of(cls).published.Push(number, TransferCache::NextOf(cls));
  Stats::Add(CounterId::kMidTransferPublish);
  return true;
}

// Moves objects from the end of the list to an array that has `count` of `limit`.
template <class Count>
void MoveFrom(TransferList& list, void** slots, Count* count, uint64_t limit) {
  while (list.count > 0 && *count < limit) slots[(*count)++] = list.objects[--list.count];
}

// Step of a malloc, the last before the lock path.
template <class Stats>
void* TransferTake(MidThread* t, unsigned cls) {
  TransferClass& transfer = TransferCache::Of(cls);
  const uint32_t number = transfer.published.Pop(TransferCache::NextOf(cls));
  if (number == NumberStack<StdAtomic>::kNone) return nullptr;
  TransferList& list = TransferCache::List(cls, number);
  const uint32_t before = list.count;
  void* p = list.objects[--list.count];
  ClassCache& c = t->Of(cls);
  MoveFrom(list, t->Run(c), &c.run, t->layout.RunSlots());
  MoveFrom(list, t->Batch(c), &c.batch, t->layout.BatchSlots());
  Stats::Add(CounterId::kMidTransferPop);
  Stats::Add(CounterId::kMidTransferPopObjs, before - list.count);
  NumberStack<StdAtomic>& home = list.count == 0 ? transfer.spare : transfer.published;
  home.Push(number, TransferCache::NextOf(cls));
  return p;
}

// Seam mid_transfer_flush: all published objects go back to their pages. No lock held.
void TransferFlush();
inline void TransferFlushNothing() {}

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_TRANSFER_H_
