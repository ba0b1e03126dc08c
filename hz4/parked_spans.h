// SPDX-License-Identifier: Apache-2.0
//
// Large blocks that were freed last, as they are, for requests of exactly their size: nothing is
// merged, and their page map entries stay those of a large block. Guarded by the page heap's lock.
//
// Invariants (Check): pages() == sum of the spans' pages <= kMaxPages; each is kParked.
#ifndef HZ4_PARKED_SPANS_H_
#define HZ4_PARKED_SPANS_H_

#include <cstring>

#include "hz4/span.h"

namespace hz4 {

class ParkedSpans {
 public:
  // No span above a quarter of the bound, so that one does not push all others out.
  static constexpr size_t kMaxPages = (size_t{8} << 20) >> kPageShift;
  static bool MayHold(size_t pages) { return pages <= kMaxPages / 4; }

  size_t pages() const { return pages_; }
  bool HasRoom(size_t pages) const { return count_ < kMaxSpans && pages_ + pages <= kMaxPages; }
  // There is room.
  void Add(Span* span) {
    span->state = SpanState::kParked;
    spans_[count_++] = span;
    pages_ += span->pages;
  }
  // The one of exactly `pages` that came last; nullptr: none.
  Span* Take(size_t pages) {
    for (uint32_t i = count_; i-- > 0;) {
      if (spans_[i]->pages == pages) return TakeAt(i);
    }
    return nullptr;
  }
  // nullptr: there is none at all.
  Span* TakeOldest() { return count_ > 0 ? TakeAt(0) : nullptr; }

  // nullptr, or what does not hold.
  const char* Check() const {
    size_t sum = 0;
    for (uint32_t i = 0; i < count_; ++i) {
      if (spans_[i]->state != SpanState::kParked) return "page heap: parked span in another state";
      sum += spans_[i]->pages;
    }
    if (sum > kMaxPages) return "page heap: too many parked pages";
    return sum == pages_ ? nullptr : "page heap: parked pages != sum of the parked spans";
  }

 private:
  // Few, since each request for a large block looks at all of them.
  static constexpr uint32_t kMaxSpans = 16;

  // A large block again.
  Span* TakeAt(uint32_t i) {
    Span* span = spans_[i];
    --count_;
    memmove(spans_ + i, spans_ + i + 1, (count_ - i) * sizeof(spans_[0]));
    pages_ -= span->pages;
    span->state = SpanState::kLarge;
    return span;
  }

  Span* spans_[kMaxSpans] = {};  // oldest first
  uint32_t count_ = 0;
  size_t pages_ = 0;
};

}  // namespace hz4

#endif  // HZ4_PARKED_SPANS_H_
