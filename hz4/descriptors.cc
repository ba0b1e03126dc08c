// SPDX-License-Identifier: Apache-2.0
#include "hz4/descriptors.h"

#include <cstring>

#include "hz4/base/bits.h"
#include "hz4/base/os.h"

namespace hz4 {
namespace descriptors {
namespace {

constexpr size_t kChunk = size_t{128} << 10;

char* bump = nullptr;
char* bump_end = nullptr;
size_t mapped = 0;
Span* free_spans = nullptr;
// Free bitmaps by number of words; a free one holds the next one's address in its first word.
uint64_t* free_bits[kMaxBitWords + 1] = {};

// Zeroed memory. A chunk's rest too small for the request is lost: less than one bitmap.
void* Bump(size_t bytes, size_t align) {
  uintptr_t at = AlignUp(reinterpret_cast<uintptr_t>(bump), align);
  if (bump == nullptr || at + bytes > reinterpret_cast<uintptr_t>(bump_end)) {
    size_t size = kChunk;
    void* chunk = os::Map(size, kOsPage);
    if (chunk != nullptr) {
      mapped += size;
    } else {
      size = kPageSize;
      chunk = PageFromHeap();
      if (chunk == nullptr) return nullptr;
    }
    bump = static_cast<char*>(chunk);
    bump_end = bump + size;
    at = reinterpret_cast<uintptr_t>(bump);
  }
  bump = reinterpret_cast<char*>(at + bytes);
  return reinterpret_cast<void*>(at);
}

}  // namespace

static_assert((Class(1).objects + 63) / 64 <= kMaxBitWords, "the class with most objects per span");

Span* NewSpan() {
  if (Span* span = free_spans) {
    free_spans = span->next;
    memset(static_cast<void*>(span), 0, sizeof(*span));
    return span;
  }
  return static_cast<Span*>(Bump(sizeof(Span), alignof(Span)));
}

void DeleteSpan(Span* span) {
  span->state = SpanState::kUnused;
  span->next = free_spans;
  free_spans = span;
}

uint64_t* NewBits(uint32_t words) {
  if (uint64_t* bits = free_bits[words]) {
    free_bits[words] = reinterpret_cast<uint64_t*>(bits[0]);
    memset(bits, 0, words * sizeof(uint64_t));
    return bits;
  }
  return static_cast<uint64_t*>(Bump(words * sizeof(uint64_t), alignof(uint64_t)));
}

void DeleteBits(uint64_t* bits, uint32_t words) {
  bits[0] = reinterpret_cast<uint64_t>(free_bits[words]);
  free_bits[words] = bits;
}

size_t MappedBytes() { return mapped; }

}  // namespace descriptors
}  // namespace hz4
