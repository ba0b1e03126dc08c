// SPDX-License-Identifier: Apache-2.0
//
// One function per worry.

#include "bench/ab/warnings.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/ab/stats.h"

namespace hz4::ab {
namespace {

constexpr double kSmallP = 0.01;       // one false alarm in a hundred lanes
constexpr double kOthersLimit = 0.10;  // processors kept busy by others
constexpr double kStealLimit = 0.01;
constexpr double kShareApart = 3.0;  // percentage points between two arms' remote shares

using Texts = std::vector<std::string>;

void Drift(const Samples& samples, const std::string& stage, const LaneSpec& lane, Texts* texts) {
  const std::string& metric = lane.metrics.front().name;
  const std::vector<double> values =
      samples.Values(stage, lane.name, metric, samples.plan().arms[0].name);
  std::vector<double> order;
  for (std::size_t i = 0; i < values.size(); ++i) order.push_back(static_cast<double>(i));
  const Correlation drift = Spearman(order, values);
  if (drift.p < kSmallP) {
    texts->push_back(
        absl::StrFormat("%s: %s of the base drifts over the campaign (Spearman %+.2f, p %.4f); "
                        "pairing inside blocks "
                        "removes it from the ratios, not from the medians",
                        lane.name, metric, drift.rho, drift.p));
  }
}

void TwoHumps(const Samples& samples, const std::string& stage, const LaneSpec& lane,
              Texts* texts) {
  const std::string& metric = lane.metrics.front().name;
  for (const Arm& arm : samples.plan().arms) {
    const double separation = Separation(samples.Values(stage, lane.name, metric, arm.name));
    if (separation > kTwoHumps) {
      texts->push_back(
          absl::StrFormat("%s: %s of arm %s has two humps (separation %.1f): a median between them "
                          "describes no run",
                          lane.name, metric, arm.name, separation));
    }
  }
}

void ShortRuns(const Samples& samples, const std::string& stage, const LaneSpec& lane,
               Texts* texts) {
  if (lane.min_seconds <= 0) return;
  int runs = 0;
  for (const Arm& arm : samples.plan().arms) {
    for (const Run* run : samples.Runs(stage, lane.name, arm.name)) {
      runs += run->wall_seconds < lane.min_seconds ? 1 : 0;
    }
  }
  if (runs > 0) {
    texts->push_back(absl::StrFormat("%s: %d runs were shorter than the %.3g s the lane asks for",
                                     lane.name, runs, lane.min_seconds));
  }
}

// Unmatched remote lanes: with the allocator the share of frees that really were remote drifts, and
// then two arms did different work.
void RemoteShare(const Samples& samples, const std::string& stage, const LaneSpec& lane,
                 Texts* texts) {
  if (lane.FindMetric("remote_share") == nullptr) return;
  const std::vector<double> base =
      samples.Values(stage, lane.name, "remote_share", samples.plan().arms[0].name);
  for (const Arm* arm : samples.plan().Variants()) {
    const std::vector<double> variant = samples.Values(stage, lane.name, "remote_share", arm->name);
    if (base.empty() || variant.empty()) continue;
    if (std::fabs(Median(base) - Median(variant)) < kShareApart) continue;
    texts->push_back(absl::StrFormat(
        "%s: %.1f%% of the frees were remote in the base and %.1f%% in %s: the arms did different "
        "work; a lane with --matched decides where it matters",
        lane.name, Median(base), Median(variant), arm->name));
  }
}

void MovedControl(const std::vector<Control>& controls, Texts* texts) {
  std::vector<double> p;
  for (const Control& control : controls) p.push_back(control.p);
  const std::vector<double> adjusted = Holm(p);
  for (std::size_t i = 0; i < controls.size(); ++i) {
    if (adjusted[i] >= 0.05) continue;
    texts->push_back(absl::StrFormat(
        "%s: the control arm, equal to the base, differs from it by %+.2f%% (p %.4f after Holm): "
        "something other than the policy moves this lane",
        controls[i].lane, PercentOfGain(controls[i].estimate), adjusted[i]));
  }
}

void Machine(const Samples& samples, Texts* texts) {
  double seconds = 0;
  double others = 0;
  double steal = 0;
  for (const Run& run : samples.runs()) {
    seconds += run.wall_seconds;
    others += run.others_cpu * run.wall_seconds;
    steal += run.steal * run.wall_seconds;
  }
  if (seconds <= 0) return;
  if (others / seconds > kOthersLimit) {
    texts->push_back(
        absl::StrFormat("others kept %.2f processors busy during the runs", others / seconds));
  }
  if (steal / seconds > kStealLimit) {
    texts->push_back(
        absl::StrFormat("the hypervisor stole %.1f%% of the time", 100 * steal / seconds));
  }
}

}  // namespace

std::vector<std::string> FindWarnings(const Samples& samples, const std::string& stage,
                                      const std::vector<Control>& controls) {
  Texts texts;
  MovedControl(controls, &texts);
  for (const LaneSpec& lane : samples.plan().lanes) {
    Drift(samples, stage, lane, &texts);
    TwoHumps(samples, stage, lane, &texts);
    ShortRuns(samples, stage, lane, &texts);
    RemoteShare(samples, stage, lane, &texts);
  }
  Machine(samples, &texts);
  return texts;
}

}  // namespace hz4::ab
