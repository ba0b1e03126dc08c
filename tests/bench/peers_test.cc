// SPDX-License-Identifier: Apache-2.0
//
// The parts of a comparison, on rows that are made up: what is read, planned, summed up and
// written.

#include <gtest/gtest.h>
#include <stdio.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bench/peers_allocators.h"
#include "bench/peers_campaign.h"
#include "bench/peers_report.h"
#include "bench/peers_summary.h"
#include "bench/peers_workload.h"
#include "bench/runfile.h"

namespace hz4 {
namespace {

using Names = std::vector<std::string>;

TEST(PeerAllocatorsTest, NameLibraryAndVariablesAreRead) {
  PeerAllocator allocator;
  std::string error;
  ASSERT_TRUE(ParsePeer("plain=libc", &allocator, &error)) << error;
  EXPECT_EQ(allocator.name, "plain");
  EXPECT_EQ(allocator.library, "");
  EXPECT_EQ(AllocatorEnvironment(allocator), Names());

  const std::string library = FindRunfile("tests/bench/libcrash.so");
  ASSERT_TRUE(ParsePeer("je=" + library + ",MALLOC_CONF=narenas:2,dirty_decay_ms:0,A_1=x=y,,z",
                        &allocator, &error))
      << error;
  EXPECT_EQ(allocator.library, library);
  EXPECT_EQ(
      AllocatorEnvironment(allocator),
      (Names{"LD_PRELOAD=" + library, "MALLOC_CONF=narenas:2,dirty_decay_ms:0", "A_1=x=y,,z"}));
}

TEST(PeerAllocatorsTest, BadPeersAreNamed) {
  const struct {
    std::string text;
    std::string error;
  } cases[] = {
      {"", "expected name=library[,ENV=VALUE...]"},
      {"name", "expected name=library[,ENV=VALUE...]"},
      {"=lib.so", "expected name=library[,ENV=VALUE...]"},
      {"a b=./lib.so", "expected name=library[,ENV=VALUE...]"},
      {"a=libc,oops", "\"oops\" in \"a=libc,oops\": expected ENV=VALUE"},
      {"a=libc,1A=2", "\"1A=2\" in \"a=libc,1A=2\": expected ENV=VALUE"},
      {"a=nosuch",
       "nosuch: no such allocator; known without a path are hz4, libc, jemalloc, "
       "mimalloc, tcmalloc; a library of your own is written as a path: ./nosuch"},
      {"a=/nonexistent/lib.so",
       "library /nonexistent/lib.so: not a readable 64-bit shared library"},
      {"a=/etc/passwd", "library /etc/passwd: not a readable 64-bit shared library"},
      {"a=/tmp/with blank.so", "LD_PRELOAD cannot hold a blank or a colon"},
  };
  for (const auto& bad : cases) {
    PeerAllocator allocator;
    std::string error;
    EXPECT_FALSE(ParsePeer(bad.text, &allocator, &error)) << bad.text;
    EXPECT_NE(error.find(bad.error), std::string::npos) << bad.text << ": " << error;
  }
}

TEST(PeerAllocatorsTest, MissingKnownAllocatorSaysWhereItWasLookedFor) {
  PeerAllocator allocator;
  std::string why;
  for (const std::string name : {"jemalloc", "mimalloc", "tcmalloc"}) {
    if (FindKnownAllocator(name, &allocator, &why)) {
      EXPECT_EQ(allocator.library[0], '/');
      EXPECT_EQ(allocator.kind, PeerAllocator::Kind::kPeer);
    } else {
      EXPECT_NE(why.find("/usr/lib/x86_64-linux-gnu"), std::string::npos) << why;
      EXPECT_NE(why.find("Debian's package is lib"), std::string::npos) << why;
    }
  }
}

TEST(PeerAllocatorsTest, Hz4RunsStrict) {
  PeerAllocator allocator;
  allocator.kind = PeerAllocator::Kind::kHz4;
  allocator.library = "/x/libhz4.so";
  allocator.env = {"HZ4_FRONT=thread"};
  EXPECT_EQ(AllocatorEnvironment(allocator),
            (Names{"LD_PRELOAD=/x/libhz4.so", "HZ4_STRICT=abort", "HZ4_FRONT=thread"}));
}

TEST(PeerWorkloadTest, LanesAreRunInTheFormsTheyHave) {
  LaneSelection selection;
  selection.lanes = {"main_r0", "main_r50"};
  selection.threads = {16, 2};
  selection.forms = {"untouched", "touched", "matched"};
  selection.iters = {{"main_r50", 1000}};
  std::vector<Workload> workloads;
  std::string error;
  ASSERT_TRUE(PlanLanes(selection, "/bench", "/ceiling", &workloads, &error)) << error;
  std::map<std::string, std::string> lines;
  for (const Workload& workload : workloads) {
    EXPECT_EQ(workload.argv[0], "/bench");
    EXPECT_EQ(workload.ceiling_argv[0], "/ceiling");
    EXPECT_TRUE(std::equal(workload.argv.begin() + 1, workload.argv.end(),
                           workload.ceiling_argv.begin() + 1, workload.ceiling_argv.end()));
    std::string& line = lines[workload.name];
    for (size_t i = 1; i < workload.argv.size(); ++i) line += workload.argv[i] + " ";
  }
  const std::map<std::string, std::string> expected = {
      {"main_r0 untouched 16t", "16 1200000 400 16 32768 0 65536 "},
      {"main_r0 touched 16t", "16 1200000 400 16 32768 0 65536 --touch=ends "},
      {"main_r50 untouched 16t", "16 1000 400 16 32768 50 65536 "},
      {"main_r50 touched 16t", "16 1000 400 16 32768 50 1024 --touch=ends --matched "},
      {"main_r50 matched 16t", "16 1000 400 16 32768 50 65536 --matched "},
      {"main_r0 untouched 2t", "2 1200000 400 16 32768 0 65536 "},
      {"main_r0 touched 2t", "2 1200000 400 16 32768 0 65536 --touch=ends "},
      {"main_r50 untouched 2t", "2 1000 400 16 32768 50 65536 "},
      {"main_r50 touched 2t", "2 1000 400 16 32768 50 1024 --touch=ends --matched "},
      {"main_r50 matched 2t", "2 1000 400 16 32768 50 65536 --matched "},
  };
  EXPECT_EQ(lines, expected);
}

TEST(PeerWorkloadTest, BadSelectionsAreNamed) {
  const struct {
    LaneSelection selection;
    std::string error;
  } cases[] = {
      {{{"nolane"}, {1}, {"touched"}, {}}, "lane nolane: lanes are guard_r0, main_r0"},
      {{{"main_r0"}, {0}, {"touched"}, {}}, "threads 0: allowed is 1 to 4096"},
      {{{"main_r0"}, {1}, {"wet"}, {}}, "form wet: forms are untouched, touched, matched"},
      {{{"main_r0"}, {1}, {"touched"}, {{"x", 1}}}, "iters x=1: expected a lane"},
      {{{"main_r0"}, {1}, {"touched"}, {{"main_r0", 0}}}, "iters main_r0=0: expected a lane"},
      {{{"main_r0"}, {1}, {"matched"}, {}}, "nothing to run"},
  };
  for (const auto& bad : cases) {
    std::vector<Workload> workloads;
    std::string error;
    EXPECT_FALSE(PlanLanes(bad.selection, "/b", "", &workloads, &error)) << bad.error;
    EXPECT_EQ(error.rfind(bad.error, 0), 0u) << error;
  }
}

std::string WriteTemporary(const std::string& text) {
  const std::string path = testing::TempDir() + "/hz4_commands";
  FILE* file = fopen(path.c_str(), "w");
  EXPECT_NE(file, nullptr);
  fputs(text.c_str(), file);
  fclose(file);
  return path;
}

TEST(PeerWorkloadTest, CommandFilesAreRead) {
  std::vector<Workload> workloads;
  std::string error;
  ASSERT_TRUE(ReadCommands(WriteTemporary("# a comment\n\none: /bin/true\ntwo:  echo a  b: c\n"),
                           &workloads, &error))
      << error;
  ASSERT_EQ(workloads.size(), 2u);
  EXPECT_EQ(workloads[0].name, "one");
  EXPECT_EQ(workloads[0].argv, Names{"/bin/true"});
  EXPECT_EQ(workloads[1].argv, (Names{"echo", "a", "b:", "c"}));
  for (const auto& [text, expected] : std::map<std::string, std::string>{
           {"one: true\nnothing\n", ":2: expected \"name: program arguments...\""},
           {"one:\n", ":1: expected \"name: program arguments...\""},
           {"a b: true\n", ":1: expected \"name: program arguments...\""},
           {"a: true\na: false\n", ":2: the name a was given before"},
           {"# only\n", ": holds no command"}}) {
    workloads.clear();
    EXPECT_FALSE(ReadCommands(WriteTemporary(text), &workloads, &error)) << text;
    EXPECT_NE(error.find(expected), std::string::npos) << error;
  }
  EXPECT_FALSE(ReadCommands("/nonexistent", &workloads, &error));
  EXPECT_EQ(error, "/nonexistent: cannot be read: No such file or directory");
}

PeerAllocator Allocator(const std::string& name, PeerAllocator::Kind kind) {
  PeerAllocator allocator;
  allocator.name = name;
  allocator.kind = kind;
  return allocator;
}

PeerCampaign Campaign() {
  PeerCampaign campaign;
  campaign.rounds = 3;
  campaign.seed = 5;
  campaign.allocators = {Allocator("hz4", PeerAllocator::Kind::kHz4),
                         Allocator("slow", PeerAllocator::Kind::kPeer),
                         Allocator("fast<&>", PeerAllocator::Kind::kPeer),
                         Allocator("ceiling", PeerAllocator::Kind::kCeiling)};
  Workload lane;
  lane.name = "lane";
  lane.kind = Workload::Kind::kLoop;
  lane.argv = {"/somewhere/loop", "16"};
  lane.ceiling_argv = {"/somewhere/ceiling", "16"};
  Workload command;
  command.name = "command";
  command.argv = {"/bin/true"};
  campaign.workloads = {lane, command};
  return campaign;
}

TEST(PeerCampaignTest, EveryRoundRunsEverythingOnceInBlocksAndBySeed) {
  const PeerCampaign campaign = Campaign();
  const std::vector<PlannedRun> plan = PlanRuns(campaign);
  ASSERT_EQ(plan.size(), 3u * (4 + 3)) << "the command has no ceiling";
  std::set<std::vector<int>> orders;
  for (int round = 0; round < 3; ++round) {
    std::set<std::pair<int, int>> seen;
    std::vector<int> order;
    int changes = 0;
    for (size_t i = 0; i < 7; ++i) {
      const PlannedRun& run = plan[static_cast<size_t>(round) * 7 + i];
      EXPECT_EQ(run.round, round);
      EXPECT_TRUE(seen.insert({run.workload, run.allocator}).second);
      order.push_back(run.workload * 10 + run.allocator);
      changes += i > 0 && run.workload != plan[static_cast<size_t>(round) * 7 + i - 1].workload;
    }
    EXPECT_EQ(changes, 1) << "a workload's allocators run one after the other";
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 3u) << "rounds differ in order";
  const std::vector<PlannedRun> again = PlanRuns(campaign);
  PeerCampaign other_seed = campaign;
  other_seed.seed = 6;
  const std::vector<PlannedRun> other = PlanRuns(other_seed);
  bool same = true;
  bool same_as_other = true;
  for (size_t i = 0; i < plan.size(); ++i) {
    same &= plan[i].workload == again[i].workload && plan[i].allocator == again[i].allocator;
    same_as_other &=
        plan[i].workload == other[i].workload && plan[i].allocator == other[i].allocator;
  }
  EXPECT_TRUE(same);
  EXPECT_FALSE(same_as_other);
}

// Three rounds: hz4 30, 40, 50 M ops/s; slow 10 always; fast 20 always but for one crash; the
// ceiling 80.
std::vector<PeerRow> Rows() {
  std::vector<PeerRow> rows;
  const double lane_rates[4][3] = {
      {30e6, 50e6, 40e6}, {10e6, 10e6, 10e6}, {20e6, 20e6, 20e6}, {80e6, 80e6, 80e6}};
  for (int allocator = 0; allocator < 4; ++allocator) {
    for (int round = 0; round < 3; ++round) {
      PeerRow row;
      row.allocator = allocator;
      row.round = round;
      row.outcome = "ok";
      row.ops = 1000;
      row.ops_per_second = lane_rates[allocator][round];
      row.user_seconds = 2e-6;
      row.system_seconds = 1e-6;
      row.max_rss_bytes = 10 << 20;
      row.minor_faults = 100;
      row.voluntary_switches = 30;
      row.involuntary_switches = 20;
      row.real_pct = 45;
      if (allocator == 2 && round == 1) row.outcome = "killed by SIGSEGV";
      rows.push_back(row);
      if (allocator == 3) continue;
      row.workload = 1;
      row.outcome = "ok";
      row.ops = row.ops_per_second = 0;
      row.wall_seconds = 2.0 - 0.5 * allocator;
      rows.push_back(row);
    }
  }
  return rows;
}

TEST(PeerSummaryTest, MediansRatiosAndFailures) {
  const PeerCampaign campaign = Campaign();
  const PeerSummary summary = Summarize(campaign, Rows());
  const PeerCell& hz4 = summary.cells[0][0];
  EXPECT_EQ(hz4.score, 40e6);
  EXPECT_EQ(hz4.ok, 3);
  EXPECT_DOUBLE_EQ(hz4.spread, 0.25);
  EXPECT_DOUBLE_EQ(hz4.cpu_ns, 3);
  EXPECT_DOUBLE_EQ(hz4.minor_faults, 0.1);
  EXPECT_DOUBLE_EQ(hz4.switches, 0.05);
  EXPECT_DOUBLE_EQ(hz4.of_ceiling, 0.5);
  // "fast" crashed once, so "slow" is the best peer that did all its work.
  EXPECT_EQ(summary.best_peer[0], 1);
  EXPECT_DOUBLE_EQ(hz4.to_best_peer.value, 4);
  EXPECT_GE(hz4.to_best_peer.low, 3 - 1e-9);
  EXPECT_LE(hz4.to_best_peer.high, 5 + 1e-9);
  EXPECT_LT(hz4.to_best_peer.low, hz4.to_best_peer.high);
  const PeerCell& fast = summary.cells[0][2];
  EXPECT_EQ(fast.ok, 2);
  EXPECT_EQ(fast.runs, 3);
  EXPECT_EQ(DescribeFailures(fast), "1 of 3: killed by SIGSEGV (1)");
  EXPECT_EQ(DescribeFailures(hz4), "");
  // Seconds: less is better, so the best peer is the one with 1.0.
  EXPECT_EQ(summary.best_peer[1], 2);
  EXPECT_DOUBLE_EQ(summary.cells[1][0].to_best_peer.value, 2);
  EXPECT_EQ(summary.cells[1][3].runs, 0);
}

TEST(PeerSummaryTest, NoPeerWithoutFailuresMeansNoRatio) {
  std::vector<PeerRow> rows = Rows();
  for (PeerRow& row : rows) {
    if (row.allocator == 1 && row.round == 0) row.outcome = "exit 1";
  }
  const PeerSummary summary = Summarize(Campaign(), rows);
  EXPECT_EQ(summary.best_peer[0], -1);
  EXPECT_EQ(summary.cells[0][0].to_best_peer.value, 0);
}

TEST(PeerReportTest, MarkdownHoldsTheFigures) {
  const PeerCampaign campaign = Campaign();
  PeerReportNotes notes;
  notes.repeat = "peers --seed=5";
  notes.machine = {"kernel: 6.1"};
  notes.not_found = {"jemalloc: nowhere"};
  const std::string text = PeersMarkdown(campaign, Summarize(campaign, Rows()), notes);
  for (const std::string& expected :
       Names{"3 rounds, interleaved in an order that follows from seed 5",
             "Repeat it: `peers --seed=5`", "- kernel: 6.1", "- not found: jemalloc: nowhere",
             "| lane | **40.00** | 10.00 | 20.00 (2 of 3) | 80.00 | 4.00 [",
             "| command | 2.000 | 1.500 | **1.000** | - | 2.00 [",
             "- fast<&> in lane: 1 of 3: killed by SIGSEGV (1)",
             "| 0.50 | 3.00 | 10.0 | 0.10000 | 0.00000 | 0.05000 | 45.0 | 0.0 | 0 | 3 of 3 |",
             "`loop 16`"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\nis not in\n" << text;
  }
  EXPECT_EQ(text.find("Interrupted"), std::string::npos);
  notes.interrupted = true;
  EXPECT_NE(PeersMarkdown(campaign, Summarize(campaign, Rows()), notes).find("**Interrupted"),
            std::string::npos);
}

TEST(PeerReportTest, PlotIsClosedXmlWithABarPerFigure) {
  const PeerCampaign campaign = Campaign();
  const std::string svg = PeersSvg(campaign, Summarize(campaign, Rows()));
  std::vector<std::string> open;
  int bars = 0;
  for (size_t at = svg.find('<'); at != std::string::npos; at = svg.find('<', at + 1)) {
    const size_t end = svg.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = svg.substr(at + 1, end - at - 1);
    if (tag[0] == '/') {
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(tag.substr(1), open.back());
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(tag.substr(0, tag.find(' ')));
      bars += open.back() == "rect";
    }
  }
  EXPECT_TRUE(open.empty());
  EXPECT_EQ(bars, 2 * (4 + 3)) << "speed and memory of four and of three allocators";
  EXPECT_NE(svg.find("fast&lt;&amp;&gt;"), std::string::npos) << "names are escaped";
}

TEST(PeerReportTest, TsvHasAColumnForEveryName) {
  const PeerCampaign campaign = Campaign();
  PeerRow row = Rows()[0];
  row.outcome = "no line\t\"x\"\n";
  const std::string header = TsvHeader();
  const std::string line = TsvLine(campaign, row);
  EXPECT_EQ(std::count(header.begin(), header.end(), '\t'),
            std::count(line.begin(), line.end(), '\t'));
  EXPECT_EQ(line.rfind("0\tlane\thz4\tno line \"x\" \t1000\t30000000\t", 0), 0u) << line;
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

}  // namespace
}  // namespace hz4
