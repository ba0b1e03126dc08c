// SPDX-License-Identifier: Apache-2.0
//
// Memory for the few allocations that happen while hz4 initialises itself (the loader's, when
// libc's malloc is looked up): a static buffer, never reused. What comes from it is recognised by
// its address and freeing it does nothing. Used by one thread at a time: the initialising one.
#ifndef HZ4_BASE_BOOTSTRAP_H_
#define HZ4_BASE_BOOTSTRAP_H_

#include "hz4/base/platform.h"

namespace hz4 {
namespace bootstrap {

// Zeroed; align is a power of two. nullptr when the buffer is used up.
void* Allocate(size_t size, size_t align);
bool Owns(const void* p);
size_t UsableSize(const void* p);

}  // namespace bootstrap
}  // namespace hz4

#endif  // HZ4_BASE_BOOTSTRAP_H_
