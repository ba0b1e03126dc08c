// SPDX-License-Identifier: Apache-2.0
//
// --plan: what a campaign would cost and the smallest effect it could see, before anything is
// spent.

#ifndef HZ4_BENCH_AB_PLAN_TEXT_H_
#define HZ4_BENCH_AB_PLAN_TEXT_H_

#include <string>

#include "bench/ab/plan.h"
#include "bench/ab/record.h"

namespace hz4::ab {

// `earlier`, where given, is a campaign on this machine: durations and noise come from it. Without
// it they come from a table of the built-in lanes that is right to a factor of two, and are unknown
// for every other lane.
std::string DescribePlan(const Plan& plan, const Record* earlier);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_PLAN_TEXT_H_
