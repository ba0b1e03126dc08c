// SPDX-License-Identifier: Apache-2.0
//
// Turns declared arms into proved ones before anything is measured: settings checked against the
// registry, implied knobs given to every arm, fingerprints taken from a child under each arm, equal
// arms refused.

#ifndef HZ4_BENCH_AB_PREPARE_H_
#define HZ4_BENCH_AB_PREPARE_H_

#include "absl/status/status.h"
#include "bench/ab/measure.h"
#include "bench/ab/plan.h"

namespace hz4::ab {

// The settings of every arm, against the registry alone: nothing is run. kInvalidArgument names the
// arm and what is wrong.
absl::Status CheckArms(const Plan& plan);

// Fills fingerprints, implied settings, notes and the configuration difference of plan->arms, and
// appends the control arm where plan->control asks for one. kInvalidArgument: the request is wrong;
// kFailedPrecondition: the arms cannot be compared (equal fingerprints, library not usable).
absl::Status PrepareArms(Measurer* measurer, Plan* plan);

// The settings that some arm's configuration has only because another knob implied them.
std::vector<std::string> ImpliedSettings(const ConfigReport& config);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_PREPARE_H_
