// SPDX-License-Identifier: Apache-2.0
//
// From the command line to a plan: which lanes, which arms, which gates, how many blocks.

#ifndef HZ4_BENCH_AB_REQUEST_H_
#define HZ4_BENCH_AB_REQUEST_H_

#include "absl/status/statusor.h"
#include "bench/ab/flags.h"
#include "bench/ab/plan.h"

namespace hz4::ab {

// Everything but what only a child can tell (fingerprints). Nothing is run.
absl::StatusOr<Plan> BuildPlan(const Request& request);

// A shell command that repeats the campaign: its arguments, its seed.
std::string RepeatCommand(const Request& request, const std::string& seed);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_REQUEST_H_
