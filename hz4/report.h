// SPDX-License-Identifier: Apache-2.0
//
// What hz4 says about itself: the configuration at launch, statistics at exit, and both on request
// through the C interface. One place puts the facts together; the words and formats are elsewhere
// (config_print, stats).
#ifndef HZ4_REPORT_H_
#define HZ4_REPORT_H_

#include "hz4/base/print.h"

namespace hz4 {

inline constexpr char kVersion[] = "1.0.0";

// HZ4_HELP and HZ4_PRINT_CONFIG; once libc is up.
void ReportAtLaunch();
// HZ4_STATS, HZ4_MID_STATS_B1, HZ4_MID_LOCK_TIME_STATS.
void ReportAtExit();

enum class ReportFormat { kText, kJson };
void PrintConfig(Printer* out, ReportFormat format);
void PrintStats(Printer* out, ReportFormat format);

}  // namespace hz4

#endif  // HZ4_REPORT_H_
