// SPDX-License-Identifier: Apache-2.0
//
// Lines for people who wait.

#include "bench/ab/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "bench/ab/stats.h"

namespace hz4::ab {
namespace {

constexpr absl::Duration kSilence = absl::Seconds(15);

int PlannedBlocks(const Plan& plan, const std::string& stage) {
  if (stage == kStageCount) return plan.counting_runs;
  if (stage == kStageWarmup) return plan.warmup_blocks;
  if (stage == kStageScreen) return plan.screen_blocks;
  return plan.replay_blocks;
}

std::string TimeText(double seconds) {
  if (seconds < 0) return "time unknown";
  if (seconds < 90) return absl::StrFormat("%.0f s left", seconds);
  return absl::StrFormat("%.0f min left", seconds / 60);
}

}  // namespace

double SecondsLeft(const Plan& plan, const std::vector<Run>& runs) {
  const Samples samples(plan, runs);
  std::map<std::string, std::vector<double>> seen;
  for (const Run& run : runs) seen[run.slot.lane].push_back(run.wall_seconds + run.runner_seconds);
  double left = 0;
  for (const LaneSpec& lane : plan.lanes) {
    if (seen[lane.name].empty()) return -1;
    double runs_left = 0;
    for (const char* stage : {kStageCount, kStageWarmup, kStageScreen, kStageReplay}) {
      const int whole = static_cast<int>(samples.Blocks(stage, lane.name).size());
      const bool counting = std::string(stage) == kStageCount;
      const double per_block = counting ? static_cast<double>(plan.CountedArms())
                                        : static_cast<double>(plan.arms.size()) * lane.repeats;
      runs_left += std::max(0, PlannedBlocks(plan, stage) - whole) * per_block;
    }
    left += runs_left * Median(seen[lane.name]);
  }
  return left;
}

Progress::Progress(const Plan& plan)
    : plan_(plan), terminal_(isatty(STDERR_FILENO) != 0), last_line_(absl::Now()) {}

std::string Progress::LaneLine(const std::string& name, const std::string& stage,
                               const Samples& samples) const {
  const LaneSpec& lane = *plan_.FindLane(name);
  const Metric& metric = lane.metrics.front();
  std::string line = name;
  for (const Arm* arm : plan_.Variants()) {
    const std::vector<double> gains = samples.Gains(stage, lane, metric, arm->name);
    if (gains.empty()) {
      absl::StrAppend(&line, " -");
      continue;
    }
    const Interval interval = SignedRankInterval(gains, 1 - plan_.alpha);
    absl::StrAppend(&line, absl::StrFormat(" %+.2f%%", PercentOfGain(HodgesLehmann(gains))));
    if (std::isfinite(interval.low)) {
      const double half = (PercentOfGain(interval.high) - PercentOfGain(interval.low)) / 2;
      absl::StrAppend(&line, absl::StrFormat(" +-%.2f", half));
    }
  }
  return line;
}

void Progress::Redraw(const Step& step, const std::vector<Run>& runs) {
  const Samples samples(plan_, runs);
  if (lines_drawn_ > 0) std::fprintf(stderr, "\033[%dA", lines_drawn_);
  std::fprintf(stderr, "\033[K%s block %d of %d, %s\n", step.stage.c_str(), step.block + 1,
               std::max(step.block + 1, PlannedBlocks(plan_, step.stage)),
               TimeText(SecondsLeft(plan_, runs)).c_str());
  for (const LaneSpec& lane : plan_.lanes) {
    const std::string line = LaneLine(lane.name, step.stage, samples);
    const int done = static_cast<int>(samples.Blocks(step.stage, lane.name).size());
    std::fprintf(stderr, "\033[K  %-28s %d blocks\n", line.c_str(), done);
  }
  lines_drawn_ = static_cast<int>(plan_.lanes.size()) + 1;
}

void Progress::AfterRun(const Step& step, const std::vector<Run>& runs) {
  const Run& run = runs.back();
  if (run.status != RunStatus::kOk) {
    Say(absl::StrCat(run.slot.lane, " ", run.slot.arm, ": ", RunStatusName(run.status), ", ",
                     run.outcome));
  }
  if (terminal_) {
    Redraw(step, runs);
  } else if (absl::Now() - last_line_ > kSilence) {
    Say(absl::StrCat(step.stage, " block ", step.block + 1, ": ", run.slot.lane, " ", run.slot.arm,
                     " took ", absl::StrFormat("%.2f s, ", run.wall_seconds),
                     TimeText(SecondsLeft(plan_, runs))));
  }
}

void Progress::AfterBlock(const Step& step, const std::vector<Run>& runs) {
  if (terminal_) return;
  const Samples samples(plan_, runs);
  std::string line = absl::StrCat(step.stage, " ", step.block + 1, "/",
                                  std::max(step.block + 1, PlannedBlocks(plan_, step.stage)));
  if (step.stage == kStageScreen || step.stage == kStageReplay) {
    for (const std::string& lane : step.lanes) {
      absl::StrAppend(&line, " | ", LaneLine(lane, step.stage, samples));
    }
  }
  Say(absl::StrCat(line, " | ", TimeText(SecondsLeft(plan_, runs))));
}

void Progress::Say(const std::string& line) {
  std::fprintf(stderr, "ab: %s\n", line.c_str());
  lines_drawn_ = 0;
  last_line_ = absl::Now();
}

}  // namespace hz4::ab
