// SPDX-License-Identifier: Apache-2.0
//
// The course of a campaign: count -> observe -> warm-up -> screen -> replay -> more blocks where a
// lane is undecided. What ends it early: a run that did not end well, a mechanism that did not
// move, a failed observation or screen (--keep-going measures on, the verdict stays).

#include "bench/ab/judgement.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/ab/expression.h"
#include "bench/ab/warnings.h"

namespace hz4::ab {
namespace {

std::vector<std::string> LaneNamesOf(const Plan& plan) {
  std::vector<std::string> names;
  for (const LaneSpec& lane : plan.lanes) names.push_back(lane.name);
  return names;
}

// The first of `blocks` blocks that is not whole, with the lanes that miss it.
Step FirstGap(const Samples& samples, const std::string& stage, int blocks,
              const std::vector<std::string>& lanes) {
  for (int block = 0; block < blocks; ++block) {
    Step step{stage, block, {}};
    for (const std::string& lane : lanes) {
      if (!samples.IsWhole(stage, block, lane)) step.lanes.push_back(lane);
    }
    if (!step.lanes.empty()) return step;
  }
  return {};
}

bool AnyFails(const std::vector<CheckResult>& checks, CheckKind kind) {
  return std::any_of(checks.begin(), checks.end(), [&](const CheckResult& result) {
    return result.check.kind == kind && !(result.known && result.holds);
  });
}

// Arms are judged one by one; the campaign goes on while one of them passes.
bool SomeArmPasses(const Plan& plan, const std::vector<GateResult>& results) {
  for (const Arm* arm : plan.Variants()) {
    const bool passes = std::all_of(results.begin(), results.end(), [&](const GateResult& result) {
      return result.arm != arm->name || result.pass;
    });
    if (passes) return true;
  }
  return false;
}

// The earliest block that one of these lanes misses on its way to its next look.
Step TowardsNextLook(const Samples& samples, const std::vector<int>& looks,
                     const std::vector<std::string>& lanes) {
  Step earliest;
  for (const std::string& lane : lanes) {
    const int have = static_cast<int>(samples.Blocks(kStageReplay, lane).size());
    const auto look = std::upper_bound(looks.begin(), looks.end(), have);
    if (look == looks.end()) continue;
    const Step step = FirstGap(samples, kStageReplay, *look, {lane});
    if (earliest.stage.empty() || step.block < earliest.block) {
      earliest = step;
    } else if (step.block == earliest.block) {
      earliest.lanes.push_back(lane);
    }
  }
  return earliest;
}

// More blocks for undecided lanes. Between two looks nothing is judged: a lane that is on its way
// to a look gets there first.
Step BuyStep(const Samples& samples) {
  const Plan& plan = samples.plan();
  const std::vector<int> looks = StageLooks(plan, kStageReplay);
  if (looks.size() == 1) return {};
  std::vector<std::string> on_the_way;
  for (const LaneSpec& lane : plan.lanes) {
    const int have = static_cast<int>(samples.Blocks(kStageReplay, lane.name).size());
    if (!std::binary_search(looks.begin(), looks.end(), have)) on_the_way.push_back(lane.name);
  }
  if (!on_the_way.empty()) return TowardsNextLook(samples, looks, on_the_way);
  std::vector<std::string> undecided;
  for (const Claim& claim : JudgeClaims(samples, kStageReplay, Intervals::kForDecisionsOnly)) {
    const bool listed =
        std::find(undecided.begin(), undecided.end(), claim.lane) != undecided.end();
    if (claim.verdict == Verdict::kInconclusive && !listed) undecided.push_back(claim.lane);
  }
  return TowardsNextLook(samples, looks, undecided);
}

// Values of counters, derived quantities included, for checks over counting runs; medians of
// metrics for perf gates. Every value that is looked up is written down for the report.
class CheckResolver {
 public:
  CheckResolver(const Samples& samples, CheckKind kind) : samples_(samples), kind_(kind) {}

  absl::StatusOr<double> operator()(const Operand& operand) {
    absl::StatusOr<double> value =
        kind_ == CheckKind::kPerf ? MetricMedian(operand) : CounterValue(operand, operand, 0);
    if (value.ok()) {
      absl::StrAppend(&text_, text_.empty() ? "" : ", ", operand.arm, "@", operand.lane, ".",
                      operand.name, " = ", absl::StrFormat("%.6g", *value));
    }
    return value;
  }
  const std::string& text() const { return text_; }

 private:
  absl::StatusOr<double> MetricMedian(const Operand& operand) {
    for (const char* stage : {kStageReplay, kStageScreen}) {
      const std::vector<double> values =
          samples_.Values(stage, operand.lane, operand.name, operand.arm);
      if (!values.empty()) return Median(values);
    }
    return Missing(operand, operand, "was not measured");
  }

