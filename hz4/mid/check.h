// SPDX-License-Identifier: Apache-2.0
//
// What must hold whenever no thread is inside the ladder:
//
//   an object is in exactly one place: live; a free or remote bit of its page; or one slot of one
//     array of one thread (local stack, L0, alloc run, free batch) or of one published list
//   an array holds no more than its slots
//   a page in a bin is unowned, of the bin's class, has a free object, its hand-over word is 0
//   the bin's count of wholly free pages is right, and they stand behind the others
//   an owned page is in no list, is marked as owned, and is exactly one thread's
//   what a span says of itself (Span::Check)
#ifndef HZ4_MID_CHECK_H_
#define HZ4_MID_CHECK_H_

#include "hz4/dispatch.h"

namespace hz4 {
namespace mid {

// Seam mid_check. nullptr, or what does not hold. Only while no other thread allocates or frees.
const char* Check();

// Seam mid_totals. Exact in a quiescent process; else a sum of moments. Inside a SlowScope.
MidTotals Totals();

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_CHECK_H_
