// SPDX-License-Identifier: Apache-2.0
#include "hz4/internal_api.h"

#include "hz4/dispatch.h"

namespace {

// The door as it is now: acquire, with the release of Publish. The exported API jumps through
// memory, which is the same load on x86-64.
template <class Door>
Door Acquire(const Door& door) {
  return __atomic_load_n(&door, __ATOMIC_ACQUIRE);
}

}  // namespace

using hz4::Table;

extern "C" {

void* hz4_malloc(size_t size) { return Acquire(Table().malloc)(size); }
void hz4_free(void* p) { Acquire(Table().free)(p); }
void* hz4_calloc(size_t n, size_t size) { return Acquire(Table().calloc)(n, size); }
void* hz4_realloc(void* p, size_t size) { return Acquire(Table().realloc)(p, size); }
void* hz4_memalign(size_t align, size_t size) { return Acquire(Table().memalign)(align, size); }
size_t hz4_malloc_usable_size(const void* p) { return Acquire(Table().usable_size)(p); }

}  // extern "C"
