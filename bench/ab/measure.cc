// SPDX-License-Identifier: Apache-2.0
//
// Building the child's environment, running it, reading what it left.

#include "bench/ab/measure.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/ab/hardware.h"
#include "bench/ab/machine.h"
#include "bench/ab/pattern.h"
#include "bench/ab/sections.h"
#include "bench/process.h"

namespace hz4::ab {
namespace {

constexpr double kMiB = 1 << 20;
constexpr std::size_t kDetailBytes = 4000;  // of a bad run's output, kept in the record

// Never inherited: another allocator's settings, another preload, and what `bazel run` tells its
// program about itself.
bool StaysOut(const std::string& variable) {
  for (const char* prefix : {"HZ4_", "LD_PRELOAD=", "RUNFILES_", "BUILD_W", "JAVA_RUNFILES="}) {
    if (absl::StartsWith(variable, prefix)) return true;
  }
  return false;
}

std::string Tail(const std::string& text) {
  return text.size() <= kDetailBytes ? text : text.substr(text.size() - kDetailBytes);
}

// What the kernel and the runner measured, by the names of kMeasured.
std::map<std::string, double> Quantities(const ProcessResult& result,
                                         const std::map<std::string, double>& hardware) {
  std::map<std::string, double> measured = hardware;
  measured["wall"] = result.wall_seconds;
  measured["user"] = result.user_seconds;
  measured["system"] = result.system_seconds;
  measured["cpu"] = result.user_seconds + result.system_seconds;
  measured["peak_rss"] = static_cast<double>(result.max_rss_bytes) / kMiB;
  measured["minor_faults"] = static_cast<double>(result.minor_faults);
  measured["major_faults"] = static_cast<double>(result.major_faults);
  measured["page_faults"] = static_cast<double>(result.minor_faults + result.major_faults);
  measured["context_switches"] =
      static_cast<double>(result.voluntary_switches + result.involuntary_switches);
  return measured;
}

// Fills the run's values; the name of a judged metric that has none, or empty.
std::string TakeMetrics(const LaneSpec& lane, const std::string& output,
                        const std::map<std::string, double>& measured, Run* run) {
  const double operations =
      lane.operations.empty() ? 0 : PickNumber(lane.operations, output).value_or(0);
  std::string missing;
  for (const Metric& metric : lane.metrics) {
    absl::optional<double> value;
    if (metric.source == "output") {
      value = PickNumber(metric.pattern, output);
    } else if (const auto found = measured.find(metric.source); found != measured.end()) {
      value = found->second;
    }
    if (value.has_value() && metric.per_operation) {
      if (operations > 0)
        *value /= operations;
      else
        value.reset();
    }
    if (value.has_value())
      run->values[metric.name] = *value;
    else if (metric.role != Role::kInfo && missing.empty())
      missing = metric.name;
  }
  return missing;
}

void Fail(Run* run, RunStatus status, const std::string& outcome, const std::string& detail) {
  if (run->status != RunStatus::kOk) return;
  run->status = status;
  run->outcome = outcome;
  run->detail = Tail(detail);
}

void JudgeOutcome(const LaneSpec& lane, const ProcessResult& result, const std::string& output,
                  Run* run) {
  switch (result.outcome) {
    case ProcessOutcome::kCancelled:
      return Fail(run, RunStatus::kCancelled, run->outcome, "");
    case ProcessOutcome::kNotStarted:
      return Fail(run, RunStatus::kNotStarted, run->outcome, result.error);
    case ProcessOutcome::kTimedOut:
      return Fail(run, RunStatus::kHung, run->outcome, result.hang_report);
    case ProcessOutcome::kSignaled:
      return Fail(run, RunStatus::kCrashed, run->outcome, output);
    case ProcessOutcome::kExited:
      break;
  }
  if (result.exit_status != lane.exit_status) Fail(run, RunStatus::kFailed, run->outcome, output);
  if (!lane.forbid.empty() && Matches(lane.forbid, output)) {
    Fail(run, RunStatus::kWrongOutput,
         absl::StrCat("the output matches the forbidden \"", lane.forbid, "\""), output);
  }
  if (!lane.require.empty() && !Matches(lane.require, output)) {
    Fail(run, RunStatus::kWrongOutput,
         absl::StrCat("the output lacks the required \"", lane.require, "\""), output);
  }
}

// The child must have run under the arm's own configuration.
void JudgeProof(const Arm& arm, const ChildReport& report, const std::string& output, Run* run) {
  const absl::StatusOr<std::string> fingerprint = report.Fingerprint();
  if (!fingerprint.ok()) {
    Fail(run, RunStatus::kNotProven, std::string(fingerprint.status().message()), output);
    return;
  }
  run->fingerprint = *fingerprint;
  run->mapping = report.configs[0].library;
  if (*fingerprint != arm.fingerprint) {
    Fail(run, RunStatus::kNotProven,
         absl::StrCat("it ran under ", *fingerprint, ", arm ", arm.name, " is ", arm.fingerprint),
         output);
  }
}

}  // namespace

Measurer::Measurer(std::string library, const volatile std::sig_atomic_t* cancel)
    : library_(std::move(library)), cancel_(cancel), launcher_(FindLauncher()) {
  const char* temporary = getenv("TMPDIR");
  folder_ = absl::StrCat(temporary == nullptr ? "/tmp" : temporary, "/hz4-ab-XXXXXX");
  if (mkdtemp(&folder_[0]) == nullptr) folder_.clear();
  report_ = folder_ + "/report";
}

Measurer::~Measurer() {
  unlink(report_.c_str());
  rmdir(folder_.c_str());
}

std::string Measurer::WhyNoHardwareCounters() const {
  return HardwareCounters(launcher_).why_unavailable();
}

std::string Measurer::TakeReport() {
  const absl::StatusOr<std::string> text = ReadWholeFile(report_);
  unlink(report_.c_str());
  return text.ok() ? *text : "";
}

std::vector<std::string> Measurer::Environment(const LaneSpec& lane, const Arm& arm,
                                               const Slot& slot) const {
  std::vector<std::string> environment;
  for (const std::string& variable :
       lane.whole_environment ? CurrentEnvironment() : BaseEnvironment()) {
    if (!StaysOut(variable)) environment.push_back(variable);
  }
  const ArmExtra& extra = lane.ExtraOf(arm.name);
  for (const auto* more : {&lane.environment, &extra.environment, &arm.environment}) {
    environment.insert(environment.end(), more->begin(), more->end());
  }
  environment.push_back("HZ4_STRICT=abort");
  environment.push_back("HZ4_PRINT_CONFIG=json");
  environment.push_back("HZ4_OUTPUT=" + report_);
  environment.push_back(
      absl::StrCat(lane.preload ? "LD_PRELOAD" : kLibraryVariable, "=", library_));
  environment.push_back("AB_PADDING=" + std::string(static_cast<std::size_t>(slot.padding), 'x'));
  return environment;
}

absl::StatusOr<ConfigReport> Measurer::Probe(const std::vector<std::string>& settings) {
  if (folder_.empty()) return absl::InternalError("cannot make a temporary folder");
  Arm arm;
  arm.environment = settings;
  ProcessSpec spec;
  spec.argv = {"true"};
  spec.env = Environment(LaneSpec(), arm, Slot());
  spec.timeout_seconds = 20;
  const ProcessResult result = RunProcess(spec, cancel_);
  const ChildReport report = ParseChildReport(TakeReport());
  const std::string said =
      absl::StrCat(DescribeOutcome(spec, result), result.err.empty() ? "" : ": ", Tail(result.err));
  if (!result.Succeeded()) return absl::FailedPreconditionError(said);
  if (report.configs.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        library_, " reports no configuration; is it libhz4.so? A process under it said: ", said));
  }
  return report.configs[0];
}

