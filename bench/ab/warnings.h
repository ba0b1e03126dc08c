// SPDX-License-Identifier: Apache-2.0
//
// What a careful reader of a campaign wants to be told and no verdict depends on: drift, two humps,
// a control arm that moved, runs too short, a machine that others used.

#ifndef HZ4_BENCH_AB_WARNINGS_H_
#define HZ4_BENCH_AB_WARNINGS_H_

#include <string>
#include <vector>

#include "bench/ab/claims.h"
#include "bench/ab/samples.h"

namespace hz4::ab {

std::vector<std::string> FindWarnings(const Samples& samples, const std::string& stage,
                                      const std::vector<Control>& controls);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_WARNINGS_H_
