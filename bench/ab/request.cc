// SPDX-License-Identifier: Apache-2.0
//
// Requests into plans. An experiment gives everything and flags override single things; without one
// the lanes' own roles and margins are the gates.

#include "bench/ab/request.h"

#include <unistd.h>

#include <algorithm>
#include <random>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "bench/ab/experiment.h"
#include "bench/ab/expression.h"
#include "bench/ab/lane_file.h"
#include "bench/ab/machine.h"
#include "bench/ab/sections.h"
#include "bench/lanes.h"
#include "bench/runfile.h"

namespace hz4::ab {
namespace {

constexpr int kDefaultBlocks = 21;
constexpr int kBuyFactor = 2;  // an undecided lane may grow to this many times the replay

// The file a flag names, or the one of this build.
absl::StatusOr<std::string> ProductFile(const std::string& given, const std::string& path_from_root,
                                        const char* flag) {
  const std::string path = given.empty() ? FindRunfile(path_from_root) : UserPath(given);
  if (path.empty() || access(path.c_str(), R_OK) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(given.empty() ? path_from_root : given,
                                                   " is not there; --", flag,
                                                   "=PATH says where it is"));
  }
  return path;
}

absl::Status ChooseLanes(const Request& request, const std::string& benchmark, Plan* plan) {
  std::vector<LaneSpec> offered;
  if (!request.lane_file.empty()) {
    absl::StatusOr<std::vector<LaneSpec>> lanes =
        ReadLaneFile(UserPath(request.lane_file), benchmark);
    if (!lanes.ok()) return lanes.status();
    offered = *std::move(lanes);
  } else if (!request.command.empty()) {
    absl::StatusOr<LaneSpec> lane = CommandLane(request.command, request.metric);
    if (!lane.ok()) return lane.status();
    offered = {*std::move(lane)};
  } else if (!plan->lanes.empty()) {
    offered = plan->lanes;
  }
  const bool built_in = offered.empty();
  if (request.lanes.empty()) {
    for (std::size_t i = 0; built_in && i < kWorkOrderLanes; ++i) {
      offered.push_back(*BuiltInLane(kLanes[i].name, benchmark));
    }
    plan->lanes = std::move(offered);
    return absl::OkStatus();
  }
  plan->lanes.clear();
  for (const std::string& name :
       std::vector<std::string>(absl::StrSplit(request.lanes, ',', absl::SkipWhitespace()))) {
    if (plan->FindLane(name) != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("--lanes: ", name, " stands there twice"));
    }
    const auto found = std::find_if(offered.begin(), offered.end(),
                                    [&](const LaneSpec& lane) { return lane.name == name; });
    if (found != offered.end()) {
      plan->lanes.push_back(*found);
      continue;
    }
    absl::StatusOr<LaneSpec> lane = BuiltInLane(name, benchmark);
    if (!lane.ok()) return lane.status();
    plan->lanes.push_back(*std::move(lane));
  }
  return absl::OkStatus();
}

absl::StatusOr<Arm> ParseArm(const std::string& text, const std::string& default_name,
                             const std::vector<std::string>& base) {
  Arm arm;
  arm.name = default_name;
  std::string settings = text;
  const std::size_t colon = text.find(':');
  if (colon != text.npos && text.substr(0, colon).find_first_of("= -") == text.npos) {
    arm.name = std::string(absl::StripAsciiWhitespace(text.substr(0, colon)));
    settings = text.substr(colon + 1);
  }
  absl::StatusOr<std::vector<std::string>> words = SplitWords(settings);
  if (!words.ok()) return words.status();
  arm.environment = Inherit(base, *words);
  return arm;
}

