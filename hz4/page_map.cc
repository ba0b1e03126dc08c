// SPDX-License-Identifier: Apache-2.0
#include "hz4/page_map.h"

#include "hz4/arena.h"
#include "hz4/base/bits.h"
#include "hz4/base/os.h"
#include "hz4/dispatch.h"
#include "hz4/huge_pages.h"

namespace hz4 {

DirectMapView DirectMap::view = {};
std::atomic<RadixMap::Leaf*> RadixMap::root[size_t{1} << RadixMap::kRootBits];

namespace page_map {
namespace {

constexpr size_t kLeafMask = (size_t{1} << RadixMap::kLeafBits) - 1;
// A direct map opens in steps of this many bytes: 1 GiB of heap in class_map's case, 128 MiB in
// span_map's. When the heap's part of it is larger than kHugeFrom, by whole huge pages, so that it
// can be in such.
constexpr size_t kOpenStep = size_t{32} << 10;
constexpr size_t kHugeFrom = 8 * kOpenStep;

// Bytes of each map that are writable; guarded by the page heap's lock.
size_t class_map_open = 0;
size_t span_map_open = 0;

// Opens a map with entries of `entry` bytes up to that of page `end`.
bool OpenUpTo(const void* map, size_t entry, size_t end, size_t* open) {
  const size_t need = end * entry;
  if (need <= *open) return true;
  // In front of the heap, and set aside before it: nothing yet is not the heap's.
  const size_t side = (arena::SideRegion().bytes >> kPageShift) * entry;
  const bool huge = side > 0 && need - side > kHugeFrom;
  const size_t total = DirectMap::view.pages * entry;
  size_t target = AlignUp(need, huge ? huge_pages::kHugePage : kOpenStep);
  if (target > total) target = AlignUp(total, kOsPage);
  const uintptr_t from = reinterpret_cast<uintptr_t>(map) + *open;
  const size_t bytes = target - *open;
  if (!(huge ? Table().heap_open(from, bytes, huge_pages::Use::kMap)
             : os::Open(reinterpret_cast<void*>(from), bytes))) {
    return false;
  }
  *open = target;
  return true;
}

bool EnsureLeaf(uintptr_t page) {
  if (RadixMap::Find(page) != nullptr) return true;
  void* memory = os::Map(AlignUp(sizeof(RadixMap::Leaf), kOsPage), kOsPage);
  if (memory == nullptr) return false;
  RadixMap::Leaf* expected = nullptr;
  if (!RadixMap::root[page >> RadixMap::kLeafBits].compare_exchange_strong(
          expected, static_cast<RadixMap::Leaf*>(memory), std::memory_order_acq_rel)) {
    os::Unmap(memory, AlignUp(sizeof(RadixMap::Leaf), kOsPage));  // another thread was first
  }
  return true;
}

struct Entry {
  uint8_t* class_of;
  Span** span_of;
};
Entry EntryOf(uintptr_t address) {
  if (arena::Direct()) {
    const size_t page = (address - DirectMap::view.base) >> kPageShift;
    return {const_cast<uint8_t*>(DirectMap::view.class_map) + page,
            const_cast<Span**>(DirectMap::view.span_map) + page};
  }
  const uintptr_t page = address >> kPageShift;
  RadixMap::Leaf* leaf = RadixMap::Find(page);
  return {&leaf->class_of[page & kLeafMask], &leaf->span_of[page & kLeafMask]};
}

void Store(Span** entry, Span* span) { __atomic_store_n(entry, span, __ATOMIC_RELEASE); }
// Relaxed, as the load in ClassOf. Others may look meanwhile: the page heap at what PageHeap::Cut
// binds without its lock, a free at side pages that two threads open, the same value twice.
void Store(uint8_t* entry, uint8_t cls) { __atomic_store_n(entry, cls, __ATOMIC_RELAXED); }

}  // namespace

bool Ensure(uintptr_t start, size_t pages) {
  if (arena::Direct()) {
    const DirectMapView& v = DirectMap::view;
    const size_t end = ((start - v.base) >> kPageShift) + pages;
    return OpenUpTo(v.class_map, 1, end, &class_map_open) &&
           OpenUpTo(v.span_map, sizeof(Span*), end, &span_map_open);
  }
  const uintptr_t first = start >> kPageShift;
  for (uintptr_t page = first; page < first + pages; page = (page | kLeafMask) + 1) {
    if (!EnsureLeaf(page)) return false;
  }
  return true;
}

void Set(Span* span) {
  for (uint32_t i = 0; i < span->pages; ++i) {
    const Entry e = EntryOf(span->start + (size_t{i} << kPageShift));
    Store(e.span_of, span);
    Store(e.class_of, span->size_class);
  }
}

void SetLarge(Span* span) {
  // A large block is only ever asked for by its first byte; its inner pages are no one's.
  const Entry first = EntryOf(span->start);
  Store(first.span_of, span);
  Store(first.class_of, span->size_class);
  Store(EntryOf(span->End() - kPageSize).span_of, span);
}

void SetFree(Span* span) {
  Store(EntryOf(span->start).span_of, span);
  Store(EntryOf(span->End() - kPageSize).span_of, span);
}

void Forget(Span* span) {
  Store(EntryOf(span->start).span_of, nullptr);
  Store(EntryOf(span->End() - kPageSize).span_of, nullptr);
}

void ReleaseInner(const Span* span) {
  if (!arena::Direct()) return;
  const size_t first = (span->start - DirectMap::view.base) >> kPageShift;
  const auto release = [](const void* begin, const void* end) {
    const uintptr_t from = AlignUp(reinterpret_cast<uintptr_t>(begin), kOsPage);
    const uintptr_t to = AlignDown(reinterpret_cast<uintptr_t>(end), kOsPage);
    if (from < to) os::Decommit(reinterpret_cast<void*>(from), to - from);
  };
  const DirectMapView& v = DirectMap::view;
  release(v.span_map + first + 1, v.span_map + first + span->pages - 1);
  release(v.class_map + first, v.class_map + first + span->pages);
}

void ClearClasses(Span* span) {
  const uint32_t count = span->state == SpanState::kLarge ? 1 : span->pages;
  for (uint32_t i = 0; i < count; ++i) {
    Store(EntryOf(span->start + (size_t{i} << kPageShift)).class_of, kNoClass);
  }
}

void SetSide(uintptr_t start, size_t pages, bool in_use) {
  const uint8_t cls = in_use ? kSideClass : kNoClass;
  for (size_t i = 0; i < pages; ++i) {
    Store(EntryOf(start + (i << kPageShift)).class_of, cls);
  }
}

Span* SpanOf(const void* p) { return arena::Direct() ? DirectMap::SpanOf(p) : RadixMap::SpanOf(p); }
unsigned ClassOf(const void* p) {
  return arena::Direct() ? DirectMap::ClassOf(p) : RadixMap::ClassOf(p);
}

}  // namespace page_map
}  // namespace hz4
