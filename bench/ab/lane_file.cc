// SPDX-License-Identifier: Apache-2.0
//
// Sections into lanes. Every key of a section is one row of a table: its name and what it sets.

#include "bench/ab/lane_file.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "bench/ab/pattern.h"
#include "bench/lanes.h"

namespace hz4::ab {
namespace {

// What a value does to the section's object; the error says what is allowed.
template <typename T>
using Setter = std::function<absl::Status(const std::string& value, T* object)>;
template <typename T>
using Keys = std::map<std::string, Setter<T>>;

// A setter that parses with `parse` and stores into `member`.
template <typename T, typename V>
Setter<T> Store(absl::StatusOr<V> (*parse)(const std::string&), V T::*member) {
  return [parse, member](const std::string& value, T* object) {
    absl::StatusOr<V> parsed = parse(value);
    if (parsed.ok()) object->*member = *parsed;
    return parsed.status();
  };
}

absl::StatusOr<std::string> Text(const std::string& value) { return value; }

absl::StatusOr<std::string> PatternText(const std::string& value) {
  absl::Status valid = CheckPattern(value);
  if (!valid.ok()) return valid;
  return value;
}

absl::StatusOr<int> Repeats(const std::string& value) { return ParseCount(value, 1, 99); }
absl::StatusOr<int> ExitStatus(const std::string& value) { return ParseCount(value, 0, 255); }

absl::StatusOr<Role> ParseRole(const std::string& value) {
  for (Role role : {Role::kPrimary, Role::kGuard, Role::kInfo}) {
    if (value == RoleName(role)) return role;
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", value, "\" is not primary, guard or info"));
}

absl::StatusOr<bool> HigherIsBetter(const std::string& value) {
  if (value == "higher") return true;
  if (value == "lower") return false;
  return absl::InvalidArgumentError(absl::StrCat("\"", value, "\" is not higher or lower"));
}

absl::StatusOr<bool> WholeEnvironment(const std::string& value) {
  if (value == "whole") return true;
  if (value == "clean") return false;
  return absl::InvalidArgumentError(absl::StrCat("\"", value, "\" is not clean or whole"));
}

absl::StatusOr<double> Margin(const std::string& value) {
  absl::StatusOr<double> percent = ParsePercent(value);
  if (percent.ok() && *percent < 0) {
    return absl::InvalidArgumentError("a margin is not negative; the role says its side");
  }
  return percent;
}

absl::StatusOr<std::string> Source(const std::string& value) {
  if (value == "output" || FindMeasured(value) != nullptr) return value;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", value, "\" is not output or one of ", MeasuredNames()));
}

absl::StatusOr<std::vector<std::string>> Environment(const std::string& value) {
  absl::StatusOr<std::vector<std::string>> words = SplitWords(value);
  if (!words.ok()) return words;
  for (const std::string& word : *words) {
    if (!absl::StrContains(word, '=') || word[0] == '=') {
      return absl::InvalidArgumentError(absl::StrCat("\"", word, "\" is not NAME=VALUE"));
    }
    if (absl::StartsWith(word, "HZ4_")) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", word, "\": HZ4_ variables belong to the arms, not to a lane"));
    }
  }
  return words;
}

const Keys<LaneSpec>& LaneKeys() {
  static const auto* const kKeys = new Keys<LaneSpec>{
      {"command", Store(&SplitWords, &LaneSpec::command)},
      {"env", Store(&Environment, &LaneSpec::environment)},
      {"timeout", Store(&ParseSeconds, &LaneSpec::timeout_seconds)},
      {"min_duration", Store(&ParseSeconds, &LaneSpec::min_seconds)},
      {"cpus", Store(&ParseCpus, &LaneSpec::cpus)},
      {"preload", Store(&ParseYesNo, &LaneSpec::preload)},
      {"environment", Store(&WholeEnvironment, &LaneSpec::whole_environment)},
      {"repeats", Store(&Repeats, &LaneSpec::repeats)},
      {"exit", Store(&ExitStatus, &LaneSpec::exit_status)},
      {"require", Store(&PatternText, &LaneSpec::require)},
      {"forbid", Store(&PatternText, &LaneSpec::forbid)},
      {"operations", Store(&PatternText, &LaneSpec::operations)},
  };
  return *kKeys;
}

