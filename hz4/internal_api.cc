// SPDX-License-Identifier: Apache-2.0
#include "hz4/internal_api.h"

#include "hz4/dispatch.h"

using hz4::Table;

extern "C" {

void* hz4_malloc(size_t size) { return Table().malloc(size); }
void hz4_free(void* p) { Table().free(p); }
void* hz4_calloc(size_t n, size_t size) { return Table().calloc(n, size); }
void* hz4_realloc(void* p, size_t size) { return Table().realloc(p, size); }
void* hz4_memalign(size_t align, size_t size) { return Table().memalign(align, size); }
size_t hz4_malloc_usable_size(const void* p) { return Table().usable_size(p); }

}  // extern "C"
