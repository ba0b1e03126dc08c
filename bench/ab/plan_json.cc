// SPDX-License-Identifier: Apache-2.0
//
// The plan as JSON and back. Every struct names its members once, in Fields(); writing and reading
// are two visitors over the same list, so they cannot disagree.

#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bench/ab/plan.h"

namespace hz4::ab {
namespace {

constexpr int kFormat = 1;

template <typename V>
void Fields(V& v, Metric& m) {
  v("name", m.name);
  v("unit", m.unit);
  v("source", m.source);
  v("pattern", m.pattern);
  v("higher_is_better", m.higher_is_better);
  v("role", m.role);
  v("margin", m.margin);
  v("per_operation", m.per_operation);
}

template <typename V>
void Fields(V& v, ArmExtra& e) {
  v("arm", e.arm);
  v("environment", e.environment);
  v("arguments", e.arguments);
}

template <typename V>
void Fields(V& v, LaneSpec& l) {
  v("name", l.name);
  v("command", l.command);
  v("environment", l.environment);
  v("extras", l.extras);
  v("cpus", l.cpus);
  v("timeout_seconds", l.timeout_seconds);
  v("min_seconds", l.min_seconds);
  v("preload", l.preload);
  v("whole_environment", l.whole_environment);
  v("repeats", l.repeats);
  v("exit_status", l.exit_status);
  v("require", l.require);
  v("forbid", l.forbid);
  v("operations", l.operations);
  v("metrics", l.metrics);
}

template <typename V>
void Fields(V& v, Arm& a) {
  v("name", a.name);
  v("environment", a.environment);
  v("fingerprint", a.fingerprint);
  v("implied", a.implied);
  v("notes", a.notes);
}

template <typename V>
void Fields(V& v, ConfigDifference& d) {
  v("knob", d.knob);
  v("values", d.values);
  v("origins", d.origins);
}

template <typename V>
void Fields(V& v, Gate& g) {
  v("lane", g.lane);
  v("metric", g.metric);
  v("screen", g.screen);
  v("replay", g.replay);
  v("strict", g.strict);
  v("role", g.role);
}

template <typename V>
void Fields(V& v, Check& c) {
  v("kind", c.kind);
  v("expression", c.expression);
}

template <typename V>
void Fields(V& v, Derived& d) {
  v("name", d.name);
  v("expression", d.expression);
}

template <typename V>
void Fields(V& v, Plan& p) {
  v("name", p.name);
  v("title", p.title);
  v("source", p.source);
  v("verdict_on_record", p.verdict_on_record);
  v("readings", p.readings);
  v("notes", p.notes);
  v("protocol", p.protocol);
  v("same_arms", p.same_arms);
  v("lanes", p.lanes);
  v("arms", p.arms);
  v("control", p.control);
  v("differences", p.differences);
  v("gates", p.gates);
  v("checks", p.checks);
  v("derived", p.derived);
  v("seed", p.seed);
  v("warmup_blocks", p.warmup_blocks);
  v("screen_blocks", p.screen_blocks);
  v("replay_blocks", p.replay_blocks);
  v("most_blocks", p.most_blocks);
  v("counting_runs", p.counting_runs);
  v("alpha", p.alpha);
  v("keep_going", p.keep_going);
  v("counting_environment", p.counting_environment);
  v("library", p.library);
  v("library_sha256", p.library_sha256);
  v("library_build_id", p.library_build_id);
  v("command_line", p.command_line);
  v("aligned", p.aligned);
  v("fixed_layout", p.fixed_layout);
}

class Writer {
 public:
  Json object = Json::Object();

  template <typename T>
  void operator()(const char* name, T& member) {
    object.Set(name, ToJson(member));
  }

 private:
  template <typename T>
  static Json ToJson(T& value) {
    if constexpr (std::is_enum_v<T>) {
      return Json(static_cast<int>(value));
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      return Json(value);
    } else {
      Writer inner;
      Fields(inner, value);
      return inner.object;
    }
  }
  template <typename T>
  static Json ToJson(std::vector<T>& values) {
    Json array = Json::Array();
    for (T& value : values) array.Add(ToJson(value));
    return array;
  }
};

class Loader {
 public:
  explicit Loader(const Json& object) : object_(object) {}
  std::string missing;

  template <typename T>
  void operator()(const char* name, T& member) {
    const Json& value = object_[name];
    if (!FromJson(value, &member) && missing.empty()) missing = name;
  }

 private:
  static bool FromJson(const Json& json, std::string* value) {
    *value = json.AsString();
    return json.IsString();
  }
  static bool FromJson(const Json& json, bool* value) {
    *value = json.AsBool();
    return json.kind() == Json::Kind::kBool;
  }
  template <typename T>
  static bool FromJson(const Json& json, std::vector<T>* values) {
    for (const Json& item : json.items()) {
      values->emplace_back();
      if (!FromJson(item, &values->back())) return false;
    }
    return json.IsArray();
  }
  template <typename T>
  static bool FromJson(const Json& json, T* value) {
    if constexpr (std::is_enum_v<T> || std::is_arithmetic_v<T>) {
      *value = static_cast<T>(json.AsNumber());
      return json.IsNumber();
    } else {
      Loader inner(json);
      Fields(inner, *value);
      return json.IsObject() && inner.missing.empty();
    }
  }

  const Json& object_;
};

}  // namespace

Json PlanToJson(const Plan& plan) {
  Plan copy = plan;
  Writer writer;
  writer.object.Set("record", Json("plan"));
  writer.object.Set("format", Json(kFormat));
  writer.object.Set("rule", Json(plan.RuleOfDecision()));
  Fields(writer, copy);
  return writer.object;
}

absl::StatusOr<Plan> PlanFromJson(const Json& json) {
  if (json["record"].AsString() != "plan") {
    return absl::InvalidArgumentError("the first line of a record must be the plan");
  }
  if (json["format"].AsNumber() != kFormat) {
    return absl::InvalidArgumentError(absl::StrCat("the record has format ", json["format"].Dump(),
                                                   ", this program reads ", kFormat));
  }
  Plan plan;
  Loader loader(json);
  Fields(loader, plan);
  if (!loader.missing.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the plan in the record lacks a usable \"", loader.missing, "\""));
  }
  if (plan.arms.size() < 2 || plan.lanes.empty() || plan.replay_blocks < 1) {
    return absl::InvalidArgumentError("the plan in the record compares nothing");
  }
  for (const Gate& gate : plan.gates) {
    const LaneSpec* lane = plan.FindLane(gate.lane);
    if (lane == nullptr || lane->FindMetric(gate.metric) == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the plan in the record has a gate on ", gate.lane, ":", gate.metric, ", but not that"));
    }
  }
  return plan;
}

}  // namespace hz4::ab
