// SPDX-License-Identifier: Apache-2.0
//
// What stands between a hit path and the seams: deferred frees, the side way, memory pressure and
// ENOMEM. Stats: Counting or NotCounting.
#ifndef HZ4_SLOW_PATH_H_
#define HZ4_SLOW_PATH_H_

#include "hz4/base/platform.h"
#include "hz4/stats/blocks.h"

namespace hz4 {

template <class Stats>
struct SlowPath {
  // cls is a size_t here and there, so that a hit path has it in one register, as index and
  // argument.
  //
  // The front missed: `size` bytes of `cls`. nullptr: out of memory, errno ENOMEM.
  static void* Alloc(size_t size, size_t cls);
  // No class: any size, also 0 and above PTRDIFF_MAX; align any power of two.
  static void* AllocLarge(size_t size, size_t align, bool zero);
  // The front did not take p; cls is anything the page map says, kTwice: p was freed last already.
  static void Free(void* p, size_t cls);

 private:
  static void* Refused(size_t size, size_t align, bool zero, unsigned cls);
};

}  // namespace hz4

#endif  // HZ4_SLOW_PATH_H_
