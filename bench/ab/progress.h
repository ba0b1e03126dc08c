// SPDX-License-Identifier: Apache-2.0
//
// What is shown while a campaign runs: on a terminal one line per lane, redrawn, with the estimate,
// its half width and the time left; elsewhere a plain line per block, and one now and then inside a
// long block, so that a log shows life.

#ifndef HZ4_BENCH_AB_PROGRESS_H_
#define HZ4_BENCH_AB_PROGRESS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bench/ab/judgement.h"
#include "bench/ab/plan.h"
#include "bench/ab/record.h"

namespace hz4::ab {

// Seconds that the runs still planned will take, by the durations seen so far; negative: unknown.
// Blocks that might be bought are not in it.
double SecondsLeft(const Plan& plan, const std::vector<Run>& runs);

class Progress {
 public:
  // Lines go to stderr; stdout is for the verdict.
  explicit Progress(const Plan& plan);

  // After every run. `step` is the block it belongs to.
  void AfterRun(const Step& step, const std::vector<Run>& runs);
  void AfterBlock(const Step& step, const std::vector<Run>& runs);
  // A line that stays: a bad run, a resumed record.
  void Say(const std::string& line);

 private:
  std::string LaneLine(const std::string& lane, const std::string& stage,
                       const Samples& samples) const;
  void Redraw(const Step& step, const std::vector<Run>& runs);

  const Plan& plan_;
  bool terminal_;
  int lines_drawn_ = 0;
  absl::Time last_line_;
};

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_PROGRESS_H_
