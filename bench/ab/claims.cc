// SPDX-License-Identifier: Apache-2.0
//
// Look by look: test, adjust, decide. A decided claim stays decided; an undecided one waits for the
// next look, if its lane has the blocks for it.

#include "bench/ab/claims.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "bench/ab/sequential.h"

namespace hz4::ab {
namespace {

constexpr int kResamples = 1000;

// A claim on its way to a verdict.
struct Pending {
  Claim claim;
  const LaneSpec* lane = nullptr;
  const Metric* metric = nullptr;
  double limit = 0;    // log ratio
  double p_above = 1;  // over the looks so far: the gain is above the limit
  double p_below = 1;
  bool decided = false;
};

double Confidence(Role role, double alpha) {
  return role == Role::kGuard ? 1 - 2 * alpha : 1 - alpha;
}

// The bootstrap's interval, and the exact one of the test: with few blocks the first is too short,
// so the interval shown and used covers both.
Interval CoveringInterval(const std::vector<double>& gains, double confidence, std::uint64_t seed) {
  const Interval exact = SignedRankInterval(gains, confidence);
  const Interval bootstrap = BootstrapInterval(gains, confidence, kResamples, seed);
  return {std::min(exact.low, bootstrap.low), std::max(exact.high, bootstrap.high)};
}

std::uint64_t IntervalSeed(const Plan& plan, const Claim& claim) {
  return SeedFor(plan, absl::StrCat("bootstrap/", claim.lane, "/", claim.metric, "/", claim.arm));
}

double Limit(const Gate& gate, const std::string& stage) {
  return stage == kStageScreen ? gate.screen : gate.replay;
}

std::vector<Pending> PendingClaims(const Plan& plan, const std::string& stage) {
  std::vector<Pending> pending;
  for (const Gate& gate : ClaimGates(plan)) {
    for (const Arm* arm : plan.Variants()) {
      Pending one;
      one.lane = plan.FindLane(gate.lane);
      one.metric = one.lane->FindMetric(gate.metric);
      one.claim.lane = gate.lane;
      one.claim.metric = gate.metric;
      one.claim.arm = arm->name;
      one.claim.role = gate.role;
      one.claim.limit = Limit(gate, stage);
      one.claim.same_arms = plan.same_arms;
      one.claim.confidence = Confidence(gate.role, plan.alpha);
      one.limit = GainOfPercent(one.claim.limit);
      pending.push_back(one);
    }
  }
  return pending;
}

// The test at look `k`; false when the lane does not have the look's blocks.
bool Look(const Samples& samples, const std::string& stage, const std::vector<int>& looks,
          std::size_t k, Pending* one) {
  if (samples.Blocks(stage, one->claim.lane).size() < static_cast<std::size_t>(looks[k]))
    return false;
  const std::vector<double> gains =
      samples.Gains(stage, *one->lane, *one->metric, one->claim.arm, looks[k]);
  const SignedRankResult test = SignedRank(gains, one->limit);
  const double sides = one->claim.role == Role::kGuard ? 1 : 2;
  const double above = std::min(1.0, sides * test.p_greater);
  const double below = std::min(1.0, sides * test.p_less);
  one->p_above = std::min(one->p_above, AdjustForLook(above, looks, k));
  one->p_below = std::min(one->p_below, AdjustForLook(below, looks, k));
  one->claim.p = std::min(above, below);
  return true;
}

// A rejection becomes a verdict once the interval agrees with it.
void Decide(const Samples& samples, const std::string& stage, int blocks, Pending* one) {
  const std::vector<double> gains =
      samples.Gains(stage, *one->lane, *one->metric, one->claim.arm, blocks);
  const Interval interval =
      CoveringInterval(gains, one->claim.confidence, IntervalSeed(samples.plan(), one->claim));
  const bool above = one->p_above <= one->p_below;
  one->decided = above ? interval.low > one->limit : interval.high < one->limit;
  if (one->decided) one->claim.verdict = above ? Verdict::kPass : Verdict::kFail;
}

void DecideRound(const Samples& samples, const std::string& stage, int blocks,
                 std::vector<Pending>* pending) {
  std::vector<double> family;
  for (const Pending& one : *pending) {
    if (one.claim.role == Role::kPrimary) family.push_back(std::min(one.p_above, one.p_below));
  }
  const std::vector<double> adjusted = Holm(family);
  std::size_t next = 0;
  for (Pending& one : *pending) {
    one.claim.p_adjusted =
        one.claim.role == Role::kPrimary ? adjusted[next++] : std::min(one.p_above, one.p_below);
    if (!one.decided && one.claim.p_adjusted <= samples.plan().alpha) {
      Decide(samples, stage, blocks, &one);
    }
  }
}

void Describe(const Samples& samples, const std::string& stage, const std::vector<int>& looks,
              Intervals intervals, const std::vector<double>& control_gains, Pending* one) {
  Claim& claim = one->claim;
  const Plan& plan = samples.plan();
  const std::vector<double> gains = samples.Gains(stage, *one->lane, *one->metric, claim.arm);
  claim.blocks = static_cast<int>(gains.size());
  if (gains.empty()) return;
  claim.estimate = HodgesLehmann(gains);
  claim.noise = std::max(StandardDeviation(gains), StandardDeviation(control_gains));
  const int sides = claim.role == Role::kGuard ? 1 : 2;
  const double alpha = SpentAlpha(plan.alpha, static_cast<double>(claim.blocks) / looks.back());
  claim.visible = SmallestVisibleEffect(claim.noise, claim.blocks, std::max(alpha, 1e-9), sides);
  // A variant equal to the base lies |limit| away from its gate; nothing lies away from a gate of
  // 0.
  const double distance = one->limit == 0 ? GainOfPercent(1) : std::fabs(one->limit);
  claim.blocks_needed = BlocksNeeded(claim.noise, distance, plan.alpha, sides);
  // Where these blocks can see nothing at all, their spread says nothing about the price either.
  claim.undecidable = claim.verdict == Verdict::kInconclusive && std::isfinite(claim.visible) &&
                      (one->limit == 0 || claim.visible > std::fabs(one->limit));
  if (intervals == Intervals::kForDecisionsOnly) return;
  claim.interval = CoveringInterval(gains, claim.confidence, IntervalSeed(plan, claim));
  claim.cross_check =
      MannWhitney(samples.Values(stage, claim.lane, claim.metric, plan.arms[0].name),
                  samples.Values(stage, claim.lane, claim.metric, claim.arm));
}

}  // namespace

std::string VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "PASS";
    case Verdict::kFail:
      return "FAIL";
    case Verdict::kInconclusive:
      return "INCONCLUSIVE";
    case Verdict::kInvalid:
      return "INVALID";
  }
  return "";
}

