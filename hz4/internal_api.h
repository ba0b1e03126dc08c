/* SPDX-License-Identifier: Apache-2.0
 *
 * hz4 under names of its own, for programs that keep libc's malloc: sanitizer builds and unit tests
 * (//hz4:hz4_without_override). The contracts are those of the functions they are named after.
 */
#ifndef HZ4_INTERNAL_API_H_
#define HZ4_INTERNAL_API_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void* hz4_malloc(size_t size);
void hz4_free(void* p);
void* hz4_calloc(size_t n, size_t size);
void* hz4_realloc(void* p, size_t size);
void* hz4_memalign(size_t align, size_t size); /* align: a power of two */
size_t hz4_malloc_usable_size(const void* p);

#ifdef __cplusplus
}
#endif

#endif /* HZ4_INTERNAL_API_H_ */
