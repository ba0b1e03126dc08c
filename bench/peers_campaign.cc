// SPDX-License-Identifier: Apache-2.0
//
// Order of runs, and one run from its command line to its row.

#include "bench/peers_campaign.h"

#include <algorithm>
#include <map>
#include <random>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/ab/json.h"
#include "bench/process.h"
#include "bench/random_mixed_mt_remote_report.h"

namespace hz4 {
namespace {

constexpr int kHangsBeforeGivingUp = 2;

struct Column {
  const char* name;
  double PeerRow::*value;
};
constexpr Column kColumns[] = {
    {"ops", &PeerRow::ops},
    {"ops_per_second", &PeerRow::ops_per_second},
    {"iteration_ns", &PeerRow::iteration_ns},
    {"wall_seconds", &PeerRow::wall_seconds},
    {"user_seconds", &PeerRow::user_seconds},
    {"system_seconds", &PeerRow::system_seconds},
    {"max_rss_bytes", &PeerRow::max_rss_bytes},
    {"minor_faults", &PeerRow::minor_faults},
    {"major_faults", &PeerRow::major_faults},
    {"voluntary_switches", &PeerRow::voluntary_switches},
    {"involuntary_switches", &PeerRow::involuntary_switches},
    {"real_pct", &PeerRow::real_pct},
    {"fallback_pct", &PeerRow::fallback_pct},
    {"peak_ring_depth", &PeerRow::peak_ring_depth},
    {"alloc_failed", &PeerRow::alloc_failed},
};

// std::shuffle and the distributions may differ between libraries; a seed must mean one order.
template <class T>
void Shuffle(std::vector<T>* list, std::mt19937_64* random) {
  for (std::size_t left = list->size(); left > 1; --left) {
    std::swap((*list)[left - 1], (*list)[(*random)() % left]);
  }
}

// The time per iteration in Google Benchmark's JSON; returns what is wrong with it, or "ok".
std::string ReadMicro(const std::string& output, PeerRow* row) {
  const absl::StatusOr<ab::Json> json = ab::Json::Parse(output);
  if (!json.ok()) return absl::StrCat("no JSON: ", json.status().message());
  const std::vector<ab::Json>& benchmarks = (*json)["benchmarks"].items();
  if (benchmarks.size() != 1) return "not one benchmark in the JSON";
  const ab::Json& benchmark = benchmarks[0];
  if (benchmark["error_occurred"].AsBool()) return benchmark["error_message"].AsString();
  const std::string unit = benchmark["time_unit"].AsString();
  for (const auto& [name, ns] :
       {std::pair<const char*, double>{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}) {
    if (unit == name) row->iteration_ns = benchmark["real_time"].AsNumber() * ns;
  }
  return row->iteration_ns > 0 ? "ok" : "no time in the JSON";
}

// Fills the rates in; returns what is wrong with the report, or "ok".
std::string ReadReport(const Workload& workload, bool ceiling, const std::string& output,
                       PeerRow* row) {
  if (workload.kind == Workload::Kind::kCommand) return "ok";
  if (workload.kind == Workload::Kind::kMicro) return ReadMicro(output, row);
  RandomMixedReport report;
  std::string error;
  const bool read =
      workload.kind == Workload::Kind::kLoop
          ? ParseRandomMixedReport(ceiling ? "ceiling" : workload.reporter, output, &report, &error)
          : ParseRate(workload.reporter, output, &report, &error);
  if (!read) return error;
  row->ops = report.ops;
  row->ops_per_second = report.ops_per_second;
  row->real_pct = report.real_pct;
  row->fallback_pct = report.fallback_pct;
  row->peak_ring_depth = report.peak_ring_depth;
  row->alloc_failed = report.alloc_failed;
  if (report.alloc_failed > 0) return "failed allocations";
  if (report.ops_per_second <= 0) return "no rate: statistics are on";
  return "ok";
}

// ld.so goes on without a library it cannot preload; such a run measured libc.
bool NotLoaded(const ProcessResult& result) {
  return result.err.find("cannot be preloaded") != std::string::npos;
}

}  // namespace

std::vector<PlannedRun> PlanRuns(const PeerCampaign& campaign) {
  std::mt19937_64 random(campaign.seed);
  std::vector<PlannedRun> runs;
  for (int round = 0; round < campaign.rounds; ++round) {
    std::vector<int> workloads;
    for (std::size_t i = 0; i < campaign.workloads.size(); ++i) {
      workloads.push_back(static_cast<int>(i));
    }
    Shuffle(&workloads, &random);
    for (int workload : workloads) {
      std::vector<PlannedRun> block;
      for (std::size_t i = 0; i < campaign.allocators.size(); ++i) {
        const bool ceiling = campaign.allocators[i].kind == PeerAllocator::Kind::kCeiling;
        const Workload& what = campaign.workloads[static_cast<std::size_t>(workload)];
        if (ceiling && what.ceiling_argv.empty()) continue;
        block.push_back({workload, static_cast<int>(i), round});
      }
      Shuffle(&block, &random);
      runs.insert(runs.end(), block.begin(), block.end());
    }
  }
  return runs;
}

PeerRow MeasureRun(const PeerCampaign& campaign, const PlannedRun& run,
                   const volatile std::sig_atomic_t* cancel) {
  const Workload& workload = campaign.workloads[static_cast<std::size_t>(run.workload)];
  const PeerAllocator& allocator = campaign.allocators[static_cast<std::size_t>(run.allocator)];
  const bool ceiling = allocator.kind == PeerAllocator::Kind::kCeiling;
  ProcessSpec spec;
  spec.argv = ceiling ? workload.ceiling_argv : workload.argv;
  spec.env = campaign.environment;
  for (const std::string& variable : AllocatorEnvironment(allocator)) spec.env.push_back(variable);
  spec.directory = workload.directory;
  spec.timeout_seconds = campaign.timeout_seconds;
  spec.cpus = campaign.cpus;
  const ProcessResult result = RunProcess(spec, cancel);

  PeerRow row;
  row.workload = run.workload;
  row.allocator = run.allocator;
  row.round = run.round;
  row.wall_seconds = result.wall_seconds;
  row.user_seconds = result.user_seconds;
  row.system_seconds = result.system_seconds;
  row.max_rss_bytes = static_cast<double>(result.max_rss_bytes);
  row.minor_faults = static_cast<double>(result.minor_faults);
  row.major_faults = static_cast<double>(result.major_faults);
  row.voluntary_switches = static_cast<double>(result.voluntary_switches);
  row.involuntary_switches = static_cast<double>(result.involuntary_switches);
  row.hang_report = result.hang_report;
  if (NotLoaded(result)) {
    row.outcome = "library could not be preloaded";
  } else if (!result.Succeeded()) {
    row.outcome = DescribeOutcome(spec, result);
  } else {
    row.outcome = ReadReport(workload, ceiling, result.out, &row);
  }
  return row;
}

std::vector<PeerRow> RunCampaign(
    const PeerCampaign& campaign,
    const std::function<void(const PeerRow&, std::size_t, std::size_t)>& on_row,
    const volatile std::sig_atomic_t* cancel) {
  const std::vector<PlannedRun> plan = PlanRuns(campaign);
  std::map<std::pair<int, int>, int> hangs;
  std::vector<PeerRow> rows;
  for (const PlannedRun& run : plan) {
    int& hung = hangs[{run.workload, run.allocator}];
    PeerRow row;
    if (hung >= kHangsBeforeGivingUp) {
      row.workload = run.workload;
      row.allocator = run.allocator;
      row.round = run.round;
      row.outcome = absl::StrCat("skipped after ", kHangsBeforeGivingUp, " hangs");
    } else {
      row = MeasureRun(campaign, run, cancel);
    }
    if (cancel != nullptr && *cancel != 0) break;  // the run it struck is no result
    if (!row.hang_report.empty()) ++hung;
    rows.push_back(std::move(row));
    on_row(rows.back(), rows.size(), plan.size());
  }
  return rows;
}

std::string TsvHeader() {
  std::string line = "round\tworkload\tallocator\toutcome";
  for (const Column& column : kColumns) absl::StrAppend(&line, "\t", column.name);
  return line + "\n";
}

std::string TsvLine(const PeerCampaign& campaign, const PeerRow& row) {
  std::string outcome = row.outcome;  // may quote what a program printed
  for (char& c : outcome) {
    if (c == '\t' || c == '\n') c = ' ';
  }
  std::string line = absl::StrCat(
      row.round, "\t", campaign.workloads[static_cast<std::size_t>(row.workload)].name, "\t",
      campaign.allocators[static_cast<std::size_t>(row.allocator)].name, "\t", outcome);
  for (const Column& column : kColumns) absl::StrAppendFormat(&line, "\t%.9g", row.*column.value);
  return line + "\n";
}

}  // namespace hz4
