// SPDX-License-Identifier: Apache-2.0
//
// Arms, probed and aligned.

#include "bench/ab/prepare.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bench/ab/policy.h"

namespace hz4::ab {
namespace {

std::string NameOf(const std::string& setting) { return setting.substr(0, setting.find('=')); }

bool Sets(const Arm& arm, const std::string& name) {
  return std::any_of(arm.environment.begin(), arm.environment.end(),
                     [&](const std::string& setting) { return NameOf(setting) == name; });
}

absl::StatusOr<std::vector<ConfigReport>> ProbeAll(Measurer* measurer, const Plan& plan) {
  std::vector<ConfigReport> configs;
  for (const Arm& arm : plan.arms) {
    absl::StatusOr<ConfigReport> config = measurer->Probe(arm.environment);
    if (!config.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat("arm ", arm.name, ": ", config.status().message()));
    }
    configs.push_back(*std::move(config));
  }
  return configs;
}

// Every setting that one arm implies is written out in all arms that do not set it themselves. True
// when something was added.
absl::StatusOr<bool> Align(const std::vector<ConfigReport>& configs, Plan* plan) {
  bool added = false;
  std::vector<std::string> all;
  for (const ConfigReport& config : configs) {
    for (const std::string& setting : ImpliedSettings(config)) {
      const auto same_name = [&](const std::string& other) {
        return NameOf(other) == NameOf(setting);
      };
      const auto other = std::find_if(all.begin(), all.end(), same_name);
      if (other == all.end()) {
        all.push_back(setting);
      } else if (*other != setting) {
        return absl::InvalidArgumentError(absl::StrCat(
            "two arms imply different settings, ", *other, " and ", setting,
            ": compare them apart, or leave what is implied to each arm with --no-align"));
      }
    }
  }
  for (Arm& arm : plan->arms) {
    for (const std::string& setting : all) {
      if (Sets(arm, NameOf(setting))) continue;
      arm.environment.push_back(setting);
      arm.implied.push_back(setting);
      added = true;
    }
  }
  return added;
}

std::vector<ConfigDifference> Differences(const std::vector<ConfigReport>& configs) {
  std::vector<ConfigDifference> differences;
  for (const KnobReport& knob : configs[0].knobs) {
    if (knob.kind != "policy") continue;
    ConfigDifference difference;
    difference.knob = knob.name;
    bool differs = false;
    for (const ConfigReport& config : configs) {
      const KnobReport* row = config.Find(knob.name);
      difference.values.push_back(row == nullptr ? "" : row->value);
      difference.origins.push_back(row == nullptr ? "" : row->origin);
      differs = differs || difference.values.back() != knob.value;
    }
    if (differs) differences.push_back(difference);
  }
  return differences;
}

absl::Status CheckFingerprints(const Plan& plan) {
  for (std::size_t i = 1; i < plan.arms.size(); ++i) {
    const bool equal = plan.arms[i].fingerprint == plan.arms[0].fingerprint;
    if (equal && !plan.same_arms) {
      return absl::FailedPreconditionError(absl::StrCat(
          "arms base and ", plan.arms[i].name, " are the same configuration, fingerprint ",
          plan.arms[0].fingerprint, ": nothing to compare; --aa declares a comparison of equals"));
    }
    if (!equal && plan.same_arms) {
      return absl::FailedPreconditionError(
          absl::StrCat("declared A/A, but base has fingerprint ", plan.arms[0].fingerprint, " and ",
                       plan.arms[i].name, " has ", plan.arms[i].fingerprint));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> ImpliedSettings(const ConfigReport& config) {
  std::vector<std::string> settings;
  for (const KnobReport& knob : config.knobs) {
    if (absl::StartsWith(knob.origin, "implied")) settings.push_back(knob.name + "=" + knob.value);
  }
  return settings;
}

absl::Status CheckArms(const Plan& plan) {
  for (const Arm& arm : plan.arms) {
    if (absl::Status valid = CheckSettings(arm.environment); !valid.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("arm ", arm.name, ": ", valid.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status PrepareArms(Measurer* measurer, Plan* plan) {
  absl::StatusOr<std::vector<ConfigReport>> configs = ProbeAll(measurer, *plan);
  if (!configs.ok()) return configs.status();
  if (plan->aligned) {
    const absl::StatusOr<bool> added = Align(*configs, plan);
    if (!added.ok()) return added.status();
    if (*added) configs = ProbeAll(measurer, *plan);
    if (!configs.ok()) return configs.status();
  }
  for (std::size_t i = 0; i < plan->arms.size(); ++i) {
    plan->arms[i].fingerprint = (*configs)[i].fingerprint;
    plan->arms[i].notes = (*configs)[i].notes;
    for (const KnobReport& knob : (*configs)[i].knobs) {
      if (!absl::StartsWith(knob.origin, "fallback") || knob.kind != "policy") continue;
      plan->notes.push_back(absl::StrCat("Provisional: in arm ", plan->arms[i].name, " ", knob.name,
                                         " is ", knob.value, ", ", knob.origin));
    }
  }
  plan->differences = Differences(*configs);
  if (plan->library_build_id.empty()) plan->library_build_id = (*configs)[0].build_id;
  if (absl::Status distinct = CheckFingerprints(*plan); !distinct.ok()) return distinct;
  if (plan->control) {
    Arm control = plan->arms[0];
    control.name = kControlArm;
    plan->arms.push_back(control);
  }
  return absl::OkStatus();
}

}  // namespace hz4::ab
