// SPDX-License-Identifier: Apache-2.0
//
// MidThread: what the ladder keeps for a thread. One block, made on the thread's first mid call,
// kept at its ThreadState for the next thread:
//
//   | ClassCache 0 | ClassCache 1 | ...                        one cache line a class
//   | local stack 0 | alloc run 0 | L0 0 | free batch 0 | ...  pointers to free objects
//
// with as many slots as the knobs say, and none for a box that is off: 6 cache lines a class in the
// base arms. A cached object is never touched, and is in exactly one of the arrays (Check in
// check.h).
//
// Only the thread itself changes its MidThread, inside a SlowScope. What could not be given back at
// a thread's exit because a fork was pending stays here, owned page included, and is the next
// thread's.
#ifndef HZ4_MID_STATE_H_
#define HZ4_MID_STATE_H_

#include <atomic>

#include "hz4/base/platform.h"
#include "hz4/mid/page.h"
#include "hz4/page_heap.h"
#include "hz4/thread_state.h"

namespace hz4 {

struct Knobs;

namespace mid {

struct alignas(kCacheLine) ClassCache {
  // The page this thread owns; a page is in at most one MidThread. Beside it what is asked most
  // often, so that the hit paths need not look at the descriptor. All zero: none.
  Span* page;
  uintptr_t start;
  std::atomic<uint64_t>* word;
  uint32_t bytes;

  uint16_t run;  // objects in each array
  uint16_t batch;
  uint8_t stack;
  uint8_t l0;
  uint16_t looks;  // at the page while it had remote frees, since the last drain
  // How the local stack adapts (B77).
  uint8_t hot;
  uint8_t probe_tick;
  uint8_t cooldown;

  void** slots;  // of the class's arrays; constant

  bool IsMine(const void* p) const { return reinterpret_cast<uintptr_t>(p) - start < bytes; }
  void SetPage(Span* mine) {
    page = mine;
    start = mine->start;
    word = &WordOf(mine);
    bytes = static_cast<uint32_t>(mine->Bytes());
    looks = 0;
  }
  void ClearPage() {
    page = nullptr;
    start = 0;
    word = nullptr;
    bytes = 0;
  }
  // As of a thread that begins. Everything was given back.
  void Forget() {
    void** const keep = slots;
    *this = ClassCache{};
    slots = keep;
  }
};
static_assert(sizeof(ClassCache) == kCacheLine, "what a hit looks at, beside the object's slot");

// Places of the arrays behind ClassCache::slots, the local stack first, and the slots of a class.
struct Layout {
  uint16_t run_at;
  uint16_t l0_at;
  uint16_t batch_at;
  uint16_t batch_slots;
  uint16_t stride;  // whole cache lines

  unsigned StackSlots() const { return run_at; }
  unsigned RunSlots() const { return l0_at - run_at; }
  unsigned L0Slots() const { return batch_at - l0_at; }
  unsigned BatchSlots() const { return batch_slots; }
  static Layout For(const Knobs& knobs);
};

}  // namespace mid

struct alignas(kCacheLine) MidThread {
  mid::Layout layout;
  uint32_t lock_entries;  // of class locks, for sampling
  PageRun reserved;       // B70: pages and descriptors set aside for this thread
  mid::ClassCache caches[mid::kClasses];

  mid::ClassCache& Of(unsigned cls) { return caches[cls - mid::kFirstClass]; }
  void** Stack(const mid::ClassCache& c) const { return c.slots; }
  void** Run(const mid::ClassCache& c) const { return c.slots + layout.run_at; }
  void** L0(const mid::ClassCache& c) const { return c.slots + layout.l0_at; }
  void** Batch(const mid::ClassCache& c) const { return c.slots + layout.batch_at; }

  // The calling thread's; nullptr: no memory, a fork pending, or the thread has exited. Inside a
  // SlowScope.
  static HZ4_ALWAYS_INLINE MidThread* Current() {
    ThreadState* state = ThreadRegistry::Current();
    if (HZ4_UNLIKELY(state == nullptr)) return nullptr;
    return HZ4_LIKELY(state->mid != nullptr) ? state->mid : Create(state);
  }

 private:
  static MidThread* Create(ThreadState* state);
};

}  // namespace hz4

#endif  // HZ4_MID_STATE_H_
