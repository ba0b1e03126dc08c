// SPDX-License-Identifier: Apache-2.0
//
// Lanes from where they are declared: the built-in table (bench/lanes.h), a lane file, or a command
// given after `--`. docs/AB.md is the schema of lane files for users.

#ifndef HZ4_BENCH_AB_LANE_FILE_H_
#define HZ4_BENCH_AB_LANE_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/ab/plan.h"
#include "bench/ab/sections.h"

namespace hz4::ab {

// A lane of random_mixed_mt_remote with these arguments, measured and checked as built-in lanes
// are. `benchmark` is the program's path.
LaneSpec BenchmarkLane(const std::string& name, const std::vector<std::string>& arguments,
                       const std::string& benchmark);

// The built-in lane of that name; the error lists the names.
absl::StatusOr<LaneSpec> BuiltInLane(const std::string& name, const std::string& benchmark);

// The lane of a user's command: wall time is the claim; CPU time, memory, faults and switches are
// reported. With `metric` (NAME:higher|lower:PATTERN) that number is the claim instead.
absl::StatusOr<LaneSpec> CommandLane(const std::vector<std::string>& command,
                                     const std::string& metric);

// Takes the [lane] and [metric] sections out of `sections`; others stay for the caller.
// Relative commands with a slash are relative to `folder`.
absl::StatusOr<std::vector<LaneSpec>> TakeLanes(std::vector<Section>* sections,
                                                const std::string& file, const std::string& folder,
                                                const std::string& benchmark);

// A whole lane file; sections that do not belong there are errors.
absl::StatusOr<std::vector<LaneSpec>> ReadLaneFile(const std::string& path,
                                                   const std::string& benchmark);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_LANE_FILE_H_
