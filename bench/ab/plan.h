// SPDX-License-Identifier: Apache-2.0
//
// What a campaign is going to do, complete before its first run: lanes, arms, gates, checks,
// numbers of runs, the seed and the rule of decision. The plan is the first line of the record
// (pre-registration); whoever has the record can recompute the verdict without this machine.
//
// Percentages are gains: positive is better, whatever the direction of the metric. The direction
// belongs to the metric and is applied in exactly one place, Gain().

#ifndef HZ4_BENCH_AB_PLAN_H_
#define HZ4_BENCH_AB_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/ab/json.h"

namespace hz4::ab {

// --- what is measured

// A primary metric must be shown to be better by more than its margin; a guard must be shown not to
// be worse by more than its margin; an info is reported and never judged.
enum class Role { kPrimary, kGuard, kInfo };
std::string RoleName(Role role);

struct Metric {
  std::string name;
  std::string unit;
  std::string source = "output";  // or a name of kMeasured
  std::string pattern;            // source "output": POSIX extended expression, first group is read
  bool higher_is_better = false;
  Role role = Role::kInfo;
  double margin = 0;  // percent
  bool per_operation = false;
};

// What the runner measures itself, whatever the command prints. `hardware` needs a performance
// counter and is absent ("unavailable") where the kernel has none.
struct Measured {
  const char* name;
  const char* unit;
  bool hardware;
};
inline constexpr Measured kMeasured[] = {
    {"wall", "s", false},
    {"cpu", "s", false},
    {"user", "s", false},
    {"system", "s", false},
    {"peak_rss", "MiB", false},
    {"minor_faults", "faults", false},
    {"major_faults", "faults", false},
    {"page_faults", "faults", false},
    {"context_switches", "switches", false},
    {"instructions", "instructions", true},
    {"cycles", "cycles", true},
    {"cache_misses", "misses", true},
    {"tlb_misses", "misses", true},
};
const Measured* FindMeasured(const std::string& name);
std::string MeasuredNames();

// The gain of `variant` over `base` as a log ratio: positive is better.
double Gain(const Metric& metric, double base, double variant);
double PercentOfGain(double gain);     // log ratio -> percent
double GainOfPercent(double percent);  // and back

// What only one arm of a lane gets. It is no policy: such lanes calibrate the laboratory itself.
struct ArmExtra {
  std::string arm;
  std::vector<std::string> environment;
  std::vector<std::string> arguments;  // behind the command's own
};

struct LaneSpec {
  std::string name;
  std::vector<std::string> command;
  std::vector<std::string> environment;  // NAME=VALUE, the same for every arm
  std::vector<ArmExtra> extras;
  std::vector<int> cpus;  // empty: all
  double timeout_seconds = 120;
  double min_seconds = 0;  // a run shorter than this is flagged: start-up is what it measures
  bool preload = true;     // false: the command finds the library in AB_LIBRARY and loads it
  bool whole_environment = false;  // true: the user's environment, not only PATH, HOME and the like
  int repeats = 1;                 // runs per arm and block; their median is the block's value
  int exit_status = 0;             // the status a good run ends with
  std::string require;             // patterns the output must, and must not, match
  std::string forbid;
  std::string operations;  // pattern: how many operations a run did, for per-operation metrics
  std::vector<Metric> metrics;

