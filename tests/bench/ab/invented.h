// SPDX-License-Identifier: Apache-2.0
//
// Invented campaigns: a plan over some lanes, and runs with a known effect and known noise, for
// tests of everything that judges and reports. No process, no clock.

#ifndef HZ4_TESTS_BENCH_AB_INVENTED_H_
#define HZ4_TESTS_BENCH_AB_INVENTED_H_

#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "bench/ab/judgement.h"
#include "bench/ab/lane_file.h"
#include "bench/ab/plan.h"
#include "bench/ab/record.h"

namespace hz4::ab {

// What the world is like: the gain of every arm but base and control, per lane, and the noise.
struct World {
  double effect_percent = 0;
  std::map<std::string, double> effect_of_lane;  // overrides effect_percent
  double noise = 0.05;                           // standard deviation of one run's log value
  double block_noise = 0.10;  // of what a block's runs have in common: pairing removes it
  bool heavy_tails = false;   // a run in eight is slower by half
  std::map<std::string, double> base_counters;
  std::map<std::string, double> variant_counters;
};

inline Gate MakeGate(const std::string& lane, double screen, double replay, Role role) {
  Gate gate;
  gate.lane = lane;
  gate.metric = "ops_per_s";
  gate.screen = screen;
  gate.replay = replay;
  gate.role = role;
  return gate;
}

// Four built-in lanes, base, one variant and the control; gates are the caller's.
inline Plan InventedPlan(Protocol protocol) {
  Plan plan;
  plan.name = "invented";
  plan.title = "an invented campaign";
  plan.protocol = protocol;
  plan.seed = "0123456789abcdef";
  plan.command_line = "ab --invented";
  for (const char* lane : {"guard_r0", "main_r0", "main_r50", "cross128_r90"}) {
    plan.lanes.push_back(*BuiltInLane(lane, "random_mixed_mt_remote"));
  }
  plan.arms = {{"base", {}, "aaaaaaaaaaaaaaaa", {}, {}},
               {"variant", {"HZ4_FRONT=thread"}, "bbbbbbbbbbbbbbbb", {}, {}},
               {kControlArm, {}, "aaaaaaaaaaaaaaaa", {}, {}}};
  plan.control = true;
  plan.differences = {{"HZ4_FRONT", {"percpu", "thread"}, {"default", "environment"}}};
  plan.screen_blocks = protocol == Protocol::kWorkOrder ? 7 : 0;
  return plan;
}

inline Run InventedRun(const Slot& slot, const World& world, double block_level,
                       std::mt19937_64* random) {
  std::normal_distribution<double> normal;
  Run run;
  run.slot = slot;
  run.outcome = "exit 0";
  run.wall_seconds = 0.25;
  const bool variant = slot.arm != "base" && slot.arm != kControlArm;
  run.fingerprint = variant ? "bbbbbbbbbbbbbbbb" : "aaaaaaaaaaaaaaaa";
  if (slot.stage == kStageCount) {
    run.counters = variant ? world.variant_counters : world.base_counters;
    return run;
  }
  const auto own = world.effect_of_lane.find(slot.lane);
  const double percent = own == world.effect_of_lane.end() ? world.effect_percent : own->second;
  double level = block_level + world.noise * normal(*random);
  if (variant) level += GainOfPercent(percent);
  if (world.heavy_tails && (*random)() % 8 == 0) level -= 0.4;
  run.values["ops_per_s"] = 50e6 * std::exp(level);
  run.values["peak_rss"] = variant ? 21 : 20;
  return run;
}

// Carries the plan out in the invented world, as RunCampaign() does in this one. `spoil` may change
// a run before it is recorded.
inline std::vector<Run> InventedCampaign(const Plan& plan, const World& world, std::uint64_t seed,
                                         const std::function<void(Run*)>& spoil = nullptr) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<Run> runs;
  while (true) {
    const Step step = NextStep(plan, runs);
    if (step.stage.empty()) return runs;
    std::map<std::string, double> levels;
    for (const Slot& slot : BlockSchedule(plan, step.stage, step.block, step.lanes)) {
      if (levels.count(slot.lane) == 0) levels[slot.lane] = world.block_noise * normal(random);
      Run run = InventedRun(slot, world, levels[slot.lane], &random);
      run.order = static_cast<int>(runs.size());
      run.started = 1.7e9 + static_cast<double>(runs.size()) * 0.3;
      if (spoil) spoil(&run);
      runs.push_back(run);
    }
  }
}

}  // namespace hz4::ab

#endif  // HZ4_TESTS_BENCH_AB_INVENTED_H_
