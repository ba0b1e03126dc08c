// SPDX-License-Identifier: Apache-2.0
//
// Experiment files into plans.

#include "bench/ab/experiment.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bench/ab/expression.h"
#include "bench/ab/lane_file.h"
#include "bench/ab/sections.h"
#include "bench/runfile.h"

namespace hz4::ab {
namespace {

constexpr const char* kBuiltIn[] = {"b46", "b70", "b73", "b74a", "b74b",
                                    "b77", "b80", "b81", "b82"};
constexpr int kMostRuns = 100000;

std::string NameOf(const std::string& setting) { return setting.substr(0, setting.find('=')); }

// Reads one experiment file; the members are what its sections add up to.
class ExperimentReader {
 public:
  ExperimentReader(std::string file, std::string benchmark)
      : file_(std::move(file)), benchmark_(std::move(benchmark)) {}

  absl::StatusOr<Plan> Read(const std::string& text) {
    absl::StatusOr<std::vector<Section>> sections = ParseSections(text, file_);
    if (!sections.ok()) return sections.status();
    const std::size_t slash = file_.rfind('/');
    absl::StatusOr<std::vector<LaneSpec>> own = TakeLanes(
        &*sections, file_, slash == file_.npos ? "." : file_.substr(0, slash), benchmark_);
    if (!own.ok()) return own.status();
    plan_.lanes = *std::move(own);
    plan_.protocol = Protocol::kWorkOrder;
    for (const Section& section : *sections) {
      if (absl::Status taken = Take(section); !taken.ok()) return taken;
    }
    if (plan_.name.empty()) return FileError(file_, 1, "no [experiment NAME] in it");
    if (plan_.arms.size() < 2) return FileError(file_, 1, "it needs [arm base] and one more arm");
    if (absl::Status names = CheckNames(plan_); !names.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(file_, ": ", names.message()));
    }
    return plan_;
  }

 private:
  absl::Status Take(const Section& section) {
    if (section.kind == "experiment") return TakeExperiment(section);
    if (section.kind == "arm") return TakeArm(section);
    if (section.kind == "gate") return TakeGate(section);
    if (section.kind == "check") return TakeCheck(section);
    if (section.kind == "derived") return TakeDerived(section);
    return FileError(
        file_, section.line,
        absl::StrCat("unknown section [", section.kind,
                     "]; allowed: experiment, arm, gate, check, derived, lane, metric"));
  }

  absl::Status Unknown(const Entry& entry, const char* allowed) const {
    return FileError(file_, entry.line,
                     absl::StrCat("unknown key \"", entry.key, "\"; allowed: ", allowed));
  }
  absl::Status Bad(const Entry& entry, const absl::Status& status) const {
    return FileError(file_, entry.line, absl::StrCat(entry.key, ": ", status.message()));
  }

  absl::Status TakeExperiment(const Section& section) {
    plan_.name = section.name;
    for (const Entry& entry : section.entries) {
      const std::map<std::string, std::string*> texts = {
          {"title", &plan_.title}, {"source", &plan_.source}, {"record", &plan_.verdict_on_record}};
      const std::map<std::string, int*> counts = {{"screen_runs", &plan_.screen_blocks},
                                                  {"replay_runs", &plan_.replay_blocks},
                                                  {"counting_runs", &plan_.counting_runs}};
      absl::Status status;
      if (const auto text = texts.find(entry.key); text != texts.end()) {
        *text->second = entry.value;
      } else if (const auto count = counts.find(entry.key); count != counts.end()) {
        absl::StatusOr<int> value = ParseCount(entry.value, 0, kMostRuns);
        if (!value.ok()) return Bad(entry, value.status());
        *count->second = *value;
      } else if (entry.key == "reading") {
        plan_.readings.push_back(entry.value);
      } else if (entry.key == "note") {
        plan_.notes.push_back(entry.value);
      } else if (entry.key == "counting") {
        plan_.counting_environment = absl::StrSplit(entry.value, ' ', absl::SkipEmpty());
      } else if (entry.key == "lanes") {
        status = TakeLaneNames(entry);
      } else {
        status = Unknown(entry,
                         "title, source, record, reading, note, lanes, screen_runs, "
                         "replay_runs, counting_runs, counting");
      }
      if (!status.ok()) return status;
    }
    plan_.most_blocks = plan_.replay_blocks;
    return absl::OkStatus();
  }

