// SPDX-License-Identifier: Apache-2.0
//
// Runs workloads under allocators, interleaved, and keeps a row for every run.
//
// One round runs every workload under every allocator once: workloads in random order, and within a
// workload the allocators in random order one after the other, so that what drifts on the machine
// hits neighbours alike and rounds can be compared as pairs. The order follows from the seed alone.

#ifndef HZ4_BENCH_PEERS_CAMPAIGN_H_
#define HZ4_BENCH_PEERS_CAMPAIGN_H_

#include <csignal>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/peers_allocators.h"
#include "bench/peers_workload.h"

namespace hz4 {

struct PeerRow {
  int workload = 0;  // indices into the campaign's lists
  int allocator = 0;
  int round = 0;
  // "ok", or what was wrong; a row that is not ok is counted and never averaged.
  std::string outcome;
  bool ok() const { return outcome == "ok"; }

  double ops = 0;             // 0 for commands and micro benchmarks
  double ops_per_second = 0;  // 0 for commands and micro benchmarks
  double iteration_ns = 0;    // micro benchmarks only
  double wall_seconds = 0;
  double user_seconds = 0;
  double system_seconds = 0;
  double max_rss_bytes = 0;
  double minor_faults = 0;
  double major_faults = 0;
  double voluntary_switches = 0;
  double involuntary_switches = 0;
  double real_pct = 0;  // lanes only, as the four below
  double fallback_pct = 0;
  double peak_ring_depth = 0;
  double alloc_failed = 0;
  std::string hang_report;
};

struct PeerCampaign {
  std::vector<Workload> workloads;
  std::vector<PeerAllocator> allocators;
  int rounds = 7;
  std::uint64_t seed = 1;
  double timeout_seconds = 60;
  std::vector<int> cpus;
  // What every run's environment starts with.
  std::vector<std::string> environment;
};

struct PlannedRun {
  int workload = 0;
  int allocator = 0;
  int round = 0;
};

// All runs in their order. The ceiling has none where the workload has no such program.
std::vector<PlannedRun> PlanRuns(const PeerCampaign& campaign);

// One run, judged: "ok" needs exit status 0, a report that can be read, and no failed allocation.
PeerRow MeasureRun(const PeerCampaign& campaign, const PlannedRun& run,
                   const volatile std::sig_atomic_t* cancel);

// Runs the whole plan and calls `on_row` after each run, with the number of runs done and planned.
// An allocator that hung twice in a workload is not asked a third time there: its remaining rows
// read "skipped after 2 hangs". Ends early, with what there is, once *cancel is set.
std::vector<PeerRow> RunCampaign(
    const PeerCampaign& campaign,
    const std::function<void(const PeerRow&, std::size_t, std::size_t)>& on_row,
    const volatile std::sig_atomic_t* cancel);

// The raw record: a header and one line per row.
std::string TsvHeader();
std::string TsvLine(const PeerCampaign& campaign, const PeerRow& row);

}  // namespace hz4

#endif  // HZ4_BENCH_PEERS_CAMPAIGN_H_
