// SPDX-License-Identifier: Apache-2.0
//
// Grouping runs into blocks.

#include "bench/ab/samples.h"

#include <algorithm>
#include <cmath>

#include "bench/ab/stats.h"

namespace hz4::ab {

Samples::Samples(const Plan& plan, const std::vector<Run>& runs) : plan_(plan), runs_(runs) {
  std::map<std::pair<BlockKey, int>, std::vector<const Run*>> blocks;
  for (const Run& run : runs) {
    if (run.status == RunStatus::kCancelled) continue;
    blocks[{{run.slot.stage, run.slot.lane, run.slot.block}, run.session}].push_back(&run);
  }
  for (auto& [key, members] : blocks) {
    const LaneSpec* lane = plan.FindLane(std::get<1>(key.first));
    if (lane == nullptr) continue;
    const bool counting = std::get<0>(key.first) == kStageCount;
    const std::size_t all =
        counting ? plan.CountedArms() : plan.arms.size() * static_cast<std::size_t>(lane->repeats);
    if (members.size() == all) whole_[key.first] = members;
  }
}

std::vector<int> Samples::Blocks(const std::string& stage, const std::string& lane) const {
  std::vector<int> blocks;
  for (auto it = whole_.lower_bound({stage, lane, 0});
       it != whole_.end() && std::get<0>(it->first) == stage && std::get<1>(it->first) == lane;
       ++it) {
    blocks.push_back(std::get<2>(it->first));
  }
  return blocks;
}

bool Samples::IsWhole(const std::string& stage, int block, const std::string& lane) const {
  return whole_.count({stage, lane, block}) != 0;
}

std::vector<const Run*> Samples::Runs(const std::string& stage, const std::string& lane,
                                      const std::string& arm) const {
  std::vector<const Run*> found;
  for (int block : Blocks(stage, lane)) {
    for (const Run* run : whole_.at({stage, lane, block})) {
      if (run->slot.arm == arm) found.push_back(run);
    }
  }
  return found;
}

std::vector<double> Samples::Values(const std::string& stage, const std::string& lane,
                                    const std::string& metric, const std::string& arm) const {
  std::vector<double> values;
  for (const Run* run : Runs(stage, lane, arm)) {
    const auto value = run->values.find(metric);
    if (value != run->values.end()) values.push_back(value->second);
  }
  return values;
}

std::vector<double> Samples::Gains(const std::string& stage, const LaneSpec& lane,
                                   const Metric& metric, const std::string& arm,
                                   int most_blocks) const {
  std::vector<double> gains;
  std::vector<int> blocks = Blocks(stage, lane.name);
  if (most_blocks >= 0 && blocks.size() > static_cast<std::size_t>(most_blocks)) {
    blocks.resize(static_cast<std::size_t>(most_blocks));
  }
  for (int block : blocks) {
    std::vector<double> base;
    std::vector<double> variant;
    for (const Run* run : whole_.at({stage, lane.name, block})) {
      const auto value = run->values.find(metric.name);
      if (value == run->values.end()) continue;
      if (run->slot.arm == plan_.arms[0].name) base.push_back(value->second);
      if (run->slot.arm == arm) variant.push_back(value->second);
    }
    if (base.empty() || variant.empty()) continue;
    const double gain = Gain(metric, Median(base), Median(variant));
    // Two zeros are equal; a zero against a number has no ratio and no place among ratios.
    if (std::isfinite(gain))
      gains.push_back(gain);
    else if (Median(base) == Median(variant))
      gains.push_back(0);
  }
  return gains;
}

absl::optional<double> Samples::Counter(const std::string& lane, const std::string& arm,
                                        const std::string& counter) const {
  std::vector<double> values;
  for (const Run* run : Runs(kStageCount, lane, arm)) {
    const auto value = run->counters.find(counter);
    if (value != run->counters.end()) values.push_back(value->second);
  }
  if (values.empty()) return absl::nullopt;
  return Median(values);
}

std::vector<const Run*> Samples::BadRuns() const {
  std::vector<const Run*> bad;
  for (const Run& run : runs_) {
    if (run.status != RunStatus::kOk && run.status != RunStatus::kCancelled) bad.push_back(&run);
  }
  return bad;
}

}  // namespace hz4::ab