  // `where` has the arm and lane; a derived quantity's own operands are bare names.
  absl::StatusOr<double> CounterValue(const Operand& operand, const Operand& where, int depth) {
    if (depth > 8) return Missing(operand, where, "is derived from itself");
    for (const Derived& derived : samples_.plan().derived) {
      if (derived.name != operand.name) continue;
      return Evaluate(derived.expression,
                      [&](const Operand& inner) { return CounterValue(inner, where, depth + 1); });
    }
    const absl::optional<double> counter = samples_.Counter(where.lane, where.arm, operand.name);
    if (!counter.has_value()) return Missing(operand, where, "was not reported");
    return *counter;
  }

  static absl::Status Missing(const Operand& operand, const Operand& where, const char* what) {
    return absl::NotFoundError(
        absl::StrCat(where.arm, "@", where.lane, ".", operand.name, " ", what));
  }

  const Samples& samples_;
  CheckKind kind_;
  std::string text_;
};

std::string DescribeGate(const GateResult& result) {
  return absl::StrFormat("%s in the %s: %+.2f%% for %s, asked %s %+.1f%%", result.gate.lane,
                         result.stage, result.percent, result.arm,
                         result.gate.strict ? ">" : ">=", result.limit);
}

void FindInvalid(const Samples& samples, Judgement* judgement) {
  for (const Run* run : samples.BadRuns()) {
    judgement->invalid.push_back(absl::StrFormat("%s %s block %d, arm %s: %s (%s)", run->slot.lane,
                                                 run->slot.stage, run->slot.block, run->slot.arm,
                                                 RunStatusName(run->status), run->outcome));
  }
  for (const CheckResult& result : judgement->checks) {
    if (result.check.kind != CheckKind::kMoves || (result.known && result.holds)) continue;
    judgement->invalid.push_back(absl::StrCat(
        "the mechanism did not move: ", result.check.expression, " (", result.text, ")"));
  }
}

// GO or NO-GO by the work order's own rules, and the sentence that says why.
void DecideWorkOrder(const Plan& plan, Judgement* judgement) {
  const auto no_go = [&](const std::string& why) {
    if (judgement->work_order_verdict.empty()) judgement->decided_by = why;
    judgement->work_order_verdict = "NO-GO";
  };
  for (const CheckResult& result : judgement->checks) {
    if (result.check.kind == CheckKind::kMoves || (result.known && result.holds)) continue;
    // Nothing was measured for a perf gate of a campaign that ended before its timed runs.
    if (result.check.kind == CheckKind::kPerf && judgement->stage.empty()) continue;
    no_go(absl::StrCat(CheckKindName(result.check.kind), " check: ", result.check.expression, " (",
                       result.text, ")"));
  }
  for (const auto* stage : {&judgement->screen, &judgement->replay}) {
    if (stage->empty() || SomeArmPasses(plan, *stage)) continue;
    for (const GateResult& result : *stage) {
      if (!result.pass) no_go(DescribeGate(result));
    }
  }
  if (!judgement->work_order_verdict.empty()) return;
  if (!judgement->complete || judgement->stage != kStageReplay) {
    judgement->decided_by = "the campaign is not finished";
    return;
  }
  judgement->work_order_verdict = "GO";
  judgement->decided_by = "every gate and check of the work order holds";
}

Verdict OverallVerdict(const Judgement& judgement) {
  if (!judgement.invalid.empty()) return Verdict::kInvalid;
  bool all_pass = !judgement.claims.empty() && judgement.complete;
  for (const Claim& claim : judgement.claims) {
    if (claim.verdict == Verdict::kFail) return Verdict::kFail;
    all_pass = all_pass && claim.verdict == Verdict::kPass;
  }
  return all_pass ? Verdict::kPass : Verdict::kInconclusive;
}

int ExitOf(const Plan& plan, const Judgement& judgement) {
  if (judgement.sound == Verdict::kInvalid) return kExitInvalid;
  if (plan.protocol == Protocol::kWorkOrder) {
    if (judgement.work_order_verdict.empty()) return kExitInconclusive;
    return judgement.work_order_verdict == "GO" ? kExitPass : kExitGateFailed;
  }
  if (judgement.sound == Verdict::kPass) return kExitPass;
  return judgement.sound == Verdict::kFail ? kExitGateFailed : kExitInconclusive;
}

}  // namespace

std::vector<GateResult> JudgeGates(const Samples& samples, const std::string& stage) {
  const Plan& plan = samples.plan();
  std::vector<GateResult> results;
  for (const Gate& gate : plan.gates) {
    const LaneSpec& lane = *plan.FindLane(gate.lane);
    const Metric& metric = *lane.FindMetric(gate.metric);
    const std::vector<double> base =
        samples.Values(stage, gate.lane, gate.metric, plan.arms[0].name);
    for (const Arm* arm : plan.Variants()) {
      const std::vector<double> variant = samples.Values(stage, gate.lane, gate.metric, arm->name);
      GateResult result;
      result.gate = gate;
      result.stage = stage;
      result.arm = arm->name;
      result.limit = stage == kStageScreen ? gate.screen : gate.replay;
      result.runs = static_cast<int>(variant.size());
      result.measured = !base.empty() && !variant.empty();
      if (result.measured) {
        result.base_median = Median(base);
        result.variant_median = Median(variant);
        result.percent = PercentOfGain(Gain(metric, result.base_median, result.variant_median));
        const bool strict = gate.strict && stage == kStageReplay;
        result.pass = strict ? result.percent > result.limit : result.percent >= result.limit;
      }
      results.push_back(result);
    }
  }
  return results;
}

std::vector<CheckResult> JudgeChecks(const Samples& samples) {
  std::vector<CheckResult> results;
  for (const Check& check : samples.plan().checks) {
    CheckResolver resolver(samples, check.kind);
    const absl::StatusOr<double> value =
        Evaluate(check.expression, [&](const Operand& operand) { return resolver(operand); });
    CheckResult result;
    result.check = check;
    result.known = value.ok();
    result.holds = value.ok() && *value != 0;
    result.text = value.ok() ? resolver.text() : std::string(value.status().message());
    results.push_back(result);
  }
  return results;
}

Step NextStep(const Plan& plan, const std::vector<Run>& runs) {
  const Samples samples(plan, runs);
  const std::vector<std::string> lanes = LaneNamesOf(plan);
  if (!samples.BadRuns().empty() && !plan.keep_going) return {};
  if (Step step = FirstGap(samples, kStageCount, plan.counting_runs, lanes); !step.stage.empty()) {
    return step;
  }
  const std::vector<CheckResult> checks = JudgeChecks(samples);
  const bool stop = AnyFails(checks, CheckKind::kMoves) || AnyFails(checks, CheckKind::kObserve);
  if (stop && !plan.keep_going) return {};
  const struct {
    const char* stage;
    int blocks;
  } kCourse[] = {{kStageWarmup, plan.warmup_blocks},
                 {kStageScreen, plan.screen_blocks},
                 {kStageReplay, plan.replay_blocks}};
  for (const auto& part : kCourse) {
    if (Step step = FirstGap(samples, part.stage, part.blocks, lanes); !step.stage.empty()) {
      return step;
    }
    const bool screened = std::string(part.stage) == kStageScreen && part.blocks > 0;
    if (screened && !plan.keep_going && !SomeArmPasses(plan, JudgeGates(samples, kStageScreen))) {
      return {};
    }
  }
  return BuyStep(samples);
}

Judgement Judge(const Plan& plan, const std::vector<Run>& runs, Intervals intervals) {
  const Samples samples(plan, runs);
  Judgement judgement;
  judgement.complete = NextStep(plan, runs).stage.empty();
  // Before the counters are there, checks would only say so.
  const bool counted =
      FirstGap(samples, kStageCount, plan.counting_runs, LaneNamesOf(plan)).stage.empty();
  if (counted) judgement.checks = JudgeChecks(samples);
  const auto has = [&](const char* stage) {
    return std::any_of(plan.lanes.begin(), plan.lanes.end(), [&](const LaneSpec& lane) {
      return !samples.Blocks(stage, lane.name).empty();
    });
  };
  if (has(kStageScreen)) judgement.screen = JudgeGates(samples, kStageScreen);
  if (has(kStageReplay)) judgement.replay = JudgeGates(samples, kStageReplay);
  judgement.stage = has(kStageReplay) ? kStageReplay : has(kStageScreen) ? kStageScreen : "";
  if (!judgement.stage.empty()) {
    judgement.claims = JudgeClaims(samples, judgement.stage, intervals);
    if (intervals == Intervals::kAll) {
      judgement.controls = JudgeControls(samples, judgement.stage);
      judgement.warnings = FindWarnings(samples, judgement.stage, judgement.controls);
    }
  }
  FindInvalid(samples, &judgement);
  if (plan.protocol == Protocol::kWorkOrder) DecideWorkOrder(plan, &judgement);
  judgement.sound = OverallVerdict(judgement);
  judgement.exit_status = ExitOf(plan, judgement);
  return judgement;
}

}  // namespace hz4::ab
