// SPDX-License-Identifier: Apache-2.0
//
// The plan in words and numbers.

#include "bench/ab/plan_text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/types/optional.h"
#include "bench/ab/claims.h"
#include "bench/ab/sequential.h"
#include "bench/ab/stats.h"
#include "bench/ab/verdict_words.h"

namespace hz4::ab {
namespace {

// One built-in lane on two processors: about how many seconds a run takes, and the standard
// deviation of a block's log ratio between equal arms. From the recorded spread of single runs
// (quartiles 7, 11 and 24% apart): a normal spread of that width, times the square root of two for
// the two runs.
struct Typical {
  const char* lane;
  double seconds;
  double noise;
};
constexpr Typical kTypical[] = {
    {"guard_r0", 0.2, 0.073},
    {"main_r0", 0.2, 0.115},
    {"main_r50", 0.3, 0.25},
    {"cross128_r90", 0.25, 0.25},
};

struct LaneFacts {
  absl::optional<double> seconds;
  absl::optional<double> noise;
};

LaneFacts FactsOf(const LaneSpec& lane, const Record* earlier) {
  LaneFacts facts;
  if (earlier == nullptr) {
    for (const Typical& row : kTypical) {
      if (lane.name == row.lane) facts = {row.seconds, row.noise};
    }
    return facts;
  }
  const LaneSpec* old = earlier->plan.FindLane(lane.name);
  if (old == nullptr) return facts;
  const Samples samples(earlier->plan, earlier->runs);
  std::vector<double> seconds;
  for (const Run& run : earlier->runs) {
    if (run.slot.lane == lane.name) seconds.push_back(run.wall_seconds + run.runner_seconds);
  }
  if (!seconds.empty()) facts.seconds = Median(seconds);
  // The control arm is the honest measure; of a declared A/A every arm is one.
  const std::string arm = earlier->plan.control ? kControlArm : earlier->plan.arms.back().name;
  const std::vector<double> gains = samples.Gains(kStageReplay, *old, old->metrics.front(), arm);
  if (gains.size() >= 5) facts.noise = StandardDeviation(gains);
  return facts;
}

std::string VisibleText(const Plan& plan, const LaneFacts& facts, int blocks, Role role) {
  if (!facts.noise.has_value()) return "unknown";
  const int sides = role == Role::kGuard ? 1 : 2;
  const double visible = SmallestVisibleEffect(*facts.noise, blocks, plan.alpha, sides);
  return std::isfinite(visible) ? absl::StrFormat("%.1f%%", PercentOfGain(visible)) : "nothing";
}

std::string GateLine(const Plan& plan, const Gate& gate, const LaneFacts& facts) {
  std::string line =
      absl::StrFormat("    gate %s %s %s: %d blocks see %s", gate.metric,
                      LimitText(gate.replay, gate.strict), RoleName(gate.role), plan.replay_blocks,
                      VisibleText(plan, facts, plan.replay_blocks, gate.role));
  if (!facts.noise.has_value()) return line + "\n";
  const int sides = gate.role == Role::kGuard ? 1 : 2;
  const double distance = std::fabs(GainOfPercent(gate.replay));
  if (distance == 0) {
    absl::StrAppend(&line, "; undecidable for an arm equal to the base");
  } else if (SmallestVisibleEffect(*facts.noise, plan.replay_blocks, plan.alpha, sides) >
             distance) {
    absl::StrAppend(&line, "; undecidable: it takes ",
                    BlocksNeeded(*facts.noise, distance, plan.alpha, sides), " blocks");
  }
  return line + "\n";
}

}  // namespace

std::string DescribePlan(const Plan& plan, const Record* earlier) {
  std::string text = absl::StrCat("plan ", plan.name, ": ", plan.title, "\n");
  for (const Arm& arm : plan.arms) {
    absl::StrAppend(&text, "  arm ", arm.name, " ", arm.fingerprint, " ",
                    absl::StrJoin(arm.environment, " "), "\n");
  }
  double total = 0;
  double largest = 0;
  bool known = true;
  for (const LaneSpec& lane : plan.lanes) {
    const LaneFacts facts = FactsOf(lane, earlier);
    const double arms = static_cast<double>(plan.arms.size()) * lane.repeats;
    const int blocks = plan.warmup_blocks + plan.screen_blocks + plan.replay_blocks;
    const double counting = static_cast<double>(plan.CountedArms()) * plan.counting_runs;
    const double runs = blocks * arms + counting;
    const double more = (plan.most_blocks - plan.replay_blocks) * arms;
    absl::StrAppend(&text, "  lane ", lane.name, ": ", runs, " runs");
    if (more > 0) absl::StrAppend(&text, ", ", more, " more where it stays undecided");
    known = known && facts.seconds.has_value();
    total += runs * facts.seconds.value_or(0);
    largest += (runs + more) * facts.seconds.value_or(0);
    absl::StrAppend(
        &text, ", noise ",
        facts.noise.has_value() ? absl::StrFormat("%.1f%%", 100 * *facts.noise) : "unknown",
        " per block\n");
    for (const Gate& gate : ClaimGates(plan)) {
      if (gate.lane == lane.name) absl::StrAppend(&text, GateLine(plan, gate, facts));
    }
  }
  absl::StrAppend(&text, "  time: ",
                  known ? absl::StrFormat("%.0f s", total)
                        : "unknown (--noise=FOLDER of an earlier campaign says)");
  if (known && largest > total)
    absl::StrAppend(&text, absl::StrFormat(", at most %.0f s", largest));
  absl::StrAppend(&text, "\n  noise and time from ",
                  earlier == nullptr ? "the table of the built-in lanes" : "the earlier campaign",
                  "\n  rule: ", plan.RuleOfDecision(), "\n  seed: ", plan.seed, "\n");
  return text;
}

}  // namespace hz4::ab
