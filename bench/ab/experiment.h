// SPDX-License-Identifier: Apache-2.0
//
// Named experiments: a work order as data. One file each in bench/ab/experiments, in the text
// format of sections.h:
//
//   [experiment NAME]
//     title, source, record     what it is, where it is ordered, the verdict on record
//     reading, note             how an ambiguous rule is read; what the reader must know
//     (repeatable) lanes                     built-in lanes, in order screen_runs, replay_runs,
//     counting_runs counting                  environment of the counting runs, beside HZ4_STATS
//     and
//                               HZ4_MID_STATS_B1
//   [arm base]                  env = HZ4_NAME=VALUE ...
//   [arm NAME]                  a variant: starts from the base, then env; -HZ4_NAME takes one away
//   [gate LANE]                 metric (default: the lane's first), screen, replay: ">= -1.0%", ">
//   0%" [derived NAME]              value = an expression over counters [check KIND] mechanism |
//   gate | observe | perf; expect = an expression (repeatable) [lane NAME], [metric NAME]  lanes of
//   its own, as in a lane file
//
// The kinds of checks: plan.h. The language of expressions: expression.h.

#ifndef HZ4_BENCH_AB_EXPERIMENT_H_
#define HZ4_BENCH_AB_EXPERIMENT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/ab/plan.h"

namespace hz4::ab {

// The file's plan: lanes, arms, gates, checks. Fingerprints, seed and library are not known yet.
absl::StatusOr<Plan> ParseExperiment(const std::string& text, const std::string& file,
                                     const std::string& benchmark);

// A built-in experiment by name, or a file by path (a name with a slash or ending in .ab).
absl::StatusOr<Plan> ReadExperiment(const std::string& name_or_path, const std::string& benchmark);

// The built-in names, separated by ", ".
std::string ExperimentNames();

// ">= -1.0%" or "> 0%" or "-1": the limit, and whether it must be exceeded.
struct Limit {
  double percent = 0;
  bool strict = false;
};
absl::StatusOr<Limit> ParseLimit(const std::string& text);

// LANE[:METRIC]>=SCREEN[/REPLAY],...: the gates of --gates over the plan's lanes.
absl::StatusOr<std::vector<Gate>> ParseGates(const std::string& text, const Plan& plan);

// The gates that follow from the lanes' own roles and margins.
std::vector<Gate> GatesOfRoles(const Plan& plan);

// A variant's environment: the base's, changed by `settings` (NAME=VALUE sets, -NAME takes away).
std::vector<std::string> Inherit(const std::vector<std::string>& base,
                                 const std::vector<std::string>& settings);

// Every name in every check and gate means something: a lane, an arm, a metric of the plan.
absl::Status CheckNames(const Plan& plan);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_EXPERIMENT_H_
