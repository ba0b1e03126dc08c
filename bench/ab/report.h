// SPDX-License-Identifier: Apache-2.0
//
// The files a campaign leaves beside raw.jsonl. All of them are derived from the record; --verify
// and --resume write them anew.

#ifndef HZ4_BENCH_AB_REPORT_H_
#define HZ4_BENCH_AB_REPORT_H_

#include <string>

#include "absl/status/status.h"
#include "bench/ab/json.h"
#include "bench/ab/tables.h"

namespace hz4::ab {

std::string MarkdownReport(const ReportInput& input);
std::string HtmlReport(const ReportInput& input);
std::string RawTsv(const ReportInput& input);      // one line per run
std::string SummaryTsv(const ReportInput& input);  // one line per gate and variant
Json SummaryJson(const ReportInput& input);
std::string JUnitXml(const ReportInput& input);  // one test case per gate, check and bad run

// One arm in Google Benchmark's JSON: `compare.py benchmarks base.json variant.json` reads a pair.
Json GoogleBenchmarkJson(const ReportInput& input, const std::string& arm);
// One arm in the text format of Go's benchmarks, which benchstat reads.
std::string BenchstatText(const ReportInput& input, const std::string& arm);
// Wall times of all lanes and arms as hyperfine exports them (--export-json).
Json HyperfineJson(const ReportInput& input);

// Writes all of them into the folder.
absl::Status WriteReports(const std::string& folder, const ReportInput& input);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_REPORT_H_
