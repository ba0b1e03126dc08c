// SPDX-License-Identifier: Apache-2.0
//
// The doors' functions: what malloc, free and the others jump to. One instantiation for each
// combination of front, page map and statistics; nothing in here asks whether a policy is on.
//
//   Malloc  hit:   size -> class (one table byte), pop, return
//   Free    hit:   pointer -> class (one byte of the page map), push
//   everything else is in SlowPath
#ifndef HZ4_FRONT_ENTRY_H_
#define HZ4_FRONT_ENTRY_H_

#include <cerrno>
#include <cstring>

#include "hz4/base/bits.h"
#include "hz4/base/bootstrap.h"
#include "hz4/base/clear.h"
#include "hz4/base/print.h"
#include "hz4/dispatch.h"
#include "hz4/front/cache.h"
#include "hz4/new_handler.h"
#include "hz4/page_map.h"
#include "hz4/side_arena.h"
#include "hz4/size_class.h"
#include "hz4/slow_path.h"

namespace hz4 {

template <class Front, class Map, class Stats>
struct Entry {
  using Slow = SlowPath<Stats>;

  HZ4_HIT_PATH static void* Malloc(size_t size) {
    Stats::Add(CounterId::kMallocCalls);
    return Allocate(size);
  }

  HZ4_HIT_PATH static void Free(void* p) {
    if constexpr (Stats::kOn) {
      if (p != nullptr) Stats::Add(CounterId::kFreeCalls);
    }
    Release(p);
  }

  // The size is only a claim: the page map says what p is.
  static void FreeSized(void* p, size_t) { Free(p); }

  static void* Calloc(size_t n, size_t size) {
    Stats::Add(CounterId::kCallocCalls);
    size_t bytes;
    if (HZ4_UNLIKELY(__builtin_mul_overflow(n, size, &bytes))) {
      errno = ENOMEM;
      return nullptr;
    }
    if (HZ4_UNLIKELY(bytes > kMaxClassSize)) {
      return Slow::AllocLarge(bytes, kMinAlign, /*zero=*/true);
    }
    void* p = Allocate(bytes);
    return HZ4_LIKELY(p != nullptr) ? Clear(p, bytes) : nullptr;
  }

  static void* Memalign(size_t align, size_t size) {
    Stats::Add(CounterId::kAlignedCalls);
    if (align <= kMinAlign) return Allocate(size);
    const unsigned cls = AlignedClass(size, align);
    if (cls == kNoClass) return Slow::AllocLarge(size, align, /*zero=*/false);
    void* p = PopCounted(cls);
    if (HZ4_LIKELY(p != nullptr)) return p;
    p = Slow::Alloc(Class(cls).size, cls);
    // Objects of the class are aligned; those of the side arena are not.
    if (HZ4_LIKELY((reinterpret_cast<uintptr_t>(p) & (align - 1)) == 0)) return p;
    Release(p);
    p = side::Allocate(size, align, /*zero=*/false);
    if (p == nullptr) errno = ENOMEM;
    return p;
  }

  static size_t UsableSize(const void* p) {
    if (p == nullptr) return 0;
    RequireObjectStart(p, "malloc_usable_size of a pointer inside of an object");
    return Usable(p, "malloc_usable_size: not a pointer that hz4 handed out");
  }

  static void* Realloc(void* p, size_t size) {
    Stats::Add(CounterId::kReallocCalls);
    if (p == nullptr) return Allocate(size);
    if (size == 0) {
      Free(p);
      return nullptr;
    }
    const size_t usable = Usable(p, "realloc: not a pointer that hz4 handed out");
    if (HZ4_LIKELY(size <= usable && Keeps(usable, size))) return p;
    return Resize(p, usable, size);
  }

  static void* OpNew(size_t size) {
    void* p = Malloc(size);
    return HZ4_LIKELY(p != nullptr) ? p : NewFailed(size, 0);
  }

