// SPDX-License-Identifier: Apache-2.0
#include "hz4/large/path.h"

#include <atomic>
#include <cstring>

#include "hz4/base/bits.h"
#include "hz4/base/os.h"
#include "hz4/base/print.h"
#include "hz4/base/scope.h"
#include "hz4/page_heap.h"
#include "hz4/page_map.h"
#include "hz4/side_arena.h"

namespace hz4 {

namespace {

constexpr char kUsedAfterFree[] = "realloc or malloc_usable_size of a block that was freed";

// `freed`: what it is to do this with a block that was freed.
Span* LargeSpanOf(const void* p, const char* freed) {
  Span* span = page_map::SpanOf(p);
  if (HZ4_LIKELY(span != nullptr && span->IsLargeBlock(p))) return span;
  const bool parked = span != nullptr && span->state == SpanState::kParked &&
                      span->start == reinterpret_cast<uintptr_t>(p);
  Die(parked ? freed : "invalid free: not the start of a block", p);
}

// Clearing would fault in what nobody touched since the pages were last given back: where a program
// uses little of its large blocks, they would cost more time and memory with each use. The question
// takes about a microsecond, a fifth of what clearing 512 KiB does.
constexpr size_t kAskFrom = size_t{512} << 10;
constexpr size_t kPagesAsked = 2048;  // at a time
constexpr size_t kLeastRun = 16;      // pages; fewer are cleared faster than given back
// Programs that use the whole of their blocks gain nothing: after a few questions in vain only some
// of the blocks are asked about.
constexpr uint32_t kAskedInVain = 4;
constexpr uint32_t kClearsPerQuestion = 8;
// Blocks cleared since an answer last saved something. Relaxed: orders nothing.
std::atomic<uint32_t> clears{0};

void ClearPages(char* p, size_t pages) {
  uint8_t in_memory[kPagesAsked];
  if (!os::InMemory(p, pages * kOsPage, in_memory)) memset(in_memory, 1, pages);
  for (size_t i = 0, end; i < pages; i = end) {
    const bool there = (in_memory[i] & 1) != 0;
    end = i + 1;
    while (end < pages && ((in_memory[end] & 1) != 0) == there) ++end;
    char* const run = p + i * kOsPage;
    const size_t bytes = (end - i) * kOsPage;
    // What is not in memory may be in swap; given back, it reads as zero whatever it held.
    if (!there && end - i >= kLeastRun && os::Decommit(run, bytes)) {
      clears.store(0, std::memory_order_relaxed);
    } else {
      memset(run, 0, bytes);
    }
  }
}

bool WorthAsking() {
  const uint32_t before = clears.fetch_add(1, std::memory_order_relaxed);
  return before < kAskedInVain || before % kClearsPerQuestion == 0;
}

// p begins a block of its own; its last page is the block's to the end.
void Clear(char* p, size_t size) {
  if (size < kAskFrom || !WorthAsking()) {
    memset(p, 0, size);
    return;
  }
  for (size_t pages = CeilDiv(size, kOsPage); pages > 0;) {
    const size_t n = pages < kPagesAsked ? pages : kPagesAsked;
    ClearPages(p, n);
    p += n * kOsPage;
    pages -= n;
  }
}

}  // namespace

size_t LargeUsable(const void* p) { return LargeSpanOf(p, kUsedAfterFree)->Bytes(); }

template <class Stats>
void* LargeAlloc(size_t size, size_t align, bool zero) {
  Span* span;
  {
    SlowScope scope;
    if (!scope.entered()) return nullptr;
    span = PageHeap::NewLargeSpan(size, align);
  }
  if (span == nullptr) return nullptr;
  Stats::Add(CounterId::kLargeMalloc);
  Stats::Add(CounterId::kSpanCreated);
  char* p = reinterpret_cast<char*>(span->start);
  if (zero && !span->zeroed) Clear(p, size);
  return p;
}

template <class Stats>
void LargeFree(void* p) {
  Span* span = LargeSpanOf(p, "double free");
  SlowScope scope;
  if (!scope.entered()) {
    Stats::Add(CounterId::kDeferredFree);
    return side::DeferFree(p);
  }
  Stats::Add(CounterId::kLargeFree);
  Stats::Add(CounterId::kSpanReleased);
  PageHeap::Free(span);
}

template void* LargeAlloc<Counting>(size_t, size_t, bool);
template void* LargeAlloc<NotCounting>(size_t, size_t, bool);
template void LargeFree<Counting>(void*);
template void LargeFree<NotCounting>(void*);

bool LargeResize(void* p, size_t size) {
  Span* span = LargeSpanOf(p, kUsedAfterFree);
  SlowScope scope;
  return scope.entered() && PageHeap::ResizeInPlace(span, size);
}

}  // namespace hz4
