// SPDX-License-Identifier: Apache-2.0
//
// Compares hz4 with other allocators: on the lanes, on micro benchmarks, or on commands of the
// user's own.
//
// Writes raw.tsv (a row per run, as it happens), REPORT.md, plot.svg and, where something hung,
// hangs.txt. A peer that crashes or hangs is reported as that. Exit status: 0; 1 if a run of hz4
// itself failed, or the comparison was interrupted; 2 on bad arguments.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "bench/ab/json.h"
#include "bench/ab/machine.h"
#include "bench/peers_allocators.h"
#include "bench/peers_campaign.h"
#include "bench/peers_report.h"
#include "bench/peers_summary.h"
#include "bench/peers_workload.h"
#include "bench/process.h"
#include "bench/runfile.h"

ABSL_FLAG(std::string, allocators, "hz4,libc,jemalloc,mimalloc,tcmalloc",
          "known allocators to compare, separated by commas; those not installed are left out and "
          "named");
ABSL_FLAG(
    std::string, peers, "",
    "further allocators, separated by ';': name=library[,ENV=VALUE...]; the library is a path "
    "or a known name. Without --command they may also stand as plain arguments");
ABSL_FLAG(std::string, lanes, "guard_r0,main_r0,main_r50,cross128_r90", "lanes to run");
ABSL_FLAG(std::string, threads, "16,2", "numbers of threads to run the lanes with");
ABSL_FLAG(std::string, forms, "untouched,touched,matched",
          "forms of the lanes: untouched, touched (first and last byte written; remote lanes then "
          "matched and with rings of 1024), matched (remote lanes only)");
ABSL_FLAG(std::string, iters, "cross128_r90=200000",
          "iterations per thread where a lane's own are not wanted: LANE=N, separated by commas");
ABSL_FLAG(bool, ceiling, true, "run the lanes' loop without an allocator beside them");
ABSL_FLAG(std::string, micro, "",
          "compare on the micro benchmarks whose names match this regular expression instead of on "
          "the lanes");
ABSL_FLAG(double, micro_seconds, 0.1, "how long one run of a micro benchmark takes");
ABSL_FLAG(bool, command, false,
          "compare on the command that stands behind '--' instead of on the lanes");
ABSL_FLAG(std::string, commands, "",
          "compare on the commands of this file instead, one a line: 'name: program arguments'");
ABSL_FLAG(int, rounds, 7, "how often everything is run");
ABSL_FLAG(uint64_t, seed, 1, "decides the order of the runs");
ABSL_FLAG(double, timeout, 60, "seconds after which a run counts as hung");
ABSL_FLAG(std::string, cpus, "", "CPUs the runs may use, for example 0,1; empty: all");
ABSL_FLAG(std::string, out, "peers_out", "folder for the results, from where you stand");

namespace hz4 {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

[[noreturn]] void BadArguments(const std::string& what) {
  std::fprintf(stderr, "peers: %s\npeers: --help lists the flags\n", what.c_str());
  std::exit(2);
}

std::vector<std::string> List(const std::string& text, char separator = ',') {
  return absl::StrSplit(text, separator, absl::SkipWhitespace());
}

std::vector<int> Numbers(const std::string& flag, const std::string& text) {
  std::vector<int> numbers;
  for (const std::string& word : List(text)) {
    int number;
    if (!absl::SimpleAtoi(word, &number) || number < 0) {
      BadArguments(absl::StrCat("--", flag, "=", text, ": ", word, " is not a number"));
    }
    numbers.push_back(number);
  }
  return numbers;
}

std::map<std::string, long> IterationsByLane(const std::string& text) {
  std::map<std::string, long> iterations;
  for (const std::string& entry : List(text)) {
    const std::vector<std::string> parts = absl::StrSplit(entry, '=');
    int64_t number;
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &number)) {
      BadArguments(absl::StrCat("--iters: \"", entry, "\": expected LANE=N"));
    }
    iterations[parts[0]] = number;
  }
  return iterations;
}

std::vector<PeerAllocator> ChooseAllocators(const std::vector<std::string>& plain,
                                            std::vector<std::string>* not_found) {
  std::vector<PeerAllocator> allocators;
  for (const std::string& name : List(absl::GetFlag(FLAGS_allocators))) {
    PeerAllocator allocator;
    std::string why;
    if (FindKnownAllocator(name, &allocator, &why)) {
      allocators.push_back(allocator);
    } else if (absl::StrContains(why, "no such allocator")) {
      BadArguments("--allocators: " + why);
    } else {
      not_found->push_back(why);
    }
  }
  std::vector<std::string> further = List(absl::GetFlag(FLAGS_peers), ';');
  further.insert(further.end(), plain.begin(), plain.end());
  for (const std::string& text : further) {
    PeerAllocator allocator;
    std::string error;
    if (!ParsePeer(text, &allocator, &error)) BadArguments(error);
    allocators.push_back(allocator);
  }
  std::set<std::string> names = {"ceiling"};
  for (const PeerAllocator& allocator : allocators) {
    if (!names.insert(allocator.name).second) {
      BadArguments("the name " + allocator.name + " is taken: every allocator needs its own");
    }
  }
  if (allocators.empty()) BadArguments("no allocator to run: " + absl::StrJoin(*not_found, "; "));
  return allocators;
}

