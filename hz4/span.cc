// SPDX-License-Identifier: Apache-2.0
#include "hz4/span.h"

#include "hz4/base/bits.h"

namespace hz4 {
namespace {

// How many of in[0], in[1], ... lie `step` bytes behind the one before, in[0] included; at most
// `most`, which is not 0.
uint32_t Neighbours(void* const* in, uint32_t most, uint64_t step) {
  uint32_t n = 1;
  for (auto next = reinterpret_cast<uintptr_t>(in[0]) + step; n < most; ++n, next += step) {
    if (reinterpret_cast<uintptr_t>(in[n]) != next) break;
  }
  return n;
}

}  // namespace

void* Span::Take() {
  void* p;
  return TakeBatch(&p + 1, 1) == 1 ? p : nullptr;
}

uint32_t Span::TakeBatch(void** end, uint32_t n) {
  const uint64_t size = Class(size_class).size;
  void** const stop = end - n;
  const auto take = [&](uint32_t i, uint32_t some) {
    for (uintptr_t p = start + i * size; some > 0; --some, p += size) {
      *--end = reinterpret_cast<void*>(p);
    }
  };
  const uint32_t words = BitWords();
  for (uint32_t w = hint; free_count != 0 && end > stop; w = w + 1 < words ? w + 1 : 0) {
    uint64_t bits = free_bits[w];
    while (bits != 0 && end > stop) {
      const uint32_t first = LowestBit(bits);
      const uint32_t some = Smaller(LowestOnes(bits >> first), static_cast<uint32_t>(end - stop));
      bits &= ~(LowBits(some) << first);
      free_count = static_cast<uint16_t>(free_count - some);
      take(w * 64 + first, some);
    }
    free_bits[w] = bits;
    hint = static_cast<uint16_t>(w);
  }
  const uint32_t fresh = Smaller(static_cast<uint32_t>(end - stop), objects - carved);
  take(carved, fresh);
  carved = static_cast<uint16_t>(carved + fresh);
  return n - static_cast<uint32_t>(end - stop);
}

bool Span::Put(uint32_t i) {
  uint64_t& word = free_bits[i / 64];
  const uint64_t bit = uint64_t{1} << (i % 64);
  if ((word & bit) != 0) return false;
  word |= bit;
  ++free_count;
  if (i / 64 < hint) hint = i / 64;
  return true;
}

uint32_t Span::PutRun(void* const* in, uint32_t n) {
  const uint64_t inverse = Class(size_class).inverse;
  const uint64_t size = Class(size_class).size;
  const uint64_t handed_out = carved * size;
  uint32_t k = 0;
  while (k < n) {
    const uint64_t offset = reinterpret_cast<uintptr_t>(in[k]) - start;
    if (offset >= handed_out) break;
    const auto i = static_cast<uint32_t>(offset * inverse >> 40);
    if (i * size != offset) break;
    // What is freed together mostly lies together: neighbours with bits in one word go at once.
    const uint32_t bit = i % 64;
    uint32_t lowest = bit;
    uint32_t some = Neighbours(in + k, Smaller(n - k, Smaller(64 - bit, carved - i)), size);
    if (some == 1) {
      some = Neighbours(in + k, Smaller(n - k, bit + 1), 0 - size);
      lowest = bit + 1 - some;
    }
    uint64_t& word = free_bits[i / 64];
    uint64_t bits = LowBits(some) << lowest;
    if (HZ4_UNLIKELY((word & bits) != 0)) {  // one of them is free already: one by one up to there
      some = 1;
      bits = uint64_t{1} << bit;
      if ((word & bits) != 0) break;
    }
    word |= bits;
    free_count = static_cast<uint16_t>(free_count + some);
    if (i / 64 < hint) hint = static_cast<uint16_t>(i / 64);
    k += some;
  }
  return k;
}

const char* Span::Check() const {
  if (state != SpanState::kObjects) return nullptr;
  if (size_class == kNoClass || size_class > kNumClasses) return "span without a size class";
  if (carved > objects) return "span: carved > objects";
  if (free_count > carved) return "span: free_count > carved";
  uint32_t bits = 0;
  for (uint32_t w = 0; w < BitWords(); ++w) {
    bits += static_cast<uint32_t>(__builtin_popcountll(free_bits[w]));
    for (uint64_t rest = free_bits[w]; rest != 0; rest &= rest - 1) {
      if (w * 64 + LowestBit(rest) >= carved) return "span: free bit above carved";
    }
    if (remote_bits != nullptr &&
        (remote_bits[w].load(std::memory_order_acquire) & free_bits[w]) != 0) {
      return "span: object both free and freed remotely";
    }
  }
  if (bits != free_count) return "span: free_count != number of free bits";
  return nullptr;
}

void SpanList::PushFront(Span* s) {
  s->prev = nullptr;
  s->next = head_;
  (head_ != nullptr ? head_->prev : tail_) = s;
  head_ = s;
  ++size_;
}

void SpanList::PushBack(Span* s) {
  s->next = nullptr;
  s->prev = tail_;
  (tail_ != nullptr ? tail_->next : head_) = s;
  tail_ = s;
  ++size_;
}

void SpanList::Remove(Span* s) {
  (s->prev != nullptr ? s->prev->next : head_) = s->next;
  (s->next != nullptr ? s->next->prev : tail_) = s->prev;
  s->next = s->prev = nullptr;
  --size_;
}

}  // namespace hz4