  // The lanes in the order given; one defined in the file itself is taken from there.
  absl::Status TakeLaneNames(const Entry& entry) {
    std::vector<LaneSpec> ordered;
    for (const std::string& name : std::vector<std::string>(
             absl::StrSplit(entry.value, absl::ByAnyChar(" ,"), absl::SkipEmpty()))) {
      if (const LaneSpec* own = plan_.FindLane(name)) {
        ordered.push_back(*own);
        continue;
      }
      absl::StatusOr<LaneSpec> lane = BuiltInLane(name, benchmark_);
      if (!lane.ok()) return Bad(entry, lane.status());
      ordered.push_back(*std::move(lane));
    }
    plan_.lanes = std::move(ordered);
    return absl::OkStatus();
  }

  absl::Status TakeArm(const Section& section) {
    Arm arm;
    arm.name = section.name;
    if (plan_.arms.empty() != (section.name == "base")) {
      return FileError(file_, section.line, "the first arm is [arm base], and only the first");
    }
    if (section.name == kControlArm || plan_.FindArm(section.name) != nullptr) {
      return FileError(file_, section.line,
                       absl::StrCat("arm name \"", section.name, "\" is taken"));
    }
    std::vector<std::string> settings;
    for (const Entry& entry : section.entries) {
      if (entry.key != "env") return Unknown(entry, "env");
      absl::StatusOr<std::vector<std::string>> words = SplitWords(entry.value);
      if (!words.ok()) return Bad(entry, words.status());
      settings.insert(settings.end(), words->begin(), words->end());
    }
    arm.environment = Inherit(
        plan_.arms.empty() ? std::vector<std::string>() : plan_.arms[0].environment, settings);
    plan_.arms.push_back(arm);
    return absl::OkStatus();
  }

  absl::Status TakeGate(const Section& section) {
    Gate gate;
    gate.lane = section.name;
    const LaneSpec* lane = plan_.FindLane(section.name);
    if (lane == nullptr) {
      return FileError(file_, section.line,
                       absl::StrCat("no lane \"", section.name, "\" above it"));
    }
    gate.metric = lane->metrics.front().name;
    for (const Entry& entry : section.entries) {
      if (entry.key == "metric") {
        gate.metric = entry.value;
        continue;
      }
      if (entry.key != "screen" && entry.key != "replay") {
        return Unknown(entry, "metric, screen, replay");
      }
      absl::StatusOr<Limit> limit = ParseLimit(entry.value);
      if (!limit.ok()) return Bad(entry, limit.status());
      (entry.key == "screen" ? gate.screen : gate.replay) = limit->percent;
      if (entry.key == "replay") gate.strict = limit->strict;
    }
    gate.role = gate.replay > 0 || gate.strict ? Role::kPrimary : Role::kGuard;
    plan_.gates.push_back(gate);
    return absl::OkStatus();
  }

  absl::Status TakeCheck(const Section& section) {
    for (CheckKind kind :
         {CheckKind::kMoves, CheckKind::kGate, CheckKind::kObserve, CheckKind::kPerf}) {
      if (section.name != CheckKindName(kind)) continue;
      for (const Entry& entry : section.entries) {
        if (entry.key != "expect") return Unknown(entry, "expect");
        plan_.checks.push_back({kind, entry.value});
      }
      return absl::OkStatus();
    }
    return FileError(file_, section.line, "a check is mechanism, gate, observe or perf");
  }

  absl::Status TakeDerived(const Section& section) {
    for (const Entry& entry : section.entries) {
      if (entry.key != "value") return Unknown(entry, "value");
      plan_.derived.push_back({section.name, entry.value});
    }
    return absl::OkStatus();
  }

  std::string file_;
  std::string benchmark_;
  Plan plan_;
};

}  // namespace

std::string ExperimentNames() { return absl::StrJoin(kBuiltIn, ", "); }

absl::StatusOr<Limit> ParseLimit(const std::string& text) {
  Limit limit;
  absl::string_view number = absl::StripAsciiWhitespace(text);
  if (!absl::ConsumePrefix(&number, ">=")) limit.strict = absl::ConsumePrefix(&number, ">");
  absl::StatusOr<double> percent = ParsePercent(std::string(absl::StripAsciiWhitespace(number)));
  if (!percent.ok()) return percent.status();
  limit.percent = *percent;
  return limit;
}

