// SPDX-License-Identifier: Apache-2.0
#include "hz4/slow_path.h"

#include <cerrno>

#include "hz4/base/bootstrap.h"
#include "hz4/base/lock.h"
#include "hz4/base/print.h"
#include "hz4/base/tls.h"
#include "hz4/dispatch.h"
#include "hz4/side_arena.h"
#include "hz4/size_class.h"

namespace hz4 {
namespace {

void* FromSeam(size_t size, size_t align, bool zero, unsigned cls) {
  return cls != kNoClass ? AllocOfKind(cls) : Table().large_alloc(size, align, zero);
}

}  // namespace

template <class Stats>
void* SlowPath<Stats>::Alloc(size_t size, size_t class_index) {
  const auto cls = static_cast<unsigned>(class_index);
  if constexpr (kTableIsConstexpr) EnsureInitialized();
  if (HZ4_UNLIKELY(side::HasDeferred())) side::DrainDeferred();
  void* p = AllocOfKind(cls);
  return HZ4_LIKELY(p != nullptr) ? p : Refused(size, kMinAlign, false, cls);
}

template <class Stats>
void* SlowPath<Stats>::AllocLarge(size_t size, size_t align, bool zero) {
  if constexpr (kTableIsConstexpr) EnsureInitialized();
  if (size - 1 >= static_cast<size_t>(PTRDIFF_MAX)) {
    if (size == 0) {
      size = 1;
    } else {
      errno = ENOMEM;
      return nullptr;
    }
  }
  if (HZ4_UNLIKELY(side::HasDeferred())) side::DrainDeferred();
  void* p = Table().large_alloc(size, align, zero);
  return HZ4_LIKELY(p != nullptr) ? p : Refused(size, align, zero, kNoClass);
}

// The seam said no: because it may not work now, or because there is no memory.
template <class Stats>
HZ4_COLD void* SlowPath<Stats>::Refused(size_t size, size_t align, bool zero, unsigned cls) {
  bool released = false;
  for (;;) {
    if (tls.busy != 0 || Fork::Pending()) {
      void* p = side::Allocate(size, align, zero);
      if (p == nullptr) break;
      Stats::Add(CounterId::kSideMalloc);
      return p;
    }
    const uint32_t forks = Fork::Count();
    if (!released) Table().release_memory();
    if (void* p = FromSeam(size, align, zero, cls)) return p;
    // A refusal while no fork began is about memory.
    if (released && forks == Fork::Count()) break;
    released = true;
  }
  errno = ENOMEM;
  return nullptr;
}

template <class Stats>
void SlowPath<Stats>::Free(void* p, size_t class_index) {
  const auto cls = static_cast<unsigned>(class_index);
  if (HZ4_UNLIKELY(side::HasDeferred())) side::DrainDeferred();
  if (HZ4_LIKELY(cls - 1 < kNumClasses)) return FreeOfKind(p, cls);
  if (cls == kLargeClass) return Table().large_free(p);
  if (cls == kSideClass) {
    Stats::Add(CounterId::kSideFree);
    return side::Free(p);
  }
  if (p == nullptr || bootstrap::Owns(p)) return;
  Die("invalid free: not a pointer that hz4 handed out", p);
}

template struct SlowPath<Counting>;
template struct SlowPath<NotCounting>;

}  // namespace hz4