  const Metric* FindMetric(const std::string& metric_name) const;
  const ArmExtra& ExtraOf(const std::string& arm) const;  // empty where the arm gets nothing more
};

// --- what is compared

struct Arm {
  std::string name;
  std::vector<std::string> environment;  // HZ4_NAME=VALUE
  std::string fingerprint;               // as a child with this environment reported it
  std::vector<std::string> implied;      // what alignment added, NAME=VALUE
  std::vector<std::string> notes;        // what the library itself had to say about it
};

struct ConfigDifference {
  std::string knob;
  std::vector<std::string> values;  // one per arm
  std::vector<std::string> origins;
};

// --- how it is judged

struct Gate {
  std::string lane;
  std::string metric;
  double screen = 0;  // percent of gain, medians compared
  double replay = 0;
  bool strict = false;  // the replay must be above its limit, not only at it
  Role role = Role::kPrimary;
};

// An expression over counters (or, for kPerf, over medians of metrics); see expression.h.
enum class CheckKind {
  kMoves,    // the mechanism moved; where it did not, the campaign is invalid
  kGate,     // the work order asks for it; where it fails, NO-GO
  kObserve,  // observation stage: where it fails, the work order stops before measuring
  kPerf,     // like kGate, over medians of the timed runs
};
std::string CheckKindName(CheckKind kind);

struct Check {
  CheckKind kind = CheckKind::kMoves;
  std::string expression;
};

// A quantity derived from the counters of one run, usable in checks by its name.
struct Derived {
  std::string name;
  std::string expression;
};

enum class Protocol {
  kSound,      // intervals and tests decide
  kWorkOrder,  // medians against gates decide; the sound verdict stands beside it
};

struct Plan {
  std::string name;
  std::string title;
  std::string source;  // the work order
  std::string verdict_on_record;
  std::vector<std::string> readings;  // how ambiguous rules are read
  std::vector<std::string> notes;     // what this campaign's reader must know, e.g. "provisional"
  Protocol protocol = Protocol::kSound;
  bool same_arms = false;  // declared A/A: equal fingerprints are what is asked for

  std::vector<LaneSpec> lanes;
  std::vector<Arm> arms;  // [0] is the base; a control arm, where there is one, is the last
  bool control = false;   // the last arm is A': the base once more, a live measure of the noise
  std::vector<ConfigDifference> differences;
  std::vector<Gate> gates;
  std::vector<Check> checks;
  std::vector<Derived> derived;

  std::string seed;  // 16 hex digits
  int warmup_blocks = 1;
  int screen_blocks = 0;
  int replay_blocks = 21;
  int most_blocks = 21;  // replay blocks that an undecided lane may grow to
  int counting_runs = 1;
  double alpha = 0.05;
  bool keep_going = false;  // measure on where a failed observation or screen would have stopped
  std::vector<std::string> counting_environment;

  std::string library;  // path, hash and build id of what was preloaded
  std::string library_sha256;
  std::string library_build_id;
  std::string command_line;  // repeats this campaign
  bool aligned = true;
  bool fixed_layout = false;

  const LaneSpec* FindLane(const std::string& lane_name) const;
  const Arm* FindArm(const std::string& arm_name) const;
  // The variants: every arm but the base and the control.
  std::vector<const Arm*> Variants() const;
  std::size_t CountedArms() const;     // how many arms have counting runs: all but the control
  std::string RuleOfDecision() const;  // in words, for the record and the report
};

inline constexpr char kControlArm[] = "control";

Json PlanToJson(const Plan& plan);
absl::StatusOr<Plan> PlanFromJson(const Json& json);

// --- the order of runs, a pure function of the seed

struct Slot {
  std::string stage;
  int block = 0;
  std::string lane;
  std::string arm;
  int repeat = 0;
  int padding = 0;  // bytes of environment that move the stack
};

// Every run of one block over the given lanes: lanes in random order; inside a lane each repeat has
// every arm once, in random order, so that the arms of a block are neighbours in time.
std::vector<Slot> BlockSchedule(const Plan& plan, const std::string& stage, int block,
                                const std::vector<std::string>& lanes);

inline constexpr char kStageCount[] = "count";
inline constexpr char kStageWarmup[] = "warmup";
inline constexpr char kStageScreen[] = "screen";
inline constexpr char kStageReplay[] = "replay";

// A generator's state from the campaign's seed and a purpose: equal inputs, equal stream.
std::uint64_t SeedFor(const Plan& plan, const std::string& purpose);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_PLAN_H_
