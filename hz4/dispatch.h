// SPDX-License-Identifier: Apache-2.0
//
// The table: one pointer per door and per seam, filled by Resolve (resolve.cc) when the process
// starts and read-only from then on. Nothing behind a door asks whether a policy is on: off is
// another function, or the absence of a step.
//
//   malloc(size)                                                              (malloc.cc)
//     -> table.malloc                       entry for one front, map, statistics   (front/entry.h)
//          hit:  pop from the cache, return
//          miss: -> table.{small,mid,big}_alloc(cls)      by the kind of the class
//                     array route:  front refill from central                   (front, central)
//                     ladder:       table.mid_alloc_steps[0..]                         (mid/path)
//          no class: -> table.large_alloc                                        (large/path)
//   free(p)
//     -> table.free                         page map -> class -> push into the cache
//          full: -> table.{small,mid,big}_free(p, cls);   large, side, foreign: by class
#ifndef HZ4_DISPATCH_H_
#define HZ4_DISPATCH_H_

#include <cstddef>

#include "hz4/base/platform.h"
#include "hz4/function_name.h"
#include "hz4/knobs.h"
#include "hz4/size_class.h"

namespace hz4 {

struct Span;
struct ThreadState;
struct MidThread;
namespace huge_pages {
enum class Use : uint8_t;
}

// Where the ladder's memory is, in bytes of objects; all zero on the array route.
struct MidTotals {
  uint64_t handed_out_bytes;     // carved and not free in their span: live or in a cache
  uint64_t thread_cached_bytes;  // in per-thread caches, remote lists included
  uint64_t shared_cached_bytes;  // in the transfer cache
  uint64_t span_free_bytes;      // free in spans, never carved included
  uint64_t span_bytes;           // pages of all spans of the ladder
};

// One step of a mid malloc: an object, or nullptr: ask the next step.
using MidAllocStep = void* (*)(MidThread* t, unsigned cls);
// One step of a mid free: true when it took the object.
using MidFreeStep = bool (*)(MidThread* t, Span* span, void* p, unsigned cls);

struct Dispatch {
#define HZ4_DOOR(name, ret, params, text) ret(*name) params;
#define HZ4_SEAM(name, ret, params, text) ret(*name) params;
#define HZ4_STEPS(name, type, max, text) type name[(max) + 1];
#include "hz4/seams.def"
};

// The name of the function in each entry, for HZ4_PRINT_CONFIG; null where there is none.
struct DispatchNames {
#define HZ4_DOOR(name, ret, params, text) const char* name;
#define HZ4_SEAM(name, ret, params, text) const char* name;
#define HZ4_STEPS(name, type, max, text) const char* name[(max) + 1];
#include "hz4/seams.def"
};

// What Resolve makes.
struct Resolution {
  Dispatch table;
  DispatchNames names;
};

// Binds entry `entry` of the Resolution that r points to, and its name.
#define HZ4_BIND(entry, ...)                       \
  do {                                             \
    r->table.entry = &__VA_ARGS__;                 \
    r->names.entry = FunctionName<&__VA_ARGS__>(); \
  } while (false)

// What is fixed for the life of the process, on pages of its own (alignas also rounds the size up).
struct alignas(kOsPage) Sealed {
  Dispatch table;
  DispatchNames names;
  KnobSet knobs;  // effective values and where they came from
};
HZ4_HIDDEN extern Sealed sealed;

// The build kind that measures what the table costs: doors and seams bound by the compiler
// (doors.h; seams through link-time optimisation). Its hit paths cannot initialise, so its slow
// paths do.
#if defined(HZ4_CONSTEXPR_TABLE)
inline constexpr bool kTableIsConstexpr = true;
HZ4_HIDDEN extern const Resolution kConstexprResolution;
inline const Dispatch& Table() { return kConstexprResolution.table; }
#else
inline constexpr bool kTableIsConstexpr = false;
// The resolved table. Before initialisation its doors initialise first and then go on.
inline const Dispatch& Table() { return sealed.table; }
#endif
bool EnsureInitialized();  // init.h
inline const Knobs& EffectiveKnobs() { return sealed.knobs.value; }

HZ4_ALWAYS_INLINE void* AllocOfKind(unsigned cls) {
  switch (KindOf(cls)) {
    case ClassKind::kSmall:
      return Table().small_alloc(cls);
    case ClassKind::kMid:
      return Table().mid_alloc(cls);
    default:
      return Table().big_alloc(cls);
  }
}
HZ4_ALWAYS_INLINE void FreeOfKind(void* p, unsigned cls) {
  switch (KindOf(cls)) {
    case ClassKind::kSmall:
      return Table().small_free(p, cls);
    case ClassKind::kMid:
      return Table().mid_free(p, cls);
    default:
      return Table().big_free(p, cls);
  }
}

}  // namespace hz4

#endif  // HZ4_DISPATCH_H_
