// SPDX-License-Identifier: Apache-2.0
//
// Statistics as text: for people, for programs (JSON), and as the work orders' lines. Allocates
// nothing.
#ifndef HZ4_STATS_PRINT_H_
#define HZ4_STATS_PRINT_H_

#include "hz4/base/print.h"
#include "hz4/config_print.h"
#include "hz4/knobs.h"
#include "hz4/stats/blocks.h"
#include "hz4/stats/counters.h"

namespace hz4 {

// One moment of a process.
struct StatsReport {
  const Knobs* knobs;
  LibraryFacts library;
  StatsTotals totals;
  Gauges gauges;
};

// Several lines: every counter of the core, every gauge.
void PrintStatsText(Printer* out, const StatsReport& report);
// One line:
//   {"hz4":"stats","version":"...","pid":1,"fingerprint":"0123456789abcdef",
//    "counters":{"name":1,...},
//    "mid_b1":{...},"mid_lock":{...,"sample_scale":256},"gauges":{"name":1,...}}
// mid_b1 and mid_lock only where HZ4_MID_STATS_B1 and HZ4_MID_LOCK_TIME_STATS are on.
void PrintStatsJson(Printer* out, const StatsReport& report);
// "[HZ4_MID_STATS_B1] name=value ..." and "[HZ4_MID_LOCK_STATS] name=value ... sample_scale=256".
void PrintMidStats(Printer* out, const StatsTotals& totals);
void PrintMidLockStats(Printer* out, const StatsTotals& totals, uint64_t sample_shift);

// Whether the knobs ask for anything at exit; then StatsReport is worth filling in.
bool WantsStats(const Knobs& knobs);
// Writes what they ask for to HZ4_OUTPUT, each record in one write.
void WriteStats(const StatsReport& report);

}  // namespace hz4

#endif  // HZ4_STATS_PRINT_H_
