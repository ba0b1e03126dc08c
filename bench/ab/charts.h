// SPDX-License-Identifier: Apache-2.0
//
// The charts of report.html as inline SVG. Colours are the page's CSS variables, so that they
// follow light and dark; text is sized for a column that is as narrow as a phone.

#ifndef HZ4_BENCH_AB_CHARTS_H_
#define HZ4_BENCH_AB_CHARTS_H_

#include <string>
#include <vector>

#include "bench/ab/tables.h"

namespace hz4::ab {

std::string Escaped(const std::string& text);  // for HTML and SVG

// One row per claim: interval, estimate, gate; the range of the axis is common to all.
std::string ForestPlot(const ReportInput& input);

// Per lane: the metric of every run in the order in which they ran, one mark per arm.
std::string RunsOverTime(const ReportInput& input, const LaneSpec& lane);

// Per lane: the share of runs at or below each value, one step line per arm.
std::string Distribution(const ReportInput& input, const LaneSpec& lane);

// Per lane: peak memory against the lane's metric, medians, one mark per arm; empty without memory.
std::string Memory(const ReportInput& input, const LaneSpec& lane);

// What the marks mean.
std::string Legend(const Plan& plan);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_CHARTS_H_