 private:
  static HZ4_ALWAYS_INLINE size_t Usable(const void* p, const char* not_ours) {
    const unsigned cls = Map::ClassOf(p);
    if (HZ4_LIKELY(cls - 1 < kNumClasses)) return Class(cls).size;
    if (cls == kLargeClass) return LargeUsable(p);
    if (cls == kSideClass) return side::UsableSize(p);
    if (bootstrap::Owns(p)) return bootstrap::UsableSize(p);
    Die(not_ours, p);
  }
  // The seam's answer, without the way there where p is what it should be.
  static HZ4_ALWAYS_INLINE size_t LargeUsable(const void* p) {
    const Span* span = Map::SpanOf(p);
    if (HZ4_LIKELY(span != nullptr && span->IsLargeBlock(p))) return span->Bytes();
    return Table().large_usable(p);
  }
  // Ends the process when p lies inside of an object of a class.
  static void RequireObjectStart(const void* p, const char* message) {
    if (Map::ClassOf(p) - 1 < kNumClasses && !Map::SpanOf(p)->IsObjectStart(p)) Die(message, p);
  }

  // A block is kept when it is large enough and at least half used.
  static bool Keeps(size_t usable, size_t size) { return size >= usable / 2 || usable <= 64; }

  // A block that has grown to this size and grows again gets pages of its own: from then on it
  // grows in place, page by page, where it would be copied from class to class. Not below half a
  // page: the block would not be half used.
  static constexpr size_t kGrowsInPages = kPageSize / 2;

  static HZ4_NOINLINE void* Resize(void* p, size_t usable, size_t size) {
    RequireObjectStart(p, "realloc of a pointer inside of an object");
    if (HZ4_UNLIKELY(size > static_cast<size_t>(PTRDIFF_MAX))) {
      errno = ENOMEM;
      return nullptr;
    }
    const bool grows = size > usable;
    // A quarter more than asked for, so that growth by small steps copies seldom.
    const size_t generous = grows && size < usable + usable / 4 ? usable + usable / 4 : size;
    const bool in_pages = Map::ClassOf(p) == kLargeClass;
    if (in_pages && (size > kMaxClassSize || grows) && Table().large_resize(p, generous)) return p;
    void* moved = nullptr;
    if (grows && usable >= kGrowsInPages) {
      moved = Slow::AllocLarge(generous, kMinAlign, /*zero=*/false);
    }
    if (moved == nullptr) moved = Allocate(size < kGrowsInPages ? generous : size);
    if (HZ4_UNLIKELY(moved == nullptr)) return grows ? nullptr : p;
    memcpy(moved, p, grows ? usable : size);
    Release(p);
    return moved;
  }

  static HZ4_ALWAYS_INLINE void* PopCounted(size_t cls) {
    void* p = Front::Pop(cls);
    if constexpr (Stats::kOn) {
      if (p != nullptr) Stats::Add(CounterId::kFrontHitMalloc);
    }
    return p;
  }

  static HZ4_ALWAYS_INLINE void* Allocate(size_t size) {
    if (HZ4_UNLIKELY(size > kFineLimit)) return AllocateBig(size);
    return AllocateOf(size, FineClass(size));
  }
  static HZ4_ALWAYS_INLINE void* AllocateOf(size_t size, size_t cls) {
    void* p = PopCounted(cls);
    return HZ4_LIKELY(p != nullptr) ? p : Slow::Alloc(size, cls);
  }
  // Beyond the fine table. Apart, so that what most calls run is short.
  static HZ4_NOINLINE void* AllocateBig(size_t size) {
    if (HZ4_UNLIKELY(size > kMaxClassSize)) {
      return Slow::AllocLarge(size, kMinAlign, /*zero=*/false);
    }
    return AllocateOf(size, CoarseClass(size));
  }

  static HZ4_ALWAYS_INLINE void Release(void* p) {
    if (HZ4_UNLIKELY(!Map::MayOwn(p))) return Slow::Free(p, kNoClass);
    const size_t cls = Map::ClassOf(p);
    const PushResult result = Front::Push(p, cls);
    if (HZ4_LIKELY(result == PushResult::kDone)) {
      Stats::Add(CounterId::kFrontHitFree);
      return;
    }
    if (HZ4_UNLIKELY(result == PushResult::kTwice)) Die("double free", p);
    Slow::Free(p, cls);
  }
};

}  // namespace hz4

#endif  // HZ4_FRONT_ENTRY_H_
