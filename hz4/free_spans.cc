// SPDX-License-Identifier: Apache-2.0
#include "hz4/free_spans.h"

namespace hz4 {

// A bin of mixed sizes is searched this far for a span that is large enough.
static constexpr int kMaxLooks = 16;

void FreeSpans::Insert(Span* span) {
  const unsigned bin = BinOf(span->pages);
  bins_[bin].PushFront(span);
  used_[bin / 64] |= uint64_t{1} << (bin % 64);
  pages_ += span->pages;
}

void FreeSpans::Remove(Span* span) {
  const unsigned bin = BinOf(span->pages);
  bins_[bin].Remove(span);
  if (bins_[bin].empty()) used_[bin / 64] &= ~(uint64_t{1} << (bin % 64));
  pages_ -= span->pages;
}

unsigned FreeSpans::NextBin(unsigned bin) const {
  for (unsigned w = bin / 64; w < kWords; ++w) {
    uint64_t bits = used_[w];
    if (w == bin / 64) bits &= ~uint64_t{0} << (bin % 64);
    if (bits != 0) return w * 64 + LowestBit(bits);
  }
  return kBins;
}

Span* FreeSpans::Find(size_t pages) const {
  const unsigned own = BinOf(pages);
  if (own <= kExact && !bins_[own].empty()) return bins_[own].front();
  // A geometric bin holds several sizes: the best of the first few, or of all when no larger bin
  // could help.
  const unsigned larger = NextBin(own + 1);
  Span* best = nullptr;
  int looks = kMaxLooks;
  for (Span* s = bins_[own].front(); s != nullptr; s = s->next) {
    if (s->pages >= pages && (best == nullptr || s->pages < best->pages)) best = s;
    if (--looks <= 0 && (best != nullptr || larger < kBins)) break;
  }
  if (best != nullptr) return best;
  return larger < kBins ? bins_[larger].front() : nullptr;
}

Span* FreeSpans::Largest() const {
  for (unsigned w = kWords; w-- > 0;) {
    if (used_[w] != 0) return bins_[w * 64 + FloorLog2(used_[w])].front();
  }
  return nullptr;
}

const char* FreeSpans::Check(SpanState state) const {
  size_t sum = 0;
  for (unsigned bin = 0; bin < kBins; ++bin) {
    const bool marked = (used_[bin / 64] >> (bin % 64) & 1) != 0;
    if (marked == bins_[bin].empty()) return "free spans: bin mark does not match the bin";
    for (const Span* s = bins_[bin].front(); s != nullptr; s = s->next) {
      if (s->state != state) return "free spans: span of another state";
      if (BinOf(s->pages) != bin) return "free spans: span in the wrong bin";
      sum += s->pages;
    }
  }
  return sum == pages_ ? nullptr : "free spans: pages != sum over the bins";
}

}  // namespace hz4