const Keys<Metric>& MetricKeys() {
  static const auto* const kKeys = new Keys<Metric>{
      {"from", Store(&Source, &Metric::source)},
      {"pattern", Store(&PatternText, &Metric::pattern)},
      {"unit", Store(&Text, &Metric::unit)},
      {"direction", Store(&HigherIsBetter, &Metric::higher_is_better)},
      {"role", Store(&ParseRole, &Metric::role)},
      {"margin", Store(&Margin, &Metric::margin)},
      {"per_operation", Store(&ParseYesNo, &Metric::per_operation)},
  };
  return *kKeys;
}

template <typename T>
absl::Status SetKey(const Keys<T>& keys, const Entry& entry, const std::string& extra,
                    const std::string& file, T* object) {
  const auto key = keys.find(entry.key);
  if (key == keys.end()) {
    const std::string allowed =
        absl::StrJoin(keys, ", ", [](std::string* out, const auto& row) { *out += row.first; });
    return FileError(file, entry.line,
                     absl::StrCat("unknown key \"", entry.key, "\"; allowed: ", allowed, extra));
  }
  const absl::Status set = key->second(entry.value, object);
  if (set.ok()) return set;
  return FileError(file, entry.line, absl::StrCat(entry.key, ": ", set.message()));
}

Metric Measure(const std::string& name, const std::string& source, bool per_operation) {
  Metric metric;
  metric.name = name;
  metric.source = source;
  metric.unit = absl::StrCat(FindMeasured(source)->unit, per_operation ? "/op" : "");
  metric.per_operation = per_operation;
  return metric;
}

Metric FromOutput(const std::string& name, const std::string& unit, const std::string& pattern,
                  bool higher_is_better) {
  Metric metric;
  metric.name = name;
  metric.unit = unit;
  metric.pattern = pattern;
  metric.higher_is_better = higher_is_better;
  return metric;
}