absl::Status ChooseArms(const Request& request, Plan* plan) {
  if (request.has_base) {
    absl::StatusOr<std::vector<std::string>> base = SplitWords(request.base);
    if (!base.ok()) return base.status();
    // An experiment's variants are written as changes of its base: they move along with it.
    const std::vector<std::string> old =
        plan->arms.empty() ? std::vector<std::string>() : plan->arms[0].environment;
    for (Arm& arm : plan->arms) {
      std::vector<std::string> changes;
      for (const std::string& setting : arm.environment) {
        if (std::find(old.begin(), old.end(), setting) == old.end()) changes.push_back(setting);
      }
      arm.environment = Inherit(*base, changes);
    }
    if (plan->arms.empty()) plan->arms.push_back({"base", *base, "", {}, {}});
  }
  if (plan->arms.empty()) plan->arms.push_back({"base", {}, "", {}, {}});
  if (!request.variants.empty()) plan->arms.resize(1);
  for (std::size_t i = 0; i < request.variants.size(); ++i) {
    const std::string name =
        request.variants.size() == 1 ? "variant" : absl::StrCat("variant", i + 1);
    absl::StatusOr<Arm> arm = ParseArm(request.variants[i], name, plan->arms[0].environment);
    if (!arm.ok()) return arm.status();
    if (arm->name == kControlArm || plan->FindArm(arm->name) != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("arm name \"", arm->name, "\" is taken"));
    }
    plan->arms.push_back(*std::move(arm));
  }
  if (request.aa && request.variants.empty()) {
    plan->arms.resize(1);
    plan->arms.push_back({"variant", plan->arms[0].environment, "", {}, {}});
  }
  if (plan->arms.size() == 1) {
    return absl::InvalidArgumentError(
        "nothing to compare: give --variant=HZ4_NAME=VALUE, --experiment=NAME or --aa");
  }
  return absl::OkStatus();
}

// A work order's checks speak of all its lanes and of its own variants.
void DropForeignChecks(const Request& request, Plan* plan) {
  if (request.aa) {
    plan->checks.clear();
    plan->protocol = Protocol::kSound;
  }
  const auto foreign = [&](const Check& check) {
    bool unknown = false;
    const absl::Status status = Evaluate(check.expression, [&](const Operand& operand) {
                                  unknown = unknown || plan->FindArm(operand.arm) == nullptr ||
                                            plan->FindLane(operand.lane) == nullptr;
                                  return 1.0;
                                }).status();
    return status.ok() && unknown;
  };
  const auto first = std::stable_partition(plan->checks.begin(), plan->checks.end(),
                                           [&](const Check& check) { return !foreign(check); });
  for (auto check = first; check != plan->checks.end(); ++check) {
    plan->notes.push_back("Not checked, for its lane or arm is left out: " + check->expression);
  }
  plan->checks.erase(first, plan->checks.end());
}

absl::Status ChooseGates(const Request& request, Plan* plan) {
  const auto no_such_lane = [&](const Gate& gate) { return plan->FindLane(gate.lane) == nullptr; };
  if (!request.gates.empty()) {
    absl::StatusOr<std::vector<Gate>> gates = ParseGates(request.gates, *plan);
    if (!gates.ok()) return gates.status();
    plan->gates = *std::move(gates);
  } else if (request.experiment.empty()) {
    plan->gates = GatesOfRoles(*plan);
  } else if (std::any_of(plan->gates.begin(), plan->gates.end(), no_such_lane)) {
    plan->gates.erase(std::remove_if(plan->gates.begin(), plan->gates.end(), no_such_lane),
                      plan->gates.end());
    plan->notes.push_back("Not the whole work order: --lanes leaves some of its lanes out.");
  }
  if (plan->gates.empty()) {
    return absl::InvalidArgumentError(
        "nothing is judged: no metric has role primary or guard, and there are no --gates");
  }
  DropForeignChecks(request, plan);
  for (const std::string& expression :
       std::vector<std::string>(absl::StrSplit(request.expect, ';', absl::SkipWhitespace()))) {
    plan->checks.push_back({CheckKind::kMoves, expression});
  }
  return CheckNames(*plan);
}

void ChooseNumbers(const Request& request, Plan* plan) {
  const auto take = [](int given, int* value) {
    if (given >= 0) *value = given;
  };
  if (request.experiment.empty()) {
    plan->screen_blocks = 0;
    plan->replay_blocks = kDefaultBlocks;
  }
  take(request.screen_runs, &plan->screen_blocks);
  take(request.replay_runs, &plan->replay_blocks);
  take(request.counting_runs, &plan->counting_runs);
  take(request.warmup_blocks, &plan->warmup_blocks);
  plan->same_arms = request.aa;
  // A work order has its number of runs; a comparison of equals must not hunt for a difference.
  const bool buys = plan->protocol == Protocol::kSound && !plan->same_arms;
  plan->most_blocks = plan->replay_blocks * (buys ? kBuyFactor : 1);
  take(request.max_blocks, &plan->most_blocks);
  plan->most_blocks = std::max(plan->most_blocks, plan->replay_blocks);
  plan->alpha = request.alpha;
  plan->keep_going = request.keep_going;
  plan->aligned = !request.no_align;
  plan->control = !request.no_control && !plan->same_arms;
  plan->fixed_layout = request.fixed_layout;
  for (LaneSpec& lane : plan->lanes) {
    take(request.repeats, &lane.repeats);
    if (request.timeout_seconds > 0) lane.timeout_seconds = request.timeout_seconds;
  }
}

