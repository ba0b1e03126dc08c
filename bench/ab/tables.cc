// SPDX-License-Identifier: Apache-2.0
//
// One function per table.

#include "bench/ab/tables.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "bench/ab/stats.h"

namespace hz4::ab {
namespace {

constexpr double kMovedFactor = 2;  // counters wander: a lesser difference says nothing
constexpr double kMovedAtLeast = 1000;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Cell Text(std::string text) { return {std::move(text), false, false, Tone::kOpen, false}; }
Cell Code(std::string text) { return {std::move(text), false, true, Tone::kOpen, false}; }
Cell Number(std::string text) { return {std::move(text), true, false, Tone::kOpen, false}; }
Cell Judged(std::string text, Tone tone) { return {std::move(text), false, false, tone, true}; }
Cell Judged(bool pass) { return Judged(pass ? "PASS" : "FAIL", pass ? Tone::kGood : Tone::kBad); }

const Claim* FindClaim(const Judgement& judgement, const GateResult& gate) {
  for (const Claim& claim : judgement.claims) {
    if (claim.lane == gate.gate.lane && claim.metric == gate.gate.metric && claim.arm == gate.arm) {
      return &claim;
    }
  }
  return nullptr;
}

// Medians against gates, and on the same line what the intervals say of the same gate.
Table GateTable(const ReportInput& input, const std::vector<GateResult>& results) {
  Table table;
  if (results.empty()) return table;
  const std::string& stage = results.front().stage;
  table.title = absl::StrCat("Gates by medians: ", stage);
  table.note =
      "Percentages are gains: positive is better. The last column is the sound verdict on "
      "the same gate, where this stage's data carry it.";
  if (input.record.plan.same_arms) {
    table.note =
        "What medians against gates say of arms that are equal: a FAIL or PASS here is noise.";
  }
  table.header = {"lane",   "metric", "arm",  "runs",       "base median",
                  "median", "gain",   "gate", "by medians", "sound"};
  for (const GateResult& result : results) {
    const Claim* claim =
        stage == input.judgement.stage ? FindClaim(input.judgement, result) : nullptr;
    table.rows.push_back(
        {Code(result.gate.lane), Code(result.gate.metric), Code(result.arm),
         Number(absl::StrCat(result.runs)),
         Number(NumberText(result.measured ? result.base_median : kNan)),
         Number(NumberText(result.measured ? result.variant_median : kNan)),
         Number(absl::StrFormat("%+.2f%%", result.percent)),
         Number(LimitText(result.limit, result.gate.strict && stage == kStageReplay)),
         Judged(result.pass),
         claim == nullptr ? Text("-")
                          : Judged(VerdictName(claim->verdict), ToneOf(claim->verdict))});
  }
  return table;
}

Table ClaimTable(const ReportInput& input) {
  Table table;
  table.title = "Sound verdict";
  table.note =
      "Gain per block (Hodges-Lehmann of log ratios). Noise is the standard deviation of a "
      "block's ratio; visible is the smallest effect these blocks can see with power 0.8.";
  table.header = {"lane", "metric", "arm",        "role",  "blocks",  "gain",   "interval",
                  "gate", "p",      "p adjusted", "noise", "visible", "verdict"};
  for (const Claim& claim : input.judgement.claims) {
    const std::string verdict =
        absl::StrCat(VerdictName(claim.verdict), claim.undecidable ? ", undecidable" : "");
    table.rows.push_back(
        {Code(claim.lane), Code(claim.metric), Code(claim.arm), Text(RoleName(claim.role)),
         Number(absl::StrCat(claim.blocks)), Number(GainText(claim.estimate)),
         Number(
             absl::StrFormat("%s (%.0f%%)", IntervalText(claim.interval), 100 * claim.confidence)),
         Number(absl::StrFormat("%+.1f%%", claim.limit)), Number(PText(claim.p)),
         Number(PText(claim.p_adjusted)), Number(absl::StrFormat("%.2f%%", 100 * claim.noise)),
         Number(std::isfinite(claim.visible)
                    ? absl::StrFormat("%.2f%%", PercentOfGain(claim.visible))
                    : "-"),
         Judged(verdict, ToneOf(claim.verdict))});
  }
  return table;
}

Table ControlTable(const ReportInput& input) {
  Table table;
  table.title = "Control arm: the base against itself";
  table.note = "A' is the base once more in every block. What it shows is noise.";
  table.header = {
      "lane", "metric", "blocks", "difference", "95% interval", "p", "same distribution, p",
      "noise"};
  for (const Control& control : input.judgement.controls) {
    table.rows.push_back({Code(control.lane), Code(control.metric),
                          Number(absl::StrCat(control.blocks)), Number(GainText(control.estimate)),
                          Number(IntervalText(control.interval)), Number(PText(control.p)),
                          Number(PText(control.p_same_distribution)),
                          Number(absl::StrFormat("%.2f%%", 100 * control.noise))});
  }
  return table;
}

Table CheckTable(const ReportInput& input) {
  Table table;
  table.title = "Checks";
  table.note = "On counters of separate counting runs; perf checks on medians of the timed runs.";
  table.header = {"kind", "expected", "seen", "result"};
  for (const CheckResult& result : input.judgement.checks) {
    const std::string word = !result.known ? "UNKNOWN" : result.holds ? "PASS" : "FAIL";
    table.rows.push_back({Text(CheckKindName(result.check.kind)), Code(result.check.expression),
                          Text(result.text),
                          Judged(word, result.known && result.holds ? Tone::kGood : Tone::kBad)});
  }
  return table;
}

Table MetricTable(const ReportInput& input) {
  const Plan& plan = input.record.plan;
  Table table;
  table.title = "Every metric, medians";
  table.note = "Over the runs of the stage that the verdict stands on.";
  table.header = {"lane", "metric", "unit"};
  for (const Arm& arm : plan.arms) table.header.push_back(arm.name);
  for (const LaneSpec& lane : plan.lanes) {
    for (const Metric& metric : lane.metrics) {
      std::vector<Cell> row = {Code(lane.name), Code(metric.name), Text(metric.unit)};
      for (const Arm& arm : plan.arms) {
        const std::vector<double> values =
            input.samples.Values(input.judgement.stage, lane.name, metric.name, arm.name);
        row.push_back(Number(NumberText(values.empty() ? kNan : Median(values))));
      }
      table.rows.push_back(row);
    }
  }
  if (input.judgement.stage.empty()) table.rows.clear();
  return table;
}

Table ArmTable(const ReportInput& input) {
  Table table;
  table.title = "Arms";
  table.header = {"arm", "fingerprint", "settings", "given to every arm because one implies it",
                  "the library says"};
  for (const Arm& arm : input.record.plan.arms) {
    table.rows.push_back(
        {Code(arm.name), Code(arm.fingerprint), Code(absl::StrJoin(arm.environment, " ")),
         Code(absl::StrJoin(arm.implied, " ")), Text(absl::StrJoin(arm.notes, "; "))});
  }
  return table;
}

Table DifferenceTable(const ReportInput& input) {
  const Plan& plan = input.record.plan;
  Table table;
  table.title = "What differs between the configurations";
  table.note = "Effective values as the children reported them, with their origin.";
  table.header = {"knob"};
  for (std::size_t i = 0; i < plan.CountedArms(); ++i) table.header.push_back(plan.arms[i].name);
  for (const ConfigDifference& difference : plan.differences) {
    std::vector<Cell> row = {Code(difference.knob)};
    for (std::size_t i = 0; i < difference.values.size() && i < difference.origins.size(); ++i) {
      row.push_back(Text(absl::StrCat(difference.values[i], " (", difference.origins[i], ")")));
    }
    table.rows.push_back(row);
  }
  return table;
}

Table BadRunTable(const ReportInput& input) {
  Table table;
  table.title = "Runs that did not end well";
  table.note = "Recorded, reported, in no average.";
  table.header = {"lane", "stage", "block", "arm", "status", "outcome", "what it left"};
  for (const Run* run : input.samples.BadRuns()) {
    table.rows.push_back({Code(run->slot.lane), Text(run->slot.stage),
                          Number(absl::StrCat(run->slot.block)), Code(run->slot.arm),
                          Judged(RunStatusName(run->status), Tone::kBad), Text(run->outcome),
                          Text(run->detail.substr(0, 600))});
  }
  return table;
}

Table MachineTable(const ReportInput& input) {
  Table table;
  table.title = "Machine and library";
  table.header = {"what", "value"};
  const Plan& plan = input.record.plan;
  table.rows.push_back({Text("library"), Code(plan.library)});
  table.rows.push_back({Text("sha256"), Code(plan.library_sha256)});
  table.rows.push_back({Text("build id"), Code(plan.library_build_id)});
  for (const Json& environment : input.record.environments) {
    for (const auto& [name, value] : environment["machine"].members()) {
      table.rows.push_back({Text(name), Text(value.IsString() ? value.AsString() : value.Dump())});
    }
  }
  for (const Run& run : input.record.runs) {
    if (run.mapping.empty()) continue;
    table.rows.push_back({Text("mapped in the child"), Code(run.mapping)});
    break;
  }
  return table;
}

// Names that the checks and derived quantities use: whoever reads those wants to see them.
std::set<std::string> NamedInChecks(const Plan& plan, const std::set<std::string>& counters) {
  std::string all;
  for (const Check& check : plan.checks) absl::StrAppend(&all, check.expression, " ");
  for (const Derived& derived : plan.derived) absl::StrAppend(&all, derived.expression, " ");
  std::set<std::string> named;
  for (const std::string& counter : counters) {
    if (absl::StrContains(all, counter)) named.insert(counter);
  }
  return named;
}

// What memory looked like at exit is no mechanism; it moves with every run.
bool Moved(const std::string& name, const std::vector<double>& values) {
  if (absl::EndsWith(name, "_bytes")) return false;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return (*low == 0 && *high > 0) || (*high > kMovedFactor * *low && *high - *low > kMovedAtLeast);
}

}  // namespace

Table MechanismTable(const ReportInput& input) {
  const Plan& plan = input.record.plan;
  Table table;
  table.title = "Counters";
  table.note =
      "Medians of the counting runs: those that checks name, those that only some arms moved, "
      "and those that differ more than twofold. All of them stand in summary.json.";
  table.header = {"lane", "counter"};
  for (std::size_t i = 0; i < plan.CountedArms(); ++i) table.header.push_back(plan.arms[i].name);
  for (const LaneSpec& lane : plan.lanes) {
    std::set<std::string> names;
    for (const Arm& arm : plan.arms) {
      for (const Run* run : input.samples.Runs(kStageCount, lane.name, arm.name)) {
        for (const auto& [name, value] : run->counters) names.insert(name);
      }
    }
    const std::set<std::string> named = NamedInChecks(plan, names);
    for (const std::string& name : names) {
      std::vector<double> values;
      for (std::size_t i = 0; i < plan.CountedArms(); ++i) {
        values.push_back(input.samples.Counter(lane.name, plan.arms[i].name, name).value_or(0));
      }
      if (named.count(name) == 0 && !Moved(name, values)) continue;
      std::vector<Cell> row = {Code(lane.name), Code(name)};
      for (double value : values) row.push_back(Number(absl::StrFormat("%.0f", value)));
      table.rows.push_back(row);
    }
  }
  return table;
}

std::vector<Table> ReportTables(const ReportInput& input) {
  std::vector<Table> tables;
  for (Table table :
       {GateTable(input, input.judgement.screen), GateTable(input, input.judgement.replay),
        ClaimTable(input), CheckTable(input), MechanismTable(input), ControlTable(input),
        MetricTable(input), DifferenceTable(input), ArmTable(input), BadRunTable(input),
        MachineTable(input)}) {
    if (!table.rows.empty()) tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace hz4::ab
