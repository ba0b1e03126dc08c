// SPDX-License-Identifier: Apache-2.0
#include "hz4/span.h"

namespace hz4 {

void* Span::Take() {
  void* p;
  return TakeBatch(&p + 1, 1) == 1 ? p : nullptr;
}

uint32_t Span::TakeBatch(void** end, uint32_t n) {
  uint32_t got = 0;
  const uint32_t words = BitWords();
  for (uint32_t w = hint; free_count != 0 && got < n; w = w + 1 < words ? w + 1 : 0) {
    uint64_t bits = free_bits[w];
    while (bits != 0 && got < n) {
      const uint32_t i = w * 64 + LowestBit(bits);
      bits &= bits - 1;
      *--end = ObjectAt(i);
      ++got;
      --free_count;
    }
    free_bits[w] = bits;
    hint = w;
  }
  uint32_t fresh = carved;
  for (; got < n && fresh < objects; ++got) *--end = ObjectAt(fresh++);
  carved = fresh;
  return got;
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
  // What is freed together mostly lies together: a word is looked up when it changes only.
  uint32_t w = hint;
  uint64_t bits = free_bits[w];
  uint32_t lowest = w;
  uint32_t k = 0;
  for (; k < n; ++k) {
    const uint64_t offset = reinterpret_cast<uintptr_t>(in[k]) - start;
    if (offset >= handed_out) break;
    const auto i = static_cast<uint32_t>(offset * inverse >> 40);
    if (i * size != offset) break;
    if (i / 64 != w) {
      free_bits[w] = bits;
      w = i / 64;
      bits = free_bits[w];
      if (w < lowest) lowest = w;
    }
    const uint64_t bit = uint64_t{1} << (i % 64);
    if ((bits & bit) != 0) break;
    bits |= bit;
  }
  free_bits[w] = bits;
  free_count += k;
  hint = lowest;
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