Run Measurer::Measure(const Plan& plan, const Slot& slot) {
  const absl::Time begin = absl::Now();
  const LaneSpec& lane = *plan.FindLane(slot.lane);
  const Arm& arm = *plan.FindArm(slot.arm);
  const ArmExtra& extra = lane.ExtraOf(arm.name);
  const bool counting = slot.stage == kStageCount;

  ProcessSpec spec;
  spec.argv = lane.command;
  spec.argv.insert(spec.argv.end(), extra.arguments.begin(), extra.arguments.end());
  spec.env = Environment(lane, arm, slot);
  if (counting) {
    spec.env.push_back("HZ4_STATS=json");
    spec.env.push_back("HZ4_MID_STATS_B1=1");
    spec.env.insert(spec.env.end(), plan.counting_environment.begin(),
                    plan.counting_environment.end());
  }
  spec.timeout_seconds = lane.timeout_seconds;
  spec.cpus = lane.cpus;
  spec.fixed_layout = plan.fixed_layout;

  Run run;
  run.slot = slot;
  run.started = absl::ToDoubleSeconds(begin - absl::UnixEpoch());
  std::map<std::string, double> hardware;
  ProcessResult result;
  const MachineTime before = ReadMachineTime();
  {
    const HardwareCounters counters(counting ? 0 : launcher_);
    result = RunProcess(spec, cancel_);
    hardware = counters.Read();
  }
  const MachineTime after = ReadMachineTime();
  const ChildReport report = ParseChildReport(TakeReport());
  std::string output = absl::StrCat(result.out, "\n", result.err);
  std::replace(output.begin(), output.end(), '\0', ' ');

  run.outcome = DescribeOutcome(spec, result);
  run.wall_seconds = result.wall_seconds;
  const double own = result.user_seconds + result.system_seconds;
  if (run.wall_seconds > 0) {
    run.others_cpu = std::max(0.0, after.busy - before.busy - own) / run.wall_seconds;
  }
  if (after.all > before.all) run.steal = (after.steal - before.steal) / (after.all - before.all);
  JudgeOutcome(lane, result, output, &run);
  JudgeProof(arm, report, output, &run);
  if (counting) {
    run.counters = report.counters;
  } else {
    const std::string missing = TakeMetrics(lane, output, Quantities(result, hardware), &run);
    if (!missing.empty()) {
      Fail(&run, RunStatus::kNoMetric, absl::StrCat("no value for metric ", missing), output);
    }
  }
  if (run.status != RunStatus::kOk) run.values.clear();
  run.runner_seconds = absl::ToDoubleSeconds(absl::Now() - begin) - result.wall_seconds;
  return run;
}

}  // namespace hz4::ab
