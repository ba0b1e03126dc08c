// SPDX-License-Identifier: Apache-2.0
//
// Three kinds of lines: JSON of the configuration, JSON of the statistics, and the work orders'
// lines "[HZ4_MID_STATS_B1] name=value ...".

#include "bench/ab/child_report.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/ab/json.h"

namespace hz4::ab {
namespace {

ConfigReport ParseConfig(const Json& json) {
  ConfigReport config;
  config.version = json["version"].AsString();
  config.build_id = json["build_id"].AsString();
  config.fingerprint = json["fingerprint"].AsString();
  config.library = json["library"].AsString();
  for (const Json& knob : json["knobs"].items()) {
    const Json& value = knob["value"];
    config.knobs.push_back({knob["name"].AsString(),
                            value.IsString() ? value.AsString() : value.Dump(),
                            knob["origin"].AsString(), knob["kind"].AsString()});
  }
  for (const Json& note : json["notes"].items()) config.notes.push_back(note.AsString());
  return config;
}

std::map<std::string, double> CountersOfJson(const Json& json) {
  std::map<std::string, double> counters;
  for (const char* part : {"counters", "gauges"}) {
    for (const auto& [name, value] : json[part].members()) {
      if (value.IsNumber()) counters[name] = value.AsNumber();
    }
  }
  return counters;
}

std::map<std::string, double> CountersOfLine(const std::string& line) {
  std::map<std::string, double> counters;
  for (const std::string& word :
       std::vector<std::string>(absl::StrSplit(line, ' ', absl::SkipEmpty()))) {
    const std::vector<std::string> parts = absl::StrSplit(word, absl::MaxSplits('=', 1));
    double value = 0;
    if (parts.size() == 2 && absl::SimpleAtod(parts[1], &value)) counters[parts[0]] = value;
  }
  return counters;
}

}  // namespace

const KnobReport* ConfigReport::Find(const std::string& knob) const {
  for (const KnobReport& row : knobs) {
    if (row.name == knob) return &row;
  }
  return nullptr;
}

absl::StatusOr<std::string> ChildReport::Fingerprint() const {
  if (configs.empty()) {
    return absl::NotFoundError("no process of it reported a configuration: hz4 was not loaded");
  }
  for (const ConfigReport& config : configs) {
    if (config.fingerprint == configs[0].fingerprint) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("its processes ran under different configurations: ", configs[0].fingerprint,
                     " and ", config.fingerprint));
  }
  return configs[0].fingerprint;
}

ChildReport ParseChildReport(const std::string& text) {
  ChildReport report;
  std::map<std::string, double> from_lines;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    if (absl::StartsWith(line, "[HZ4_MID_STATS_B1]") ||
        absl::StartsWith(line, "[HZ4_MID_LOCK_STATS]")) {
      for (const auto& [name, value] : CountersOfLine(line)) from_lines[name] += value;
      continue;
    }
    if (!absl::StartsWith(line, "{\"hz4\"")) continue;
    const absl::StatusOr<Json> json = Json::Parse(line);
    if (!json.ok()) continue;
    if ((*json)["hz4"].AsString() == "config") report.configs.push_back(ParseConfig(*json));
    if ((*json)["hz4"].AsString() != "stats") continue;
    for (const auto& [name, value] : CountersOfJson(*json)) report.counters[name] += value;
  }
  for (const auto& [name, value] : from_lines) {
    const auto core = report.counters.find(name);
    if (core != report.counters.end()) report.counters["core." + name] = core->second;
    report.counters[name] = value;
  }
  return report;
}

}  // namespace hz4::ab
