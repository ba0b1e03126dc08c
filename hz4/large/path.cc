// SPDX-License-Identifier: Apache-2.0
#include "hz4/large/path.h"

#include <cstring>

#include "hz4/base/print.h"
#include "hz4/base/scope.h"
#include "hz4/page_heap.h"
#include "hz4/page_map.h"
#include "hz4/side_arena.h"

namespace hz4 {

namespace {

Span* LargeSpanOf(const void* p) {
  Span* span = page_map::SpanOf(p);
  if (span == nullptr || !span->IsLargeBlock(p)) Die("invalid free: not the start of a block", p);
  return span;
}

}  // namespace

size_t LargeUsable(const void* p) { return LargeSpanOf(p)->Bytes(); }

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
  void* p = reinterpret_cast<void*>(span->start);
  if (zero && !span->zeroed) memset(p, 0, size);
  return p;
}

template <class Stats>
void LargeFree(void* p) {
  Span* span = LargeSpanOf(p);
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
  Span* span = LargeSpanOf(p);
  SlowScope scope;
  return scope.entered() && PageHeap::ResizeInPlace(span, size);
}

}  // namespace hz4
