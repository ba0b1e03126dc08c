// SPDX-License-Identifier: Apache-2.0
//
// One run: the child's command and environment, its measurement, the proof of its arm, and whether
// it ended as its lane says. Statistics are never on in a run that is timed.

#ifndef HZ4_BENCH_AB_MEASURE_H_
#define HZ4_BENCH_AB_MEASURE_H_

#include <csignal>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/ab/child_report.h"
#include "bench/ab/plan.h"
#include "bench/ab/record.h"

namespace hz4::ab {

class Measurer {
 public:
  // `library` is preloaded. `cancel` ends the running child when it becomes non-zero.
  Measurer(std::string library, const volatile std::sig_atomic_t* cancel);
  ~Measurer();
  Measurer(const Measurer&) = delete;
  Measurer& operator=(const Measurer&) = delete;

  // The configuration of a process that does nothing, under these settings.
  absl::StatusOr<ConfigReport> Probe(const std::vector<std::string>& settings);

  // Runs the slot. Whatever happens is in the result's status.
  Run Measure(const Plan& plan, const Slot& slot);

  // Why hardware counters are unavailable, or empty.
  std::string WhyNoHardwareCounters() const;

 private:
  std::vector<std::string> Environment(const LaneSpec& lane, const Arm& arm,
                                       const Slot& slot) const;
  std::string TakeReport();  // what the last child wrote to HZ4_OUTPUT; the file is gone then

  std::string library_;
  const volatile std::sig_atomic_t* cancel_;
  std::string folder_;  // temporary, ours alone
  std::string report_;
  int launcher_ = 0;
};

// The environment variable that tells a lane with `preload = no` which library to load.
inline constexpr char kLibraryVariable[] = "AB_LIBRARY";

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_MEASURE_H_