// What the [lane] section starts from: `like` or `arguments`, which must be its first entries.
absl::Status StartLane(const Entry& entry, const std::string& benchmark, const std::string& file,
                       LaneSpec* lane) {
  if (entry.key == "like") {
    absl::StatusOr<LaneSpec> model = BuiltInLane(entry.value, benchmark);
    if (!model.ok()) return FileError(file, entry.line, std::string(model.status().message()));
    model->name = lane->name;
    *lane = *std::move(model);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> words = SplitWords(entry.value);
  if (!words.ok()) return FileError(file, entry.line, std::string(words.status().message()));
  *lane = BenchmarkLane(lane->name, *words, benchmark);
  return absl::OkStatus();
}

constexpr char kOtherLaneKeys[] = ", like, arguments, args, env.ARM, args.ARM";

// args = WORDS for every arm; env.ARM = and args.ARM = for one.
absl::Status AddExtra(const Entry& entry, const std::string& file, LaneSpec* lane) {
  const std::vector<std::string> parts = absl::StrSplit(entry.key, absl::MaxSplits('.', 1));
  const bool environment = parts[0] == "env";
  if (!environment && parts[0] != "args") {
    return FileError(file, entry.line, absl::StrCat("unknown key \"", entry.key, "\""));
  }
  const absl::StatusOr<std::vector<std::string>> words =
      environment ? Environment(entry.value) : SplitWords(entry.value);
  if (!words.ok()) return FileError(file, entry.line, std::string(words.status().message()));
  if (parts.size() == 1) {
    lane->command.insert(lane->command.end(), words->begin(), words->end());
    return absl::OkStatus();
  }
  ArmExtra extra = lane->ExtraOf(parts[1]);
  extra.arm = parts[1];
  (environment ? extra.environment : extra.arguments) = *words;
  const auto same = [&](const ArmExtra& other) { return other.arm == extra.arm; };
  lane->extras.erase(std::remove_if(lane->extras.begin(), lane->extras.end(), same),
                     lane->extras.end());
  lane->extras.push_back(extra);
  return absl::OkStatus();
}

absl::StatusOr<LaneSpec> ParseLane(const Section& section, const std::string& file,
                                   const std::string& folder, const std::string& benchmark) {
  if (section.name.empty()) return FileError(file, section.line, "a lane has a name: [lane NAME]");
  LaneSpec lane;
  lane.name = section.name;
  for (std::size_t i = 0; i < section.entries.size(); ++i) {
    const Entry& entry = section.entries[i];
    absl::Status status;
    if (entry.key == "like" || entry.key == "arguments") {
      status = i == 0
                   ? StartLane(entry, benchmark, file, &lane)
                   : FileError(file, entry.line,
                               absl::StrCat("\"", entry.key, "\" must be the lane's first entry"));
    } else if (entry.key == "args" || absl::StrContains(entry.key, '.')) {
      status = AddExtra(entry, file, &lane);
    } else {
      status = SetKey(LaneKeys(), entry, kOtherLaneKeys, file, &lane);
    }
    if (!status.ok()) return status;
  }
  if (lane.command.empty()) {
    return FileError(file, section.line, absl::StrCat("lane ", lane.name, " has no command"));
  }
  std::string& program = lane.command[0];
  if (absl::StrContains(program, '/') && program[0] != '/') program = folder + "/" + program;
  return lane;
}

absl::StatusOr<Metric> ParseMetric(const Section& section, const std::string& file) {
  Metric metric;
  metric.name = section.name;
  bool has_direction = false;
  for (const Entry& entry : section.entries) {
    has_direction = has_direction || entry.key == "direction";
    absl::Status set = SetKey(MetricKeys(), entry, "", file, &metric);
    if (!set.ok()) return set;
  }
  if (metric.name.empty())
    return FileError(file, section.line, "a metric has a name: [metric NAME]");
  if (metric.source == "output" && metric.pattern.empty()) {
    return FileError(file, section.line,
                     absl::StrCat("metric ", metric.name, " needs a pattern, or from = one of ",
                                  MeasuredNames()));
  }
  if (metric.role != Role::kInfo && metric.source == "output" && !has_direction) {
    return FileError(file, section.line,
                     absl::StrCat("metric ", metric.name, " needs direction = higher or lower"));
  }
  if (metric.unit.empty() && metric.source != "output") {
    metric.unit =
        absl::StrCat(FindMeasured(metric.source)->unit, metric.per_operation ? "/op" : "");
  }
  return metric;
}

// A metric takes the place of one with its name (a lane made with `like` has some already).
absl::Status AddMetric(const Section& section, const std::string& file, LaneSpec* lane) {
  absl::StatusOr<Metric> metric = ParseMetric(section, file);
  if (!metric.ok()) return metric.status();
  if (metric->per_operation && lane->operations.empty()) {
    return FileError(file, section.line, "per_operation needs the lane's key \"operations\"");
  }
  for (Metric& old : lane->metrics) {
    if (old.name == metric->name) {
      old = *metric;
      return absl::OkStatus();
    }
  }
  lane->metrics.push_back(*metric);
  return absl::OkStatus();
}

}  // namespace

LaneSpec BenchmarkLane(const std::string& name, const std::vector<std::string>& arguments,
                       const std::string& benchmark) {
  LaneSpec lane;
  lane.name = name;
  lane.command = {benchmark};
  lane.command.insert(lane.command.end(), arguments.begin(), arguments.end());
  lane.forbid = "alloc_failed=[1-9]";
  lane.operations = "ops=([0-9]+)";
  Metric throughput = FromOutput("ops_per_s", "ops/s", "ops/s=([0-9.eE+]+)", true);
  const bool guard = absl::StartsWith(name, "guard");
  throughput.role = guard ? Role::kGuard : Role::kPrimary;
  throughput.margin = guard ? 1.0 : 0.0;
  lane.metrics = {
      throughput,
      Measure("peak_rss", "peak_rss", false),
      Measure("faults_per_op", "page_faults", true),
      Measure("switches_per_op", "context_switches", true),
      Measure("instructions_per_op", "instructions", true),
      Measure("cycles_per_op", "cycles", true),
      Measure("cache_misses_per_op", "cache_misses", true),
      Measure("tlb_misses_per_op", "tlb_misses", true),
      FromOutput("remote_share", "%", "real_pct=([0-9.]+)", true),
      FromOutput("fallback_share", "%", "fallback_pct=([0-9.]+)", false),
      FromOutput("peak_ring_depth", "objects", "peak_ring_depth=([0-9]+)", false),
  };
  return lane;
}

