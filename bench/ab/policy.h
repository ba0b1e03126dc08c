// SPDX-License-Identifier: Apache-2.0
//
// What the laboratory asks the allocator's registry: whether an arm's settings are settings at all,
// before anything runs. What they amount to is asked of a child that runs under them
// (child_report.h), so the laboratory cannot disagree with the allocator.

#ifndef HZ4_BENCH_AB_POLICY_H_
#define HZ4_BENCH_AB_POLICY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace hz4::ab {

// Every setting is NAME=VALUE of a knob that arms may set, with a value the knob takes. The error
// is the registry's own: name, value, what is allowed, the nearest name.
absl::Status CheckSettings(const std::vector<std::string>& settings);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_POLICY_H_
