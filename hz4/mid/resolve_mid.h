// SPDX-License-Identifier: Apache-2.0
//
// The one place that knows all boxes of the ladder: knobs -> entries of the table.
#ifndef HZ4_MID_RESOLVE_MID_H_
#define HZ4_MID_RESOLVE_MID_H_

#include "hz4/dispatch.h"

namespace hz4 {
namespace mid {

// HZ4_MID_ROUTE=ladder: fills every mid_* entry of the table and its name. Pure. A box whose need
// is off is left out.
void ResolveMid(const Knobs& knobs, Resolution* r);

// Readies what the ladder needs under the effective knobs, once, before the first call through the
// table: its locks, and the memory of the transfer cache (without memory it stays empty).
void Init();

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_RESOLVE_MID_H_
