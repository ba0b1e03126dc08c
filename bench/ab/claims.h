// SPDX-License-Identifier: Apache-2.0
//
// The sound verdict: every gate as a statistical claim about one lane, metric and variant. Pure;
// the rule in words is Plan::RuleOfDecision(), its calibration is
// tests/bench/ab/calibration_test.cc.

#ifndef HZ4_BENCH_AB_CLAIMS_H_
#define HZ4_BENCH_AB_CLAIMS_H_

#include <limits>
#include <string>
#include <vector>

#include "bench/ab/plan.h"
#include "bench/ab/samples.h"
#include "bench/ab/stats.h"

namespace hz4::ab {

enum class Verdict { kPass, kFail, kInconclusive, kInvalid };
std::string VerdictName(Verdict verdict);

struct Claim {
  std::string lane;
  std::string metric;
  std::string arm;
  Role role = Role::kPrimary;
  double limit = 0;          // percent of gain
  bool same_arms = false;    // declared A/A: the claim is "no difference", the limit is 0
  int blocks = 0;            // blocks with a gain
  double estimate = 0;       // log ratio; positive is better
  Interval interval;         // log ratios, at `confidence`
  double confidence = 0.95;  // of the two-sided interval; a guard's bound is one-sided
  double p = 1;              // of the last look, against the limit
  double p_adjusted = 1;     // over the looks, and over all primary claims (Holm)
  Verdict verdict = Verdict::kInconclusive;
  double noise = 0;  // standard deviation of a block's log ratio
  double visible = std::numeric_limits<double>::infinity();  // smallest effect these blocks can see
  bool undecidable = false;  // inconclusive, and the gate is tighter than `visible`
  int blocks_needed = 0;     // what the gate would take; for a gate of zero, what 1% would take
  double cross_check = 1;    // Mann-Whitney p of the unpaired values
};

// A' against A, per lane, on the lane's first judged metric.
struct Control {
  std::string lane;
  std::string metric;
  int blocks = 0;
  double estimate = 0;
  Interval interval;
  double p = 1;
  double p_same_distribution = 1;  // Kolmogorov-Smirnov
  double noise = 0;
};

// How much work an answer is worth: intervals for people take a bootstrap per claim, and whoever
// only wants to know whether a lane is decided does not need them.
enum class Intervals { kForDecisionsOnly, kAll };

// The claims on the data of one stage (screen or replay), in the order of gates and variants.
std::vector<Claim> JudgeClaims(const Samples& samples, const std::string& stage,
                               Intervals intervals);

std::vector<Control> JudgeControls(const Samples& samples, const std::string& stage);

// The looks of a stage: the block numbers at which claims may be decided.
std::vector<int> StageLooks(const Plan& plan, const std::string& stage);

// Gates in the order of the plan; in a declared A/A they all ask "is there a difference?".
std::vector<Gate> ClaimGates(const Plan& plan);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_CLAIMS_H_
