// SPDX-License-Identifier: Apache-2.0
#include "hz4/descriptors.h"

#include <cstring>

#include "hz4/arena.h"
#include "hz4/base/bits.h"
#include "hz4/base/os.h"
#include "hz4/dispatch.h"
#include "hz4/huge_pages.h"

namespace hz4 {
namespace descriptors {
namespace {

constexpr size_t kChunkBytes = size_t{128} << 10;
static_assert(kChunkBytes % kPageSize == 0, "a chunk is of whole pages");
// From that many bytes on chunks are cut from huge pages, as the page map of a large heap is.
constexpr size_t kHugeFrom = size_t{1} << 20;
static_assert(huge_pages::kHugePage % kChunkBytes == 0, "it is cut up whole");

// What a pool takes from the kernel at a time, of whole pages. Each page begins with the address of
// its chunk, so that what lies in it finds the chunk; the first one is the chunk itself.
//
//   live == entries of the chunk that were handed out and are not back
struct alignas(kCacheLine) Chunk {
  Chunk* self;
  Chunk* next;        // all chunks of the pool
  Chunk* next_given;  // of those that are given back
  size_t bytes;
  uint32_t live;
  bool given_back;  // only the first OS page is left of it
  bool zero;        // the rest reads as zero
  bool huge;        // of a huge page
};

Chunk* ChunkOf(const void* entry) {
  return *reinterpret_cast<Chunk**>(AlignDown(reinterpret_cast<uintptr_t>(entry), kPageSize));
}

// One pool for descriptors, one for bitmaps: a stale pointer to a descriptor (an old entry of the
// page map) never sees anything else there than a descriptor, or zeros.
struct Pool {
  Chunk* chunks = nullptr;
  Chunk* given = nullptr;
  Chunk* current = nullptr;  // where entries are cut from
  uintptr_t bump = 0;        // its first byte that was never handed out
};
Pool span_pool;
Pool bits_pool;
// [huge_at, huge_end): what is left of a huge page.
uintptr_t huge_at = 0;
uintptr_t huge_end = 0;
size_t mapped = 0;
Span* free_spans = nullptr;
// Free bitmaps by number of words; a free one holds the next one's address in its first word.
uint64_t* free_bits[kMaxBitWords + 1] = {};

// A chunk's memory of a huge page; nullptr where there is none.
void* CutHuge() {
  constexpr size_t kBytes = huge_pages::kHugePage;
  if (huge_at == huge_end) {
    void* p = os::Reserve(kBytes, kBytes);
    if (p == nullptr) return nullptr;
    const auto start = reinterpret_cast<uintptr_t>(p);
    if (!Table().heap_open(start, kBytes, huge_pages::Use::kMap)) {
      os::Unmap(p, kBytes);
      return nullptr;
    }
    huge_at = start;
    huge_end = start + kBytes;
    mapped += kBytes;
  }
  huge_at += kChunkBytes;
  return reinterpret_cast<void*>(huge_at - kChunkBytes);
}

Chunk* NewChunk(Pool* pool) {
  Chunk* chunk = pool->given;
  if (chunk != nullptr) {
    pool->given = chunk->next_given;
    char* begin = reinterpret_cast<char*>(chunk);
    memset(begin + sizeof(Chunk), 0, (chunk->zero ? kOsPage : chunk->bytes) - sizeof(Chunk));
    chunk->given_back = false;
    mapped += chunk->bytes - kOsPage;
    return chunk;
  }
  size_t bytes = kChunkBytes;
  void* memory = arena::Direct() && mapped >= kHugeFrom ? CutHuge() : nullptr;
  const bool huge = memory != nullptr;
  if (!huge && (memory = os::Map(bytes, kPageSize)) != nullptr) mapped += bytes;
  if (memory == nullptr) {
    bytes = kPageSize;
    memory = PageFromHeap();
    if (memory == nullptr) return nullptr;
  }
  chunk = static_cast<Chunk*>(memory);
  *chunk = {chunk, pool->chunks, nullptr, bytes, 0, false, false, huge};
  pool->chunks = chunk;
  return chunk;
}

// Zeroed memory, within one page. What is left of a page and too small for the request is lost.
void* Bump(Pool* pool, size_t bytes, size_t align) {
  uintptr_t at = AlignUp(pool->bump, align);
  const uintptr_t page = AlignDown(pool->bump + kPageSize - 1, kPageSize);
  if (at + bytes > page) {
    Chunk* chunk = pool->current;
    if (chunk == nullptr || page == reinterpret_cast<uintptr_t>(chunk) + chunk->bytes) {
      chunk = NewChunk(pool);
      if (chunk == nullptr) return nullptr;
      pool->current = chunk;
      at = reinterpret_cast<uintptr_t>(chunk);
    } else {
      *reinterpret_cast<Chunk**>(page) = chunk;
      at = page;
    }
    at += sizeof(Chunk);
  }
  pool->bump = at + bytes;
  return reinterpret_cast<void*>(at);
}

bool MayGo(const Pool& pool, const Chunk* chunk) {
  return chunk->live == 0 && chunk != pool.current;
}

size_t GiveBackChunks(Pool* pool) {
  size_t bytes = 0;
  for (Chunk* chunk = pool->chunks; chunk != nullptr; chunk = chunk->next) {
    if (chunk->given_back || !MayGo(*pool, chunk)) continue;
    const size_t rest = chunk->bytes - kOsPage;
    // Else the kernel would fill the hole again (khugepaged).
    if (chunk->huge) os::AdviseHuge(chunk, chunk->bytes, false);
    chunk->huge = false;
    chunk->zero = os::Decommit(reinterpret_cast<char*>(chunk) + kOsPage, rest);
    chunk->given_back = true;
    chunk->next_given = pool->given;
    pool->given = chunk;
    mapped -= rest;
    bytes += rest;
  }
  return bytes;
}

size_t GiveBackRest() {
  const size_t rest = huge_end - huge_at;
  if (rest == 0 || !os::Unmap(reinterpret_cast<void*>(huge_at), rest)) return 0;
  huge_end = huge_at;
  mapped -= rest;
  return rest;
}

}  // namespace

static_assert((Class(1).objects + 63) / 64 <= kMaxBitWords, "the class with most objects per span");

Span* NewSpan() {
  Span* span = free_spans;
  if (span != nullptr) {
    free_spans = span->next;
    memset(static_cast<void*>(span), 0, sizeof(*span));
  } else {
    span = static_cast<Span*>(Bump(&span_pool, sizeof(Span), alignof(Span)));
    if (span == nullptr) return nullptr;
  }
  ++ChunkOf(span)->live;
  return span;
}

void DeleteSpan(Span* span) {
  --ChunkOf(span)->live;
  span->state = SpanState::kUnused;
  span->next = free_spans;
  free_spans = span;
}

uint64_t* NewBits(uint32_t words) {
  uint64_t* bits = free_bits[words];
  if (bits != nullptr) {
    free_bits[words] = reinterpret_cast<uint64_t*>(bits[0]);
    memset(bits, 0, words * sizeof(uint64_t));
  } else {
    bits = static_cast<uint64_t*>(Bump(&bits_pool, words * sizeof(uint64_t), alignof(uint64_t)));
    if (bits == nullptr) return nullptr;
  }
  ++ChunkOf(bits)->live;
  return bits;
}

void DeleteBits(uint64_t* bits, uint32_t words) {
  --ChunkOf(bits)->live;
  bits[0] = reinterpret_cast<uint64_t>(free_bits[words]);
  free_bits[words] = bits;
}

size_t ReleaseUnused() {
  // Before the memory goes, the lists let go of what lies in it.
  Span** link = &free_spans;
  while (Span* span = *link) {
    if (MayGo(span_pool, ChunkOf(span))) {
      *link = span->next;
    } else {
      link = &span->next;
    }
  }
  for (uint64_t*& head : free_bits) {
    uint64_t** next = &head;
    while (uint64_t* bits = *next) {
      if (MayGo(bits_pool, ChunkOf(bits))) {
        *next = reinterpret_cast<uint64_t*>(bits[0]);
      } else {
        next = reinterpret_cast<uint64_t**>(bits);
      }
    }
  }
  return GiveBackChunks(&span_pool) + GiveBackChunks(&bits_pool) + GiveBackRest();
}

size_t MappedBytes() { return mapped; }

}  // namespace descriptors
}  // namespace hz4
