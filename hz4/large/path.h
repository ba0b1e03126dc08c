// SPDX-License-Identifier: Apache-2.0
//
// Blocks above the largest class, and blocks aligned above a page: a span of their own each.
// Stats: Counting or NotCounting.
#ifndef HZ4_LARGE_PATH_H_
#define HZ4_LARGE_PATH_H_

#include "hz4/span.h"
#include "hz4/stats/blocks.h"

namespace hz4 {

// size 1..PTRDIFF_MAX, align any power of two; nullptr when it cannot be had. Zeroed when asked
// for, without clearing pages that come fresh from the kernel or are not in memory
// (hz4/base/clear.h).
template <class Stats>
void* LargeAlloc(size_t size, size_t align, bool zero);
template <class Stats>
void LargeFree(void* p);
// p must be the start of a block; the process ends when it is not.
size_t LargeUsable(const void* p);
// Makes the block hold `size` bytes (> kMaxClassSize) without moving it. False: it is as before.
bool LargeResize(void* p, size_t size);

}  // namespace hz4

#endif  // HZ4_LARGE_PATH_H_