std::vector<int> StageLooks(const Plan& plan, const std::string& stage) {
  if (stage == kStageScreen) return {plan.screen_blocks};
  return Looks(plan.replay_blocks, plan.most_blocks);
}

std::vector<Gate> ClaimGates(const Plan& plan) {
  std::vector<Gate> gates = plan.gates;
  for (Gate& gate : gates) {
    if (!plan.same_arms) continue;
    gate.role = Role::kPrimary;
    gate.screen = gate.replay = 0;
  }
  return gates;
}

std::vector<Claim> JudgeClaims(const Samples& samples, const std::string& stage,
                               Intervals intervals) {
  const Plan& plan = samples.plan();
  std::vector<Pending> pending = PendingClaims(plan, stage);
  const std::vector<int> looks = StageLooks(plan, stage);
  for (std::size_t k = 0; k < looks.size(); ++k) {
    bool looked = false;
    for (Pending& one : pending) {
      if (!one.decided) looked = Look(samples, stage, looks, k, &one) || looked;
    }
    if (!looked) break;
    DecideRound(samples, stage, looks[k], &pending);
  }
  std::vector<Claim> claims;
  for (Pending& one : pending) {
    const std::vector<double> control =
        plan.control ? samples.Gains(stage, *one.lane, *one.metric, kControlArm)
                     : std::vector<double>();
    Describe(samples, stage, looks, intervals, control, &one);
    if (plan.same_arms && one.decided) one.claim.verdict = Verdict::kFail;
    if (plan.same_arms && !one.decided && one.claim.blocks >= looks[0]) {
      one.claim.verdict = Verdict::kPass;
      one.claim.undecidable = false;
    }
    claims.push_back(one.claim);
  }
  return claims;
}

std::vector<Control> JudgeControls(const Samples& samples, const std::string& stage) {
  std::vector<Control> controls;
  const Plan& plan = samples.plan();
  if (!plan.control) return controls;
  for (const LaneSpec& lane : plan.lanes) {
    const Metric& metric = lane.metrics.front();
    const std::vector<double> gains = samples.Gains(stage, lane, metric, kControlArm);
    if (gains.empty()) continue;
    Control control;
    control.lane = lane.name;
    control.metric = metric.name;
    control.blocks = static_cast<int>(gains.size());
    control.estimate = HodgesLehmann(gains);
    control.interval =
        CoveringInterval(gains, 1 - plan.alpha, SeedFor(plan, "control/" + lane.name));
    control.p = SignedRank(gains, 0).p_two_sided;
    control.p_same_distribution =
        KolmogorovSmirnov(samples.Values(stage, lane.name, metric.name, plan.arms[0].name),
                          samples.Values(stage, lane.name, metric.name, kControlArm));
    control.noise = StandardDeviation(gains);
    controls.push_back(control);
  }
  return controls;
}

}  // namespace hz4::ab
