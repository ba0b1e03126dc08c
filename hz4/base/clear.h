// SPDX-License-Identifier: Apache-2.0
//
// Clearing for calloc. A large block that was used before may have pages that its last owner never
// touched: clearing these would fault them in, and where a program uses little of its large blocks,
// they would cost more time and memory with each use.
#ifndef HZ4_BASE_CLEAR_H_
#define HZ4_BASE_CLEAR_H_

#include <cstring>

#include "hz4/base/platform.h"

namespace hz4 {

// From this size on pages that are not in memory are left so. Finding that out takes as long as
// clearing some 100 KiB, giving pages back half of that.
inline constexpr size_t kClearByPageFrom = size_t{128} << 10;

// size >= kClearByPageFrom.
void ClearByPage(void* p, size_t size);

// Makes [p, p + size) read as zero, whatever p is aligned to; returns p, so that a caller can end
// with the call. 16 to 64 bytes, the most frequent sizes, without one, by stores that overlap.
HZ4_ALWAYS_INLINE void* Clear(void* p, size_t size) {
  if (HZ4_LIKELY(size - 16 <= 48)) {
    char* const first = static_cast<char*>(p);
    char* const last = first + size - 16;
    memset(first, 0, 16);
    memset(last, 0, 16);
    if (size > 32) {
      memset(first + 16, 0, 16);
      memset(last - 16, 0, 16);
    }
    return p;
  }
  if (HZ4_LIKELY(size < kClearByPageFrom)) return memset(p, 0, size);
  ClearByPage(p, size);
  return p;
}

}  // namespace hz4

#endif  // HZ4_BASE_CLEAR_H_