std::string RandomSeed() {
  std::random_device device;
  const std::uint64_t seed = static_cast<std::uint64_t>(device()) << 32 | device();
  return absl::StrFormat("%016x", seed);
}

std::string DefaultName(const Request& request) {
  return request.aa ? "aa" : request.command.empty() ? "lanes" : "command";
}

std::string DefaultTitle(const Plan& plan) {
  if (plan.same_arms) return "the base against itself";
  std::vector<std::string> texts;
  for (std::size_t i = 1; i < plan.arms.size(); ++i) {
    texts.push_back(absl::StrJoin(plan.arms[i].environment, " "));
  }
  const std::string base = absl::StrJoin(plan.arms[0].environment, " ");
  return absl::StrCat(absl::StrJoin(texts, "; "), " against ",
                      base.empty() ? "the default profile" : base);
}

}  // namespace

std::string RepeatCommand(const Request& request, const std::string& seed) {
  std::vector<std::string> words = {"./bazelw", "run", "//bench:ab", "--"};
  bool has_seed = false;
  for (const std::string& argument : request.arguments) {
    has_seed = has_seed || absl::StartsWith(argument, "--seed=");
    if (argument == "--" && !has_seed) {
      words.push_back(absl::StrCat("--seed=", seed));
      has_seed = true;
    }
    if (!absl::StartsWith(argument, "--out=")) words.push_back(argument);
  }
  if (!has_seed) words.push_back(absl::StrCat("--seed=", seed));
  return JoinWords(words);
}

absl::StatusOr<Plan> BuildPlan(const Request& request) {
  if (!request.command.empty() && (!request.lane_file.empty() || !request.experiment.empty())) {
    return absl::InvalidArgumentError(
        "a command behind -- is a lane of its own: it excludes --lane-file and --experiment");
  }
  if (!request.metric.empty() && request.command.empty()) {
    return absl::InvalidArgumentError("--metric belongs to a command behind --");
  }
  absl::StatusOr<std::string> library = ProductFile(request.library, "hz4/libhz4.so", "library");
  if (!library.ok()) return library.status();
  std::string benchmark;
  if (request.command.empty()) {
    absl::StatusOr<std::string> found =
        ProductFile(request.bench, "bench/random_mixed_mt_remote", "bench");
    if (!found.ok()) return found.status();
    benchmark = *found;
  }
  Plan plan;
  if (!request.experiment.empty()) {
    absl::StatusOr<Plan> experiment = ReadExperiment(request.experiment, benchmark);
    if (!experiment.ok()) return experiment.status();
    plan = *std::move(experiment);
    if (request.has_base) {
      plan.notes.push_back(absl::StrCat("Not the work order's base arm: --base=", request.base));
    }
  }
  if (absl::Status lanes = ChooseLanes(request, benchmark, &plan); !lanes.ok()) return lanes;
  if (absl::Status arms = ChooseArms(request, &plan); !arms.ok()) return arms;
  if (absl::Status gates = ChooseGates(request, &plan); !gates.ok()) return gates;
  ChooseNumbers(request, &plan);
  if (!request.cpus.empty()) {
    absl::StatusOr<std::vector<int>> cpus = ParseCpus(request.cpus);
    if (!cpus.ok())
      return absl::InvalidArgumentError(absl::StrCat("--cpus: ", cpus.status().message()));
    for (LaneSpec& lane : plan.lanes) lane.cpus = *cpus;
  }
  if (!request.name.empty()) plan.name = request.name;
  if (plan.name.empty()) plan.name = DefaultName(request);
  if (plan.title.empty()) plan.title = DefaultTitle(plan);
  plan.seed = request.seed.empty() ? RandomSeed() : request.seed;
  plan.command_line = RepeatCommand(request, plan.seed);
  plan.library = *library;
  absl::StatusOr<std::string> sha256 = Sha256OfFile(*library);
  if (!sha256.ok()) return sha256.status();
  plan.library_sha256 = *sha256;
  plan.library_build_id = BuildIdOfFile(*library);
  return plan;
}

}  // namespace hz4::ab
