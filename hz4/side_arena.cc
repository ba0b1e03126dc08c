// SPDX-License-Identifier: Apache-2.0
#include "hz4/side_arena.h"

#include <atomic>
#include <cstring>

#include "hz4/arena.h"
#include "hz4/base/bits.h"
#include "hz4/base/lock.h"
#include "hz4/base/os.h"
#include "hz4/base/tls.h"
#include "hz4/dispatch.h"
#include "hz4/page_map.h"
#include "hz4/size_class.h"

namespace hz4 {
namespace side {
namespace {

constexpr unsigned kChunks = 64;
constexpr size_t kOpenStep = size_t{256} << 10;
// A chunk that used more than this is given back to the kernel when its last object is freed.
constexpr size_t kKeepBytes = size_t{1} << 20;

// Before every object. 16 bytes, so that objects stay aligned.
struct Header {
  size_t usable;
  size_t mapping_offset;  // of an object with a mapping of its own: from the mapping's start
};
static_assert(sizeof(Header) == kMinAlign);

// live objects in the upper 24 bits, offset of the next byte in the lower 40.
struct State {
  static constexpr unsigned kOffsetBits = 40;
  static uint64_t Make(uint64_t live, uint64_t offset) { return live << kOffsetBits | offset; }
  static uint64_t Live(uint64_t s) { return s >> kOffsetBits; }
  static uint64_t Offset(uint64_t s) { return s & ((uint64_t{1} << kOffsetBits) - 1); }
};

uintptr_t base = 0;
size_t chunk_bytes = 0;
std::atomic<uint64_t> states[kChunks];
// Bytes of a chunk that are open; only grows. Opening twice is harmless.
std::atomic<size_t> opened[kChunks];

// Postponed frees, linked through the objects' first words. release in DeferFree, acquire in
// DrainDeferred.
std::atomic<void*> deferred{nullptr};

uintptr_t ChunkStart(unsigned chunk) { return base + chunk * chunk_bytes; }

bool EnsureOpen(unsigned chunk, size_t bytes) {
  const size_t have = opened[chunk].load(std::memory_order_acquire);
  if (bytes <= have) return true;
  size_t want = AlignUp(bytes, kOpenStep);
  if (want > chunk_bytes) want = chunk_bytes;
  void* from = reinterpret_cast<void*>(ChunkStart(chunk) + have);
  if (!os::Open(from, want - have)) return false;
  page_map::SetSide(ChunkStart(chunk) + have, (want - have) >> kPageShift, true);
  size_t seen = have;
  while (seen < want &&
         !opened[chunk].compare_exchange_weak(seen, want, std::memory_order_acq_rel)) {
  }
  return true;
}

void* AllocateIn(unsigned chunk, size_t size, size_t align) {
  uint64_t seen = states[chunk].load(std::memory_order_relaxed);
  for (;;) {
    const uintptr_t start = ChunkStart(chunk);
    const uintptr_t object = AlignUp(start + State::Offset(seen) + sizeof(Header), align);
    const uint64_t end = object + size - start;
    if (end > chunk_bytes) return nullptr;
    if (!states[chunk].compare_exchange_weak(seen, State::Make(State::Live(seen) + 1, end),
                                             std::memory_order_acq_rel)) {
      continue;
    }
    void* p = reinterpret_cast<void*>(object);
    if (!EnsureOpen(chunk, end)) {
      // Taken back below; the bytes stay unused until the chunk starts again.
      states[chunk].fetch_sub(State::Make(1, 0), std::memory_order_acq_rel);
      return nullptr;
    }
    (reinterpret_cast<Header*>(object) - 1)->usable = size;
    return p;
  }
}

// A mapping of its own for what no chunk can hold; only RadixMap knows addresses outside of the
// reservation, and only there chunks are small.
void* Map(size_t size, size_t align) {
  if (arena::Direct()) return nullptr;
  const size_t offset = AlignUp(sizeof(Header), align);
  const size_t bytes = AlignUp(offset + size, kPageSize);
  if (bytes < size) return nullptr;
  char* start = static_cast<char*>(os::Map(bytes, align < kPageSize ? kPageSize : align));
  if (start == nullptr) return nullptr;
  const uintptr_t object = reinterpret_cast<uintptr_t>(start) + offset;
  const uintptr_t first_page = AlignDown(object, kPageSize);
  if (!page_map::Ensure(first_page, 1)) {
    os::Unmap(start, bytes);
    return nullptr;
  }
  page_map::SetSide(first_page, 1, true);
  *(reinterpret_cast<Header*>(object) - 1) = {size, offset};
  return reinterpret_cast<void*>(object);
}

void Unmap(void* p) {
  const Header header = *(static_cast<Header*>(p) - 1);
  page_map::SetSide(AlignDown(reinterpret_cast<uintptr_t>(p), kPageSize), 1, false);
  os::Unmap(static_cast<char*>(p) - header.mapping_offset,
            AlignUp(header.mapping_offset + header.usable, kPageSize));
}

}  // namespace

void Init(uintptr_t start, size_t bytes) {
  base = start;
  chunk_bytes = AlignDown(bytes / kChunks, kPageSize);
}

void* Allocate(size_t size, size_t align, bool zero) {
  if (align < kMinAlign) align = kMinAlign;
  size = size == 0 ? kMinAlign : AlignUp(size, kMinAlign);
  if (size >= chunk_bytes || align >= chunk_bytes) return Map(size, align);
  for (unsigned chunk = 0; chunk < kChunks; ++chunk) {
    if (void* p = AllocateIn(chunk, size, align)) {
      if (zero) memset(p, 0, size);
      return p;
    }
  }
  return Map(size, align);
}

void Free(void* p) {
  const uintptr_t offset = reinterpret_cast<uintptr_t>(p) - base;
  if (offset >= kChunks * chunk_bytes) return Unmap(p);
  const unsigned chunk = static_cast<unsigned>(offset / chunk_bytes);
  uint64_t seen = states[chunk].load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t used = State::Offset(seen);
    if (State::Live(seen) > 1) {
      if (states[chunk].compare_exchange_weak(seen, State::Make(State::Live(seen) - 1, used),
                                              std::memory_order_acq_rel)) {
        return;
      }
      continue;
    }
    if (used <= kKeepBytes) {
      if (states[chunk].compare_exchange_weak(seen, 0, std::memory_order_acq_rel)) return;
      continue;
    }
    // The last object: close the chunk to others, give its pages back, open it again.
    if (!states[chunk].compare_exchange_weak(seen, State::Make(1, chunk_bytes),
                                             std::memory_order_acq_rel)) {
      continue;
    }
    os::Decommit(reinterpret_cast<void*>(ChunkStart(chunk)), AlignUp(used, kOsPage));
    states[chunk].store(0, std::memory_order_release);
    return;
  }
}

size_t UsableSize(const void* p) { return (static_cast<const Header*>(p) - 1)->usable; }

void DeferFree(void* p) {
  void* head = deferred.load(std::memory_order_relaxed);
  do {
    *static_cast<void**>(p) = head;
  } while (!deferred.compare_exchange_weak(head, p, std::memory_order_release,
                                           std::memory_order_relaxed));
}

bool HasDeferred() { return deferred.load(std::memory_order_relaxed) != nullptr; }

void DrainDeferred() {
  if (tls.busy != 0 || Fork::Pending()) return;
  void* p = deferred.exchange(nullptr, std::memory_order_acquire);
  while (p != nullptr) {
    void* next = *static_cast<void**>(p);
    Table().free(p);
    p = next;
  }
}

}  // namespace side
}  // namespace hz4
