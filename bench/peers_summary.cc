// SPDX-License-Identifier: Apache-2.0
//
// Rows to cells.

#include "bench/peers_summary.h"

#include <cmath>

#include "bench/ab/stats.h"

namespace hz4 {
namespace {

constexpr int kResamples = 2000;
constexpr std::size_t kFewestPairs = 3;

double Score(const Workload& workload, const PeerRow& row) {
  switch (workload.kind) {
    case Workload::Kind::kLoop:
    case Workload::Kind::kRate:
      return row.ops_per_second;
    case Workload::Kind::kCommand:
      return row.wall_seconds;
    case Workload::Kind::kMicro:
      return row.iteration_ns;
  }
  return 0;
}

// The median over rows of something; 0 for none.
template <class Get>
double MedianOf(const std::vector<const PeerRow*>& rows, Get get) {
  if (rows.empty()) return 0;
  std::vector<double> values;
  for (const PeerRow* row : rows) values.push_back(get(*row));
  return ab::Median(values);
}

PeerCell Aggregate(const Workload& workload, const std::vector<const PeerRow*>& rows) {
  PeerCell cell;
  std::vector<const PeerRow*> good;
  std::vector<double> scores;
  for (const PeerRow* row : rows) {
    ++cell.runs;
    if (!row->ok()) {
      ++cell.failures[row->outcome];
      continue;
    }
    ++cell.ok;
    good.push_back(row);
    scores.push_back(Score(workload, *row));
  }
  if (good.empty()) return cell;
  cell.score = ab::Median(scores);
  if (cell.score > 0) {
    cell.spread = (ab::Quantile(scores, 0.75) - ab::Quantile(scores, 0.25)) / cell.score;
  }
  const auto per_op = [](double value, const PeerRow& row) {
    return row.ops > 0 ? value / row.ops : value;
  };
  const auto cpu = [](const PeerRow& row) { return row.user_seconds + row.system_seconds; };
  cell.cpu_seconds = MedianOf(good, cpu);
  cell.cpu_ns = MedianOf(good, [&](const PeerRow& row) { return per_op(cpu(row) * 1e9, row); });
  cell.minor_faults =
      MedianOf(good, [&](const PeerRow& row) { return per_op(row.minor_faults, row); });
  cell.major_faults =
      MedianOf(good, [&](const PeerRow& row) { return per_op(row.major_faults, row); });
  cell.switches = MedianOf(good, [&](const PeerRow& row) {
    return per_op(row.voluntary_switches + row.involuntary_switches, row);
  });
  cell.max_rss_bytes = MedianOf(good, [](const PeerRow& row) { return row.max_rss_bytes; });
  cell.real_pct = MedianOf(good, [](const PeerRow& row) { return row.real_pct; });
  cell.fallback_pct = MedianOf(good, [](const PeerRow& row) { return row.fallback_pct; });
  cell.peak_ring_depth = MedianOf(good, [](const PeerRow& row) { return row.peak_ring_depth; });
  return cell;
}

int BestPeer(const PeerCampaign& campaign, const Workload& workload,
             const std::vector<PeerCell>& cells) {
  int best = -1;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool peer = campaign.allocators[i].kind == PeerAllocator::Kind::kPeer;
    if (!peer || cells[i].ok == 0 || cells[i].ok < cells[i].runs) continue;
    const bool better =
        best < 0 ||
        (cells[i].score > cells[static_cast<std::size_t>(best)].score) == HigherIsBetter(workload);
    if (better) best = static_cast<int>(i);
  }
  return best;
}

}  // namespace

bool HigherIsBetter(const Workload& workload) {
  return workload.kind == Workload::Kind::kLoop || workload.kind == Workload::Kind::kRate;
}

PeerRatio PairedRatio(const PeerCampaign& campaign, const std::vector<PeerRow>& rows, int workload,
                      int a, int b) {
  const Workload& what = campaign.workloads[static_cast<std::size_t>(workload)];
  std::map<int, double> of_a;
  std::map<int, double> of_b;
  for (const PeerRow& row : rows) {
    if (row.workload != workload || !row.ok() || Score(what, row) <= 0) continue;
    if (row.allocator == a) of_a[row.round] = Score(what, row);
    if (row.allocator == b) of_b[row.round] = Score(what, row);
  }
  std::vector<double> log_ratios;
  for (const auto& [round, score] : of_a) {
    const auto other = of_b.find(round);
    if (other != of_b.end()) log_ratios.push_back(std::log(score / other->second));
  }
  PeerRatio ratio;
  if (log_ratios.empty()) return ratio;
  ratio.value = std::exp(ab::Median(log_ratios));
  if (log_ratios.size() < kFewestPairs) return ratio;
  const ab::Interval interval = ab::BootstrapInterval(log_ratios, 0.95, kResamples, campaign.seed);
  ratio.low = std::exp(interval.low);
  ratio.high = std::exp(interval.high);
  return ratio;
}

PeerSummary Summarize(const PeerCampaign& campaign, const std::vector<PeerRow>& rows) {
  PeerSummary summary;
  const std::size_t allocators = campaign.allocators.size();
  for (std::size_t w = 0; w < campaign.workloads.size(); ++w) {
    std::vector<std::vector<const PeerRow*>> by_allocator(allocators);
    for (const PeerRow& row : rows) {
      if (row.workload == static_cast<int>(w)) {
        by_allocator[static_cast<std::size_t>(row.allocator)].push_back(&row);
      }
    }
    std::vector<PeerCell> cells;
    double ceiling = 0;
    for (std::size_t a = 0; a < allocators; ++a) {
      cells.push_back(Aggregate(campaign.workloads[w], by_allocator[a]));
      if (campaign.allocators[a].kind == PeerAllocator::Kind::kCeiling) {
        ceiling = cells.back().score;
      }
    }
    const int best = BestPeer(campaign, campaign.workloads[w], cells);
    for (std::size_t a = 0; a < allocators; ++a) {
      if (cells[a].ok == 0) continue;
      if (ceiling > 0) cells[a].of_ceiling = cells[a].score / ceiling;
      const bool ratio_wanted = campaign.allocators[a].kind != PeerAllocator::Kind::kCeiling;
      if (best >= 0 && ratio_wanted) {
        cells[a].to_best_peer =
            PairedRatio(campaign, rows, static_cast<int>(w), static_cast<int>(a), best);
      }
    }
    summary.cells.push_back(std::move(cells));
    summary.best_peer.push_back(best);
  }
  return summary;
}

}  // namespace hz4