absl::StatusOr<std::vector<Gate>> ParseGates(const std::string& text, const Plan& plan) {
  std::vector<Gate> gates;
  for (const std::string& item :
       std::vector<std::string>(absl::StrSplit(text, ',', absl::SkipWhitespace()))) {
    const std::size_t split = item.find_first_of("=>");
    const std::vector<std::string> where =
        absl::StrSplit(item.substr(0, split), absl::MaxSplits(':', 1));
    const LaneSpec* lane = plan.FindLane(std::string(absl::StripAsciiWhitespace(where[0])));
    if (lane == nullptr) {
      const std::string names = absl::StrJoin(
          plan.lanes, ", ", [](std::string* out, const LaneSpec& l) { *out += l.name; });
      return absl::InvalidArgumentError(
          absl::StrCat("gate \"", item, "\": no lane of that name; lanes: ", names));
    }
    Gate gate;
    gate.lane = lane->name;
    gate.metric = where.size() == 2 ? where[1] : lane->metrics.front().name;
    const std::string limits = split == item.npos ? "" : item.substr(split);
    const std::vector<std::string> two =
        absl::StrSplit(absl::StripPrefix(limits, absl::StartsWith(limits, "=") ? "=" : ""),
                       absl::MaxSplits('/', 1));
    absl::StatusOr<Limit> screen = ParseLimit(two.front());
    absl::StatusOr<Limit> replay = ParseLimit(two.back());
    if (!screen.ok() || !replay.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "gate \"", item, "\" is not LANE[:METRIC]>=SCREEN[/REPLAY], such as main_r0>=3/6"));
    }
    gate.screen = screen->percent;
    gate.replay = replay->percent;
    gate.strict = screen->strict || replay->strict;
    gate.role = gate.replay > 0 || gate.strict ? Role::kPrimary : Role::kGuard;
    gates.push_back(gate);
  }
  return gates;
}

std::vector<Gate> GatesOfRoles(const Plan& plan) {
  std::vector<Gate> gates;
  for (const LaneSpec& lane : plan.lanes) {
    for (const Metric& metric : lane.metrics) {
      if (metric.role == Role::kInfo) continue;
      Gate gate;
      gate.lane = lane.name;
      gate.metric = metric.name;
      gate.role = metric.role;
      gate.replay = metric.role == Role::kGuard ? -metric.margin : metric.margin;
      gate.screen = gate.replay;
      gate.strict = metric.role == Role::kPrimary;
      gates.push_back(gate);
    }
  }
  return gates;
}

std::vector<std::string> Inherit(const std::vector<std::string>& base,
                                 const std::vector<std::string>& settings) {
  std::vector<std::string> result = base;
  for (const std::string& setting : settings) {
    const bool takes_away = absl::StartsWith(setting, "-");
    const std::string name = NameOf(takes_away ? setting.substr(1) : setting);
    const auto same = [&](const std::string& other) { return NameOf(other) == name; };
    result.erase(std::remove_if(result.begin(), result.end(), same), result.end());
    if (!takes_away) result.push_back(setting);
  }
  return result;
}

absl::Status CheckNames(const Plan& plan) {
  for (const Gate& gate : plan.gates) {
    const LaneSpec* lane = plan.FindLane(gate.lane);
    if (lane == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("gate: unknown lane \"", gate.lane, "\""));
    }
    if (lane->FindMetric(gate.metric) == nullptr) {
      const std::string names = absl::StrJoin(
          lane->metrics, ", ", [](std::string* out, const Metric& m) { *out += m.name; });
      return absl::InvalidArgumentError(absl::StrCat("gate: lane ", gate.lane, " has no metric \"",
                                                     gate.metric, "\"; it has ", names));
    }
  }
  for (const LaneSpec& lane : plan.lanes) {
    for (const ArmExtra& extra : lane.extras) {
      if (plan.FindArm(extra.arm) != nullptr || extra.arm == kControlArm) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("lane ", lane.name, ": there is no arm \"", extra.arm, "\""));
    }
  }
  const auto known = [&](const Operand& operand) -> absl::StatusOr<double> {
    if (plan.FindArm(operand.arm) == nullptr || plan.FindLane(operand.lane) == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("\"", operand.arm, "@", operand.lane, ".",
                                                     operand.name, "\": no such arm or lane"));
    }
    return 1.0;
  };
  for (const Check& check : plan.checks) {
    if (absl::Status status = Evaluate(check.expression, known).status(); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("check: ", status.message()));
    }
  }
  for (const Derived& derived : plan.derived) {
    const absl::StatusOr<double> value =
        Evaluate(derived.expression, [](const Operand&) { return 1.0; });
    if (!value.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("derived ", derived.name, ": ", value.status().message()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Plan> ParseExperiment(const std::string& text, const std::string& file,
                                     const std::string& benchmark) {
  return ExperimentReader(file, benchmark).Read(text);
}

absl::StatusOr<Plan> ReadExperiment(const std::string& name_or_path, const std::string& benchmark) {
  std::string path;
  if (absl::StrContains(name_or_path, '/') || absl::EndsWith(name_or_path, ".ab")) {
    path = UserPath(name_or_path);
  } else {
    path = FindRunfile(absl::StrCat("bench/ab/experiments/", name_or_path, ".ab"));
    if (path.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown experiment \"", name_or_path, "\"; built in: ", ExperimentNames()));
    }
  }
  absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  return ParseExperiment(*text, path, benchmark);
}

}  // namespace hz4::ab
