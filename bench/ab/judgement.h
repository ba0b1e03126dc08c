// SPDX-License-Identifier: Apache-2.0
//
// From a plan and its runs to what happens next and to the verdict. Pure: the runner asks
// NextStep() after every step, --resume asks it where to go on, --verify calls Judge() on a record
// from somewhere else, and the calibration test drives both with invented runs.

#ifndef HZ4_BENCH_AB_JUDGEMENT_H_
#define HZ4_BENCH_AB_JUDGEMENT_H_

#include <string>
#include <vector>

#include "bench/ab/claims.h"
#include "bench/ab/plan.h"
#include "bench/ab/samples.h"

namespace hz4::ab {

// A work order's gate: medians compared, nothing said about noise.
struct GateResult {
  Gate gate;
  std::string stage;
  std::string arm;
  double limit = 0;  // percent
  int runs = 0;      // of the variant
  double base_median = 0;
  double variant_median = 0;
  double percent = 0;  // gain of the medians
  bool measured = false;
  bool pass = false;
};

struct CheckResult {
  Check check;
  bool known = false;  // every counter in it was reported
  bool holds = false;
  std::string text;  // the values in it, or what is missing
};

struct Judgement {
  std::string stage;      // whose data the sound verdict stands on; empty before any
  bool complete = false;  // nothing is left to run
  std::vector<GateResult> screen;
  std::vector<GateResult> replay;
  std::vector<CheckResult> checks;
  std::vector<Claim> claims;
  std::vector<Control> controls;
  std::vector<std::string> invalid;   // why no verdict can stand
  std::vector<std::string> warnings;  // what a careful reader wants to know

  std::string work_order_verdict;  // GO or NO-GO, and what decided it; empty for other campaigns
  std::string decided_by;
  Verdict sound = Verdict::kInconclusive;
  int exit_status = 3;
};

Judgement Judge(const Plan& plan, const std::vector<Run>& runs, Intervals intervals);

// The next block: which lanes of it are to be run. An empty stage: nothing is left to do.
struct Step {
  std::string stage;
  int block = 0;
  std::vector<std::string> lanes;
};
Step NextStep(const Plan& plan, const std::vector<Run>& runs);

std::vector<GateResult> JudgeGates(const Samples& samples, const std::string& stage);
std::vector<CheckResult> JudgeChecks(const Samples& samples);

// Exit statuses, as docs/AB.md lists them.
enum ExitStatus : int {
  kExitPass = 0,
  kExitGateFailed = 1,
  kExitUsage = 2,
  kExitInconclusive = 3,
  kExitInvalid = 4,
  kExitUnfit = 5,
};

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_JUDGEMENT_H_
