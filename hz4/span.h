// SPDX-License-Identifier: Apache-2.0
//
// Span: a run of pages, described outside of itself. Either free (in the page heap), or bound to
// one size class, or one large block.
//
//   start                                                          start + pages * kPageSize
//   | obj 0 | obj 1 | ... | obj carved-1 |   never handed out yet   | tail < 1/8 |
//     ^ bit i of free_bits: object i is free *in the span*
//
// Invariants (Span::Check), with bits = popcount(free_bits):
//   carved <= objects;  free_count == bits;  free_count <= carved;  no bit at or above carved
//   objects handed out (live or in some cache) = carved - free_count
// Ladder spans (hz4/mid) keep the objects that other threads freed as bits of remote_bits, until
// the owner, or whoever takes the span over, drains them into free_bits; a bit is in at most one of
// both.
#ifndef HZ4_SPAN_H_
#define HZ4_SPAN_H_

#include <atomic>

#include "hz4/base/platform.h"
#include "hz4/base/relaxed.h"
#include "hz4/size_class.h"

namespace hz4 {

enum class SpanState : uint8_t {
  kUnused,    // descriptor in the descriptor free list
  kFree,      // in the page heap, contents undefined
  kReleased,  // in the page heap, reads as zero and costs no memory
  kParked,    // in the page heap, contents undefined, merged with nobody yet
  kObjects,   // bound to a size class
  kLarge,     // one large block
};

struct alignas(kCacheLine) Span {
  uintptr_t start;
  uint32_t pages;
  Relaxed<SpanState> state;  // the page heap looks at neighbours that may be PageHeap::Cut's
  uint8_t size_class;        // 1..kNumClasses, kLargeClass or kNoClass
  bool zeroed;               // kLarge: all of it reads as zero since it was taken
  uint8_t list;              // central/ladder: which list it is on
  Span* next;                // list links, guarded by the list's lock
  Span* prev;
  uint16_t objects;
  Relaxed<uint16_t> carved;
  uint16_t free_count;
  uint16_t hint;  // word of free_bits to look at first
  // BitWords() words; guarded by the class lock (array route) or by owner/class lock (ladder).
  uint64_t* free_bits;

  // Ladder only.
  std::atomic<uint64_t> owner;         // ThreadState::serial of the owner, 0: none
  std::atomic<uint64_t>* remote_bits;  // BitWords() words

  uint32_t BitWords() const { return (objects + 63) / 64; }
  size_t Bytes() const { return size_t{pages} << kPageShift; }
  uintptr_t End() const { return start + Bytes(); }

  // Index of the object that contains p. p must lie inside the span.
  uint32_t IndexOf(const void* p) const {
    const uint64_t offset = reinterpret_cast<uintptr_t>(p) - start;
    return static_cast<uint32_t>(offset * Class(size_class).inverse >> 40);
  }
  void* ObjectAt(uint32_t i) const {
    return reinterpret_cast<void*>(start + uint64_t{i} * Class(size_class).size);
  }
  // True when p is the first byte of an object that was handed out at least once.
  bool IsObjectStart(const void* p) const {
    const uint32_t i = IndexOf(p);
    return WasCarved(i) && ObjectAt(i) == p;
  }
  // True when nobody uses the span's pages: the page heap may.
  bool InPageHeap() const {
    const SpanState s = state;
    return s == SpanState::kFree || s == SpanState::kReleased || s == SpanState::kParked;
  }
  // True when the span is one large block and p its first byte.
  bool IsLargeBlock(const void* p) const {
    return state == SpanState::kLarge && start == reinterpret_cast<uintptr_t>(p);
  }
  // Needs no lock: an object that somebody was given was carved before it was given, and the
  // program's own hand-over of the pointer orders that.
  bool WasCarved(uint32_t i) const { return i < carved; }
  // Object i < objects is free in the span.
  bool IsFree(uint32_t i) const { return (free_bits[i / 64] >> (i % 64) & 1) != 0; }
  // The next object that was never handed out. carved < objects.
  void* Carve() {
    const uint16_t i = carved;
    carved = static_cast<uint16_t>(i + 1);
    return ObjectAt(i);
  }

  // Takes one object out of the span: a free one, else the next uncarved one; nullptr when full.
  void* Take();
  // Takes up to n objects; returns how many. The first, which Take would take, is end[-1], the next
  // end[-2], and so on: who pops them from the end gets rising addresses.
  uint32_t TakeBatch(void** end, uint32_t n);
  // Puts object i back. False: it is already free in the span (a double free).
  [[nodiscard]] bool Put(uint32_t i);
  // Puts back in[0], in[1], ... for as long as they lie in this span; how many. Stops before one
  // that is not the start of an object that was handed out, or is free already.
  uint32_t PutRun(void* const* in, uint32_t n);
  bool HasFree() const { return free_count != 0 || carved < objects; }
  bool AllFree() const { return free_count == carved; }

  // Evaluates the invariants above. Returns nullptr, or what does not hold.
  const char* Check() const;
};

// A heap of large objects has a descriptor for every few of them.
static_assert(sizeof(Span) == kCacheLine);

// Doubly linked list of spans; the links live in the spans.
class SpanList {
 public:
  bool empty() const { return head_ == nullptr; }
  Span* front() const { return head_; }
  void PushFront(Span* s);
  void PushBack(Span* s);
  void Remove(Span* s);
  uint32_t size() const { return size_; }

 private:
  Span* head_ = nullptr;
  Span* tail_ = nullptr;
  uint32_t size_ = 0;
};

}  // namespace hz4

#endif  // HZ4_SPAN_H_
