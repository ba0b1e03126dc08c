// SPDX-License-Identifier: Apache-2.0
//
// Runs as samples: which blocks are whole, what each arm's value in them is, and the log ratios
// that the paired statistics take. A block counts when one session ran every arm of it; the parts
// of a block that Ctrl-C or a crash of the machine tore are in the record and in no sample.

#ifndef HZ4_BENCH_AB_SAMPLES_H_
#define HZ4_BENCH_AB_SAMPLES_H_

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/types/optional.h"
#include "bench/ab/plan.h"
#include "bench/ab/record.h"

namespace hz4::ab {

class Samples {
 public:
  // Both must outlive this object.
  Samples(const Plan& plan, const std::vector<Run>& runs);

  // The numbers of the lane's whole blocks in a stage, ascending.
  std::vector<int> Blocks(const std::string& stage, const std::string& lane) const;
  bool IsWhole(const std::string& stage, int block, const std::string& lane) const;

  // The runs of whole blocks, in the order in which they ran.
  std::vector<const Run*> Runs(const std::string& stage, const std::string& lane,
                               const std::string& arm) const;

  // A metric's value of every run that has one.
  std::vector<double> Values(const std::string& stage, const std::string& lane,
                             const std::string& metric, const std::string& arm) const;

  // One gain per block in which both arms have the metric (medians of the repeats), positive is
  // better; of the first `most_blocks` whole blocks where that is not negative.
  std::vector<double> Gains(const std::string& stage, const LaneSpec& lane, const Metric& metric,
                            const std::string& arm, int most_blocks = -1) const;

  // The median of a counter over the arm's counting runs; nothing where none reported it.
  absl::optional<double> Counter(const std::string& lane, const std::string& arm,
                                 const std::string& counter) const;

  // Runs that did not end well, cancelled ones left out.
  std::vector<const Run*> BadRuns() const;

  const Plan& plan() const { return plan_; }
  const std::vector<Run>& runs() const { return runs_; }

 private:
  using BlockKey = std::tuple<std::string, std::string, int>;  // stage, lane, block

  const Plan& plan_;
  const std::vector<Run>& runs_;
  std::map<BlockKey, std::vector<const Run*>> whole_;
};

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_SAMPLES_H_
