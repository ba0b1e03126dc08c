// SPDX-License-Identifier: Apache-2.0
#include "hz4/large/path.h"

#include "hz4/base/clear.h"
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

}  // namespace

size_t LargeUsable(const void* p) { return LargeSpanOf(p, kUsedAfterFree)->Bytes(); }

template <class Stats>
void* LargeAlloc(size_t size, size_t align, bool zero) {
  Span* span;
  {
    SlowScope scope;
    if (!scope.entered()) return nullptr;
    span = PageHeap::NewLargeSpan(size, align,
                                  zero ? huge_pages::Use::kZeroedBlock : huge_pages::Use::kBlock);
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
