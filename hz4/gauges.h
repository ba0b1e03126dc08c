// SPDX-License-Identifier: Apache-2.0
//
// Where memory is, asked when somebody wants to know; nothing is counted for it on the way.
//   mapped = live + front cached + central cached + free in spans + page free + released (+ tails)
#ifndef HZ4_GAUGES_H_
#define HZ4_GAUGES_H_

#include "hz4/stats/counters.h"

namespace hz4 {

// Consistent when no other thread is at work; otherwise each part is as it was when it was read.
// Memory that another thread's cache holds counts as cached, not as live.
void FillGauges(Gauges* gauges);

}  // namespace hz4

#endif  // HZ4_GAUGES_H_