// The user's commands see the user's environment, but for what chooses an allocator.
void ChooseCommands(const std::vector<std::string>& plain, PeerCampaign* campaign) {
  std::string error;
  if (absl::GetFlag(FLAGS_command)) {
    if (plain.empty()) BadArguments("--command: the command is missing behind --");
    campaign->workloads.push_back(CommandWorkload(plain));
  } else if (!ReadCommands(UserPath(absl::GetFlag(FLAGS_commands)), &campaign->workloads, &error)) {
    BadArguments("--commands: " + error);
  }
  for (const std::string& variable : CurrentEnvironment()) {
    if (!absl::StartsWith(variable, "LD_PRELOAD=") && !absl::StartsWith(variable, "HZ4_")) {
      campaign->environment.push_back(variable);
    }
  }
}

void ChooseMicro(PeerCampaign* campaign) {
  const double seconds = absl::GetFlag(FLAGS_micro_seconds);
  if (!(seconds > 0)) BadArguments("--micro_seconds: allowed is a number above 0");
  ProcessSpec spec;
  spec.argv = {FindRunfile("bench/micro"), "--allocator=preloaded", "--benchmark_list_tests",
               "--benchmark_filter=" + absl::GetFlag(FLAGS_micro)};
  if (spec.argv[0].empty()) BadArguments("bench/micro is not among the runfiles");
  spec.env = BaseEnvironment();
  spec.timeout_seconds = campaign->timeout_seconds;
  const ProcessResult result = RunProcess(spec);
  const std::vector<std::string> names = List(result.out, '\n');
  if (!result.Succeeded() || names.empty()) {
    BadArguments(absl::StrCat("--micro=", absl::GetFlag(FLAGS_micro),
                              ": no micro benchmark matches; ", result.err));
  }
  campaign->workloads = MicroWorkloads(spec.argv[0], names, seconds);
  campaign->environment = BaseEnvironment();
}

void ChooseLanes(PeerCampaign* campaign) {
  std::string error;
  LaneSelection selection;
  selection.lanes = List(absl::GetFlag(FLAGS_lanes));
  selection.threads = Numbers("threads", absl::GetFlag(FLAGS_threads));
  selection.forms = List(absl::GetFlag(FLAGS_forms));
  selection.iters = IterationsByLane(absl::GetFlag(FLAGS_iters));
  const std::string program = FindRunfile("bench/random_mixed_mt_remote");
  const std::string ceiling = absl::GetFlag(FLAGS_ceiling) ? FindRunfile("bench/ceiling") : "";
  if (program.empty()) BadArguments("bench/random_mixed_mt_remote is not among the runfiles");
  if (!PlanLanes(selection, program, ceiling, &campaign->workloads, &error)) BadArguments(error);
  if (!ceiling.empty()) {
    PeerAllocator array;
    array.name = "ceiling";
    array.kind = PeerAllocator::Kind::kCeiling;
    campaign->allocators.push_back(array);
  }
  campaign->environment = BaseEnvironment();
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.flush();
  if (!file) std::fprintf(stderr, "peers: %s: cannot be written\n", path.c_str());
}

std::string Remaining(double seconds) {
  if (seconds < 100) return absl::StrFormat("%.0f s left", seconds);
  return absl::StrFormat("%.0f min left", seconds / 60);
}

// The live line, and the raw record.
class Recorder {
 public:
  Recorder(const PeerCampaign& campaign, const std::string& folder)
      : campaign_(campaign), raw_(folder + "/raw.tsv"), terminal_(isatty(STDERR_FILENO) != 0) {
    raw_ << TsvHeader();
    raw_.flush();
  }
  bool ok() const { return static_cast<bool>(raw_); }

  void operator()(const PeerRow& row, size_t done, size_t planned) {
    raw_ << TsvLine(campaign_, row);
    raw_.flush();
    seconds_ += row.wall_seconds;
    if (!row.hang_report.empty()) {
      absl::StrAppend(&hangs_, Name(row), "\n", row.hang_report, "\n");
    }
    const double left = seconds_ / static_cast<double>(done) * static_cast<double>(planned - done);
    std::string result = absl::StrFormat("%.3f s", row.wall_seconds);
    if (row.ops_per_second > 0) {
      result = absl::StrFormat("%.2f M ops/s", row.ops_per_second / 1e6);
    } else if (row.iteration_ns > 0) {
      result = absl::StrFormat("%.2f ns", row.iteration_ns);
    }
    const std::string line =
        absl::StrFormat("%d/%d  round %d  %s: %s  (%s)", done, planned, row.round + 1, Name(row),
                        row.ok() ? result : row.outcome, Remaining(left));
    if (terminal_) {
      std::fprintf(stderr, "\r\033[K%s%s", line.c_str(), done == planned || !row.ok() ? "\n" : "");
    } else {
      std::fprintf(stderr, "%s\n", line.c_str());
    }
  }
  const std::string& hangs() const { return hangs_; }

