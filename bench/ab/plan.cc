// SPDX-License-Identifier: Apache-2.0
//
// Names, look-ups, gains and the order of runs.

#include "bench/ab/plan.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/ab/sequential.h"

namespace hz4::ab {
namespace {

constexpr int kMostPadding = 4096;  // a page: every stack alignment can come up

}  // namespace

std::string RoleName(Role role) {
  return role == Role::kPrimary ? "primary" : role == Role::kGuard ? "guard" : "info";
}

std::string CheckKindName(CheckKind kind) {
  switch (kind) {
    case CheckKind::kMoves:
      return "mechanism";
    case CheckKind::kGate:
      return "gate";
    case CheckKind::kObserve:
      return "observe";
    case CheckKind::kPerf:
      return "perf";
  }
  return "";
}

const Measured* FindMeasured(const std::string& name) {
  for (const Measured& measured : kMeasured) {
    if (name == measured.name) return &measured;
  }
  return nullptr;
}

std::string MeasuredNames() {
  std::string names;
  for (const Measured& measured : kMeasured) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", measured.name);
  }
  return names;
}

double Gain(const Metric& metric, double base, double variant) {
  const double ratio = std::log(variant / base);
  return metric.higher_is_better ? ratio : -ratio;
}

double PercentOfGain(double gain) { return std::expm1(gain) * 100; }
double GainOfPercent(double percent) { return std::log1p(percent / 100); }

const Metric* LaneSpec::FindMetric(const std::string& metric_name) const {
  for (const Metric& metric : metrics) {
    if (metric.name == metric_name) return &metric;
  }
  return nullptr;
}

const ArmExtra& LaneSpec::ExtraOf(const std::string& arm) const {
  static const ArmExtra* const kNothing = new ArmExtra();
  for (const ArmExtra& extra : extras) {
    if (extra.arm == arm) return extra;
  }
  return *kNothing;
}

const LaneSpec* Plan::FindLane(const std::string& lane_name) const {
  for (const LaneSpec& lane : lanes) {
    if (lane.name == lane_name) return &lane;
  }
  return nullptr;
}

const Arm* Plan::FindArm(const std::string& arm_name) const {
  for (const Arm& arm : arms) {
    if (arm.name == arm_name) return &arm;
  }
  return nullptr;
}

std::vector<const Arm*> Plan::Variants() const {
  std::vector<const Arm*> variants;
  for (std::size_t i = 1; i + (control ? 1 : 0) < arms.size(); ++i) variants.push_back(&arms[i]);
  return variants;
}

std::size_t Plan::CountedArms() const { return arms.size() - (control ? 1 : 0); }

std::string Plan::RuleOfDecision() const {
  std::string rule = absl::StrFormat(
      "Per lane and metric: log ratio per block, Hodges-Lehmann estimate. A gate passes when the "
      "signed-rank test shows the gain above it and the interval agrees; it fails when both show "
      "the "
      "gain below it; otherwise it is inconclusive. Primary gates: two-sided at %g over all of "
      "them "
      "(Holm). Guards: one-sided at %g each.",
      alpha, alpha);
  if (most_blocks > replay_blocks) {
    absl::StrAppend(&rule, " Undecided lanes buy blocks up to ", most_blocks,
                    "; the error rate is spent over the looks (O'Brien-Fleming).");
  }
  if (protocol == Protocol::kWorkOrder) {
    rule = absl::StrCat(
        "Work order: medians of base and variant against the gates, screen of ", screen_blocks,
        " runs, replay of ", replay_blocks,
        " runs only if the screen passes; the exit status is this verdict's. Beside it, the sound "
        "verdict. ",
        rule);
  }
  return rule;
}

std::uint64_t SeedFor(const Plan& plan, const std::string& purpose) {
  // FNV-1a over seed and purpose, then a finaliser that spreads the low bits.
  std::uint64_t hash = 1469598103934665603u;
  for (char c : absl::StrCat(plan.seed, "/", purpose)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
  return hash ^ (hash >> 33);
}

std::vector<Slot> BlockSchedule(const Plan& plan, const std::string& stage, int block,
                                const std::vector<std::string>& lanes) {
  std::vector<std::string> order = lanes;
  std::mt19937_64 lane_order(SeedFor(plan, absl::StrCat(stage, "/", block)));
  std::shuffle(order.begin(), order.end(), lane_order);
  std::vector<Slot> slots;
  for (const std::string& name : order) {
    const LaneSpec* lane = plan.FindLane(name);
    // A stream per lane: whether another lane still runs does not change this one's order.
    std::mt19937_64 random(SeedFor(plan, absl::StrCat(stage, "/", block, "/", name)));
    // Counters say what a policy does, not how fast: once is enough, and A' would say what A says.
    const bool counting = stage == kStageCount;
    for (int repeat = 0; repeat < (counting ? 1 : lane->repeats); ++repeat) {
      std::vector<std::size_t> arms(counting ? plan.CountedArms() : plan.arms.size());
      for (std::size_t i = 0; i < arms.size(); ++i) arms[i] = i;
      std::shuffle(arms.begin(), arms.end(), random);
      for (std::size_t arm : arms) {
        Slot slot;
        slot.stage = stage;
        slot.block = block;
        slot.lane = name;
        slot.arm = plan.arms[arm].name;
        slot.repeat = repeat;
        slot.padding = plan.fixed_layout ? 0 : static_cast<int>(random() % kMostPadding);
        slots.push_back(slot);
      }
    }
  }
  return slots;
}

}  // namespace hz4::ab
