// SPDX-License-Identifier: Apache-2.0
//
// What the table of function pointers costs: hz4 as it ships against a library from the same
// sources whose table is constexpr (default policies, no pointers), interleaved in one run, on two
// lanes and on a loop of malloc/free pairs.
//
// Prints, and writes to --out, the ratio of the table's throughput to the constexpr library's:
// below 1 is what the table costs. Exit status 0; 1 if a run failed; 2 on bad arguments.

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/peers_campaign.h"
#include "bench/peers_report.h"
#include "bench/peers_summary.h"
#include "bench/peers_workload.h"
#include "bench/process.h"
#include "bench/runfile.h"

ABSL_FLAG(int, rounds, 21, "how often everything is run");
ABSL_FLAG(uint64_t, seed, 1, "decides the order of the runs and the resampling");
ABSL_FLAG(double, timeout, 60, "seconds after which a run counts as hung");
ABSL_FLAG(int64_t, iters, 0, "iterations per thread in the lanes; 0: the lanes' own");
ABSL_FLAG(int64_t, pairs, 20000000, "malloc/free pairs in the pair loop");
ABSL_FLAG(std::string, table, "", "library with the table; default: libhz4.so of this build");
ABSL_FLAG(std::string, constexpr_table, "",
          "library without it; default: libhz4_constexpr.so of this build");
ABSL_FLAG(std::string, out, "indirection_out", "folder for the results, from where you stand");

namespace hz4 {
namespace {

constexpr int kTable = 0;
constexpr int kConstexpr = 1;
constexpr int kThreads = 16;
constexpr const char* kPairSizes[] = {"64", "16384"};  // a small and a mid class

[[noreturn]] void BadArguments(const std::string& what) {
  std::fprintf(stderr, "indirection: %s\nindirection: --help lists the flags\n", what.c_str());
  std::exit(2);
}

PeerAllocator Library(const std::string& name, const std::string& flag,
                      const std::string& runfile) {
  std::string path = flag.empty() ? FindRunfile(runfile) : UserPath(flag);
  if (path.empty()) BadArguments(runfile + " is not among this program's runfiles");
  PeerAllocator allocator;
  std::string error;
  // What the constexpr table is bound to, also where there are more CPUs.
  const std::string peer = absl::StrCat(name, "=", path, ",HZ4_FRONT_CPU_INDEX=cpu_id");
  if (!ParsePeer(peer, &allocator, &error)) BadArguments(error);
  return allocator;
}

std::vector<Workload> Workloads() {
  LaneSelection selection;
  selection.lanes = {"guard_r0", "main_r0"};
  selection.threads = {kThreads};
  selection.forms = {"untouched"};
  if (absl::GetFlag(FLAGS_iters) > 0) {
    for (const std::string& lane : selection.lanes) {
      selection.iters[lane] = absl::GetFlag(FLAGS_iters);
    }
  }
  std::vector<Workload> workloads;
  std::string error;
  const std::string loop = FindRunfile("bench/random_mixed_mt_remote");
  const std::string pair = FindRunfile("bench/indirection_pair");
  if (loop.empty() || pair.empty()) BadArguments("the benchmarks are not among the runfiles");
  if (!PlanLanes(selection, loop, "", &workloads, &error)) BadArguments(error);
  for (const char* size : kPairSizes) {
    Workload workload;
    workload.name = absl::StrCat("pair of ", size, " bytes");
    workload.kind = Workload::Kind::kRate;
    workload.reporter = "indirection_pair";
    workload.argv = {pair, size, absl::StrCat(absl::GetFlag(FLAGS_pairs))};
    workloads.push_back(workload);
  }
  return workloads;
}

std::string Report(const PeerCampaign& campaign, const std::vector<PeerRow>& rows, bool* all_ok) {
  const PeerSummary summary = Summarize(campaign, rows);
  std::string text = absl::StrFormat(
      "# What the table costs\n\n%d interleaved rounds, seed %d. Million operations per second, "
      "medians; the ratio is table / constexpr, the median of the rounds' with its 95%% bootstrap "
      "interval: below 1 is what the table costs.\n\n"
      "| workload | table | constexpr | ratio | interval |\n|---|---:|---:|---:|---:|\n",
      campaign.rounds, campaign.seed);
  std::string failures;
  for (size_t w = 0; w < campaign.workloads.size(); ++w) {
    const PeerRatio ratio = PairedRatio(campaign, rows, static_cast<int>(w), kTable, kConstexpr);
    absl::StrAppendFormat(&text, "| %s | %.2f | %.2f | %.4f | %.4f to %.4f |\n",
                          campaign.workloads[w].name, summary.cells[w][kTable].score / 1e6,
                          summary.cells[w][kConstexpr].score / 1e6, ratio.value, ratio.low,
                          ratio.high);
    for (int allocator : {kTable, kConstexpr}) {
      const std::string failed = DescribeFailures(summary.cells[w][static_cast<size_t>(allocator)]);
      if (failed.empty()) continue;
      absl::StrAppend(&failures, "- ", campaign.allocators[static_cast<size_t>(allocator)].name,
                      " in ", campaign.workloads[w].name, ": ", failed, "\n");
    }
  }
  *all_ok = failures.empty();
  if (!failures.empty())
    absl::StrAppend(&text, "\nRuns that failed enter no figure:\n\n", failures);
  return text;
}

int Main(int argc, char** argv) {
  StartProcessLauncher();
  absl::SetProgramUsageMessage("what hz4's table of function pointers costs");
  if (absl::ParseCommandLine(argc, argv).size() > 1) BadArguments("takes flags only");
  PeerCampaign campaign;
  campaign.rounds = absl::GetFlag(FLAGS_rounds);
  campaign.seed = absl::GetFlag(FLAGS_seed);
  campaign.timeout_seconds = absl::GetFlag(FLAGS_timeout);
  if (campaign.rounds < 1) BadArguments("--rounds: allowed is 1 or more");
  if (!(campaign.timeout_seconds > 0)) BadArguments("--timeout: allowed is a number above 0");
  if (absl::GetFlag(FLAGS_iters) < 0) BadArguments("--iters: allowed is 0 or more");
  if (absl::GetFlag(FLAGS_pairs) < 1) BadArguments("--pairs: allowed is 1 or more");
  campaign.allocators = {
      Library("table", absl::GetFlag(FLAGS_table), "hz4/libhz4.so"),
      Library("constexpr", absl::GetFlag(FLAGS_constexpr_table), "hz4/libhz4_constexpr.so")};
  campaign.workloads = Workloads();
  campaign.environment = BaseEnvironment();
  const std::string folder = UserPath(absl::GetFlag(FLAGS_out));
  if (!MakeDirectories(folder)) {
    BadArguments("--out=" + folder + ": " + std::strerror(errno));
  }
  std::ofstream raw(folder + "/raw.tsv");
  raw << TsvHeader() << std::flush;
  if (!raw) BadArguments("--out=" + folder + ": raw.tsv cannot be written");
  const std::vector<PeerRow> rows = RunCampaign(
      campaign,
      [&](const PeerRow& row, size_t done, size_t planned) {
        raw << TsvLine(campaign, row) << std::flush;
        if (done % 8 == 0 || done == planned) std::fprintf(stderr, "%zu/%zu\n", done, planned);
      },
      nullptr);
  bool all_ok = false;
  const std::string report = Report(campaign, rows, &all_ok);
  std::ofstream(folder + "/REPORT.md") << report;
  std::fputs(report.c_str(), stdout);
  return all_ok ? 0 : 1;
}

}  // namespace
}  // namespace hz4

int main(int argc, char** argv) { return hz4::Main(argc, argv); }
