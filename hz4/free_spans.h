// SPDX-License-Identifier: Apache-2.0
//
// Free spans of one state, found by size: exact bins up to 64 pages (2 MiB), then 8 geometric bins
// per doubling, with one bit per bin that is not empty. Guarded by the page heap's lock.
#ifndef HZ4_FREE_SPANS_H_
#define HZ4_FREE_SPANS_H_

#include "hz4/base/bits.h"
#include "hz4/span.h"

namespace hz4 {

class FreeSpans {
 public:
  void Insert(Span* span);
  void Remove(Span* span);
  // A span of at least `pages`, close to the smallest there is; still inserted. nullptr: none.
  Span* Find(size_t pages) const;
  // A span of the largest bin; nullptr: none at all.
  Span* Largest() const;
  size_t pages() const { return pages_; }
  template <class Visit>
  void ForEach(Visit visit) const {
    for (const SpanList& bin : bins_) {
      for (const Span* span = bin.front(); span != nullptr; span = span->next) visit(span);
    }
  }

  // nullptr, or what does not hold: pages() is the sum over the bins, each span is in its bin.
  const char* Check(SpanState state) const;

 private:
  static constexpr size_t kExact = 64;
  // Up to 2^33 pages (128 TiB).
  static constexpr unsigned kBins = kExact + (33 - 6) * 8 + 2;
  static constexpr unsigned kWords = (kBins + 63) / 64;

  // The bin a span of `pages` is in.
  static constexpr unsigned BinOf(size_t pages) {
    if (pages <= kExact) return static_cast<unsigned>(pages);
    const unsigned e = FloorLog2(pages);
    const unsigned bin = static_cast<unsigned>(kExact) + 1 + (e - 6) * 8 +
                         static_cast<unsigned>(pages >> (e - 3)) - 8;
    return bin < kBins ? bin : kBins - 1;
  }
  // Lowest bin that is not empty at or above `bin`; kBins when there is none.
  unsigned NextBin(unsigned bin) const;

  SpanList bins_[kBins];
  uint64_t used_[kWords] = {};
  size_t pages_ = 0;
};

}  // namespace hz4

#endif  // HZ4_FREE_SPANS_H_
