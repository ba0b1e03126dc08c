// SPDX-License-Identifier: Apache-2.0
//
// Pointer -> size class, pointer -> span. Two shapes with the same members; entries are
// instantiated for one of them (HZ4_PAGE_MAP):
//   DirectMap  one reservation, one byte and one Span* per page, indexed directly;
//   RadixMap   any address, two levels, for processes that may not reserve address space.
// Reads take no lock: a page's entries are written before a pointer into the page is handed out
// (the program's own hand-over of that pointer orders them) and stay until the span is freed. Span
// entries are stored with release and loaded with acquire all the same: PageHeap::Cut stores some
// without the page heap's lock while the heap looks at a freed span's neighbours under it.
#ifndef HZ4_PAGE_MAP_H_
#define HZ4_PAGE_MAP_H_

#include <atomic>

#include "hz4/base/platform.h"
#include "hz4/span.h"

namespace hz4 {

// The reservation; constant once initialised. Kept together: free() reads it on every call.
struct DirectMapView {
  uintptr_t base;            // first page
  size_t granules;           // of kMinAlign bytes, reserved; 0: no reservation
  uintptr_t class_of_page0;  // where the class of the page at address 0 would be
  size_t pages;              // reserved pages
  const uint8_t* class_map;  // [pages], readable throughout
  Span* const* span_map;     // [pages], readable throughout
};
inline DirectMapView ViewOf(uintptr_t base, size_t pages, const uint8_t* class_map,
                            Span* const* span_map) {
  const uintptr_t class_of_page0 = reinterpret_cast<uintptr_t>(class_map) - (base >> kPageShift);
  return {base, pages * (kPageSize / kMinAlign), class_of_page0, pages, class_map, span_map};
}

struct DirectMap {
  HZ4_HIDDEN static DirectMapView view;
  // False: ClassOf(p) is kNoClass. A pointer that is foreign or misaligned is beyond every granule:
  // the rotation turns its low bits into the highest ones, so that one comparison finds both.
  static HZ4_ALWAYS_INLINE bool MayOwn(const void* p) {
    const size_t offset = reinterpret_cast<uintptr_t>(p) - view.base;
    return (offset / kMinAlign | offset << (64 - FloorLog2(kMinAlign))) < view.granules;
  }
  // Found by the address itself, not by the offset: what waits for the class does not wait for the
  // comparison.
  static HZ4_ALWAYS_INLINE unsigned ClassOf(const void* p) {
    if (HZ4_UNLIKELY(!MayOwn(p))) return kNoClass;
    const uintptr_t entry = view.class_of_page0 + (reinterpret_cast<uintptr_t>(p) >> kPageShift);
    return __atomic_load_n(reinterpret_cast<const uint8_t*>(entry), __ATOMIC_RELAXED);
  }
  static Span* SpanOf(const void* p) {
    const size_t page = (reinterpret_cast<uintptr_t>(p) - view.base) >> kPageShift;
    return page < view.pages ? __atomic_load_n(&view.span_map[page], __ATOMIC_ACQUIRE) : nullptr;
  }
};

struct RadixMap {
  static constexpr unsigned kAddressBits = 47;
  static constexpr unsigned kLeafBits = 16;  // pages per leaf: 1 GiB of addresses
  static constexpr unsigned kRootBits = kAddressBits - kPageShift - kLeafBits;
  struct Leaf {
    uint8_t class_of[size_t{1} << kLeafBits];
    Span* span_of[size_t{1} << kLeafBits];
  };
  // release in EnsureLeaf, acquire in Find.
  HZ4_HIDDEN static std::atomic<Leaf*> root[size_t{1} << kRootBits];

  static HZ4_ALWAYS_INLINE Leaf* Find(uintptr_t page) {
    const uintptr_t r = page >> kLeafBits;
    return HZ4_LIKELY(r < (size_t{1} << kRootBits)) ? root[r].load(std::memory_order_acquire)
                                                    : nullptr;
  }
  static HZ4_ALWAYS_INLINE bool MayOwn(const void*) { return true; }
  static HZ4_ALWAYS_INLINE unsigned ClassOf(const void* p) {  // misaligned: as in DirectMap
    const uintptr_t address = reinterpret_cast<uintptr_t>(p);
    const uintptr_t page = (address >> 4 | address << 60) >> (kPageShift - 4);
    const Leaf* leaf = Find(page);
    if (HZ4_UNLIKELY(leaf == nullptr)) return kNoClass;
    return __atomic_load_n(&leaf->class_of[page & ((1u << kLeafBits) - 1)], __ATOMIC_RELAXED);
  }
  static Span* SpanOf(const void* p) {
    const uintptr_t page = reinterpret_cast<uintptr_t>(p) >> kPageShift;
    const Leaf* leaf = Find(page);
    return leaf != nullptr
               ? __atomic_load_n(&leaf->span_of[page & ((1u << kLeafBits) - 1)], __ATOMIC_ACQUIRE)
               : nullptr;
  }
};

// For code that is not instantiated per map (slow paths): asks whichever is in use.
namespace page_map {

// Readies the entries of [start, start + pages) for writing. False: no memory. Lock-free with
// RadixMap; with DirectMap under the page heap's lock.
bool Ensure(uintptr_t start, size_t pages);
// Binds all pages of `span` to it, with span->size_class as their class.
void Set(Span* span);
// Binds the first page of a large block and, for the page heap, the last.
void SetLarge(Span* span);
// Records a free span at its first and last page: what the page heap needs to find neighbours.
void SetFree(Span* span);
// Undoes SetFree: the pages are about to be nobody's.
void Forget(Span* span);
// Gives the memory of the entries inside a free span back to the kernel, first and last page apart.
// With RadixMap nothing.
void ReleaseInner(const Span* span);
// Takes the class away from the pages that Set or SetLarge gave one; span->state still says which.
void ClearClasses(Span* span);
// Gives [start, start + pages) to the side arena, or takes them from it; lock-free, repeatable.
// Ensure came before.
void SetSide(uintptr_t start, size_t pages, bool in_use);
// nullptr: no span there.
Span* SpanOf(const void* p);
unsigned ClassOf(const void* p);

}  // namespace page_map
}  // namespace hz4

#endif  // HZ4_PAGE_MAP_H_