 private:
  std::string Name(const PeerRow& row) const {
    return absl::StrCat(campaign_.workloads[static_cast<size_t>(row.workload)].name, ", ",
                        campaign_.allocators[static_cast<size_t>(row.allocator)].name);
  }

  const PeerCampaign& campaign_;
  std::ofstream raw_;
  const bool terminal_;
  double seconds_ = 0;
  std::string hangs_;
};

bool Hz4Failed(const PeerCampaign& campaign, const std::vector<PeerRow>& rows) {
  return std::any_of(rows.begin(), rows.end(), [&](const PeerRow& row) {
    return !row.ok() && campaign.allocators[static_cast<size_t>(row.allocator)].kind ==
                            PeerAllocator::Kind::kHz4;
  });
}

int Main(int argc, char** argv) {
  StartProcessLauncher();
  absl::SetProgramUsageMessage(
      "compares hz4 with other allocators\n"
      "  peers [flags] [name=library[,ENV=VALUE...]]...     on the lanes, or with --micro or\n"
      "                                                     --commands on those\n"
      "  peers [flags] --command -- program arguments...    on a command");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const std::vector<std::string> plain(arguments.begin() + 1, arguments.end());
  const bool command = absl::GetFlag(FLAGS_command);
  const bool commands = !absl::GetFlag(FLAGS_commands).empty();
  const bool micro = !absl::GetFlag(FLAGS_micro).empty();
  if (command + commands + micro > 1) {
    BadArguments("--command, --commands and --micro exclude each other");
  }

  PeerCampaign campaign;
  PeerReportNotes notes;
  campaign.rounds = absl::GetFlag(FLAGS_rounds);
  campaign.seed = absl::GetFlag(FLAGS_seed);
  campaign.timeout_seconds = absl::GetFlag(FLAGS_timeout);
  campaign.cpus = Numbers("cpus", absl::GetFlag(FLAGS_cpus));
  if (campaign.rounds < 1) BadArguments("--rounds: allowed is 1 or more");
  if (!(campaign.timeout_seconds > 0)) BadArguments("--timeout: allowed is a number above 0");
  campaign.allocators =
      ChooseAllocators(command ? std::vector<std::string>() : plain, &notes.not_found);
  if (command || commands) {
    ChooseCommands(plain, &campaign);
  } else if (micro) {
    ChooseMicro(&campaign);
  } else {
    ChooseLanes(&campaign);
  }
  for (const std::string& line : notes.not_found) {
    std::fprintf(stderr, "peers: not found: %s\n", line.c_str());
  }
  const std::string folder = UserPath(absl::GetFlag(FLAGS_out));
  if (!MakeDirectories(folder)) BadArguments("--out=" + folder + ": " + std::strerror(errno));
  Recorder recorder(campaign, folder);
  if (!recorder.ok()) BadArguments("--out=" + folder + ": raw.tsv cannot be written");

  struct sigaction on_interrupt = {};
  on_interrupt.sa_handler = [](int) { g_interrupted = 1; };
  sigaction(SIGINT, &on_interrupt, nullptr);
  const std::vector<PeerRow> rows = RunCampaign(campaign, std::ref(recorder), &g_interrupted);

  const ab::Json machine = ab::DescribeMachine();
  for (const ab::Json::Member& fact : machine.members()) {
    notes.machine.push_back(absl::StrCat(
        fact.first, ": ", fact.second.IsString() ? fact.second.AsString() : fact.second.Dump()));
  }
  notes.interrupted = g_interrupted != 0;
  notes.repeat = absl::StrJoin(std::vector<std::string>(argv, argv + argc), " ");
  const PeerSummary summary = Summarize(campaign, rows);
  WriteFile(folder + "/REPORT.md", PeersMarkdown(campaign, summary, notes));
  WriteFile(folder + "/plot.svg", PeersSvg(campaign, summary));
  if (!recorder.hangs().empty()) WriteFile(folder + "/hangs.txt", recorder.hangs());
  for (size_t w = 0; w < campaign.workloads.size(); ++w) {
    std::printf("%s\n", PeersLine(campaign, summary, static_cast<int>(w)).c_str());
  }
  std::printf("%s/REPORT.md\n", folder.c_str());
  return notes.interrupted || Hz4Failed(campaign, rows) ? 1 : 0;
}

}  // namespace
}  // namespace hz4

int main(int argc, char** argv) { return hz4::Main(argc, argv); }
