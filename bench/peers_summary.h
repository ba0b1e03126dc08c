// SPDX-License-Identifier: Apache-2.0
//
// What the rows of a comparison amount to: one cell per workload and allocator, medians over the
// runs that were ok, ratios to the best peer and to the ceiling.

#ifndef HZ4_BENCH_PEERS_SUMMARY_H_
#define HZ4_BENCH_PEERS_SUMMARY_H_

#include <map>
#include <string>
#include <vector>

#include "bench/peers_campaign.h"

namespace hz4 {

struct PeerRatio {
  // Median over the rounds in which both were ok, each round's two runs compared with each other;
  // 0: there is no such round.
  double value = 0;
  // Its 95% bootstrap interval over those rounds; both 0 with fewer than three.
  double low = 0;
  double high = 0;
};

struct PeerCell {
  int runs = 0;
  int ok = 0;
  std::map<std::string, int> failures;  // outcome -> how often

  // Medians over the ok runs. The score is operations per second, seconds for a command,
  // nanoseconds per iteration for a micro benchmark.
  double score = 0;
  double spread = 0;  // interquartile range of the score / its median
  double cpu_seconds = 0;
  double max_rss_bytes = 0;
  double real_pct = 0;
  double fallback_pct = 0;
  double peak_ring_depth = 0;
  // Per operation; per run for commands and micro benchmarks.
  double cpu_ns = 0;
  double minor_faults = 0;
  double major_faults = 0;
  double switches = 0;

  PeerRatio to_best_peer;  // above 1 is faster in operations per second, slower in times
  double of_ceiling = 0;   // 0: there is none
};

struct PeerSummary {
  std::vector<std::vector<PeerCell>> cells;  // [workload][allocator]
  std::vector<int> best_peer;                // per workload; -1: no peer did all its runs
};

// The best peer of a workload is the one with the best median among those whose runs were all ok.
PeerSummary Summarize(const PeerCampaign& campaign, const std::vector<PeerRow>& rows);

// Whether a higher score is better.
bool HigherIsBetter(const Workload& workload);

// Of a's to b's scores in `workload`.
PeerRatio PairedRatio(const PeerCampaign& campaign, const std::vector<PeerRow>& rows, int workload,
                      int a, int b);

}  // namespace hz4

#endif  // HZ4_BENCH_PEERS_SUMMARY_H_