absl::StatusOr<LaneSpec> BuiltInLane(const std::string& name, const std::string& benchmark) {
  const Lane* row = FindLane(name.c_str());
  if (row == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown lane \"", name, "\"; built-in lanes: ", LaneNames()));
  }
  return BenchmarkLane(name, absl::StrSplit(LaneArguments(*row), ' '), benchmark);
}

absl::StatusOr<LaneSpec> CommandLane(const std::vector<std::string>& command,
                                     const std::string& metric) {
  LaneSpec lane;
  lane.name = "command";
  lane.command = command;
  lane.whole_environment = true;
  Metric wall = Measure("wall", "wall", false);
  wall.role = metric.empty() ? Role::kPrimary : Role::kInfo;
  lane.metrics = {wall};
  if (!metric.empty()) {
    const std::vector<std::string> parts = absl::StrSplit(metric, absl::MaxSplits(':', 2));
    if (parts.size() != 3 || parts[0].empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--metric=", metric, " is not NAME:higher|lower:PATTERN"));
    }
    absl::StatusOr<bool> higher = HigherIsBetter(parts[1]);
    if (!higher.ok()) return higher.status();
    if (absl::Status valid = CheckPattern(parts[2]); !valid.ok()) return valid;
    Metric number = FromOutput(parts[0], parts[0], parts[2], *higher);
    number.role = Role::kPrimary;
    lane.metrics.insert(lane.metrics.begin(), number);
  }
  for (const char* name : {"cpu", "peak_rss", "page_faults", "context_switches"}) {
    lane.metrics.push_back(Measure(name, name, false));
  }
  return lane;
}

absl::StatusOr<std::vector<LaneSpec>> TakeLanes(std::vector<Section>* sections,
                                                const std::string& file, const std::string& folder,
                                                const std::string& benchmark) {
  std::vector<LaneSpec> lanes;
  std::vector<Section> others;
  for (const Section& section : *sections) {
    if (section.kind == "lane") {
      absl::StatusOr<LaneSpec> lane = ParseLane(section, file, folder, benchmark);
      if (!lane.ok()) return lane.status();
      for (const LaneSpec& other : lanes) {
        if (other.name == lane->name) {
          return FileError(file, section.line,
                           absl::StrCat("lane ", lane->name, " stands here twice"));
        }
      }
      lanes.push_back(*std::move(lane));
    } else if (section.kind == "metric") {
      if (lanes.empty()) return FileError(file, section.line, "a [metric] belongs below a [lane]");
      if (absl::Status added = AddMetric(section, file, &lanes.back()); !added.ok()) return added;
    } else {
      others.push_back(section);
    }
  }
  for (LaneSpec& lane : lanes) {
    if (!lane.metrics.empty()) continue;
    Metric wall = Measure("wall", "wall", false);
    wall.role = Role::kPrimary;
    lane.metrics.push_back(wall);
  }
  *sections = std::move(others);
  return lanes;
}

absl::StatusOr<std::vector<LaneSpec>> ReadLaneFile(const std::string& path,
                                                   const std::string& benchmark) {
  absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<std::vector<Section>> sections = ParseSections(*text, path);
  if (!sections.ok()) return sections.status();
  const std::size_t slash = path.rfind('/');
  absl::StatusOr<std::vector<LaneSpec>> lanes =
      TakeLanes(&*sections, path, slash == path.npos ? "." : path.substr(0, slash), benchmark);
  if (!lanes.ok()) return lanes.status();
  if (!sections->empty()) {
    return FileError(path, sections->front().line,
                     absl::StrCat("unknown section [", sections->front().kind,
                                  "]; a lane file has [lane NAME] and [metric NAME]"));
  }
  if (lanes->empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": no [lane] in it"));
  return lanes;
}

}  // namespace hz4::ab
