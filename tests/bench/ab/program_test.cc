// SPDX-License-Identifier: Apache-2.0
//
// The laboratory as its users meet it: the program, its exit status, its files. The library under
// test and the benchmark are fakes whose truth is known; no duration decides anything.

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/ab/json.h"
#include "bench/ab/sections.h"
#include "bench/process.h"
#include "bench/runfile.h"
#include "gtest/gtest.h"

namespace hz4::ab {
namespace {

constexpr char kHere[] = "tests/bench/ab/";

class Program : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/ab-XXXXXX";
    ASSERT_NE(mkdtemp(&name[0]), nullptr);
    folder_ = name;
    out_ = folder_ + "/out";
  }
  void TearDown() override {
    ProcessSpec remove;
    remove.argv = {"rm", "-rf", folder_};
    remove.env = BaseEnvironment();
    RunProcess(remove);
  }

  // The program as `bazel run` starts it: relative paths are the user's.
  ProcessResult Ab(std::vector<std::string> arguments, double timeout = 120) {
    ProcessSpec spec;
    spec.argv = {FindRunfile("bench/ab/ab"),
                 "--library=" + FindRunfile(absl::StrCat(kHere, "libfake_hz4.so")),
                 "--bench=" + FindRunfile(absl::StrCat(kHere, "fake_bench"))};
    spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
    spec.env = BaseEnvironment();
    spec.env.push_back("BUILD_WORKING_DIRECTORY=" + folder_);
    spec.timeout_seconds = timeout;
    ProcessResult result = RunProcess(spec);
    said_ = result.out + result.err;
    return result;
  }
  int Exit(const std::vector<std::string>& arguments) {
    const ProcessResult result = Ab(arguments);
    return result.outcome == ProcessOutcome::kExited ? result.exit_status : -1;
  }
  std::string File(const std::string& name) {
    const absl::StatusOr<std::string> text = ReadWholeFile(out_ + "/" + name);
    return text.ok() ? *text : "";
  }
  Json Summary() {
    const absl::StatusOr<Json> json = Json::Parse(File("summary.json"));
    return json.ok() ? *json : Json();
  }
  void LaneFile(const std::string& text) { std::ofstream(folder_ + "/my.lanes") << text; }
  std::string Bench() { return FindRunfile(absl::StrCat(kHere, "fake_bench")); }
  int Lines(const std::string& name) {
    return static_cast<int>(
        std::vector<std::string>(absl::StrSplit(File(name), '\n', absl::SkipEmpty())).size());
  }

  std::string folder_;
  std::string out_;
  std::string said_;
};

// Arms that are equal must not differ by chance in a test: an error rate that so few blocks cannot
// reach, or can only once in a thousand.
constexpr char kRarely[] = "--alpha=0.001";
constexpr char kRefill[] = "--variant=HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1";

TEST_F(Program, EqualArmsPassAndEveryFileIsThere) {
  EXPECT_EQ(Exit({"--aa", "--lanes=main_r0,guard_r0", "--replay-runs=8", kRarely, "--out=out"}), 0)
      << said_;
  for (const char* name : {"raw.jsonl", "raw.tsv", "summary.tsv", "summary.json", "REPORT.md",
                           "report.html", "junit.xml", "benchmark-base.json",
                           "benchmark-variant.json", "benchstat-base.txt", "hyperfine.json"}) {
    EXPECT_FALSE(File(name).empty()) << name;
  }
  // Header and runs: count, warm-up and eight blocks, two lanes, two arms.
  EXPECT_EQ(Lines("raw.tsv"), 1 + (1 + 1 + 8) * 2 * 2);
}

TEST_F(Program, AKnownSlowdownIsFoundByALaneFile) {
  LaneFile(
      "[lane slow]\nlike = main_r0\nargs.variant = --slower=3\n[lane same]\nlike = guard_r0\n");
  EXPECT_EQ(Exit({"--aa", "--lane-file=my.lanes", "--replay-runs=12", kRarely, "--out=out"}), 1)
      << said_;
  const Json summary = Summary();
  ASSERT_EQ(summary["claims"].items().size(), 2u);
  for (const Json& claim : summary["claims"].items()) {
    const bool slow = claim["lane"].AsString() == "slow";
    EXPECT_EQ(claim["verdict"].AsString(), slow ? "FAIL" : "PASS") << claim.Dump();
    if (slow) {
      EXPECT_NEAR(claim["estimate_percent"].AsNumber(), -3, 0.5);
    }
  }
}

TEST_F(Program, ImpliedKnobsGoToBothArms) {
  Exit({kRefill, "--lanes=main_r0", "--replay-runs=6", "--out=out",
        "--expect=variant@main_r0.malloc_outlock_refill_calls > 0"});
  const Json arms = Summary()["arms"];
  EXPECT_EQ(arms["base"]["settings"].Dump(), "[\"HZ4_MID_ROUTE=ladder\"]") << said_;
  EXPECT_EQ(arms["base"]["implied"].Dump(), "[\"HZ4_MID_ROUTE=ladder\"]");
  EXPECT_NE(arms["base"]["fingerprint"].AsString(), arms["variant"]["fingerprint"].AsString());
  EXPECT_EQ(arms["control"]["fingerprint"].AsString(), arms["base"]["fingerprint"].AsString());
  // Only what was asked for differs between the arms.
  const std::string report = File("REPORT.md");
  EXPECT_NE(report.find("| `HZ4_MID_LOCKPATH_OUTLOCK_REFILL` | 0 (default) | 1 (environment) |"),
            std::string::npos)
      << report;
  EXPECT_EQ(report.find("| `HZ4_MID_ROUTE` |"), std::string::npos);
}

TEST_F(Program, NoAlignLeavesThemToTheVariant) {
  Exit({kRefill, "--no-align", "--lanes=main_r0", "--replay-runs=6", "--out=out"});
  EXPECT_EQ(Summary()["arms"]["base"]["settings"].Dump(), "[]") << said_;
  EXPECT_NE(File("REPORT.md").find("| `HZ4_MID_ROUTE` |"), std::string::npos);
}

TEST_F(Program, EqualFingerprintsAreRefused) {
  EXPECT_EQ(Exit({"--variant=HZ4_FRONT=percpu", "--out=out"}), 4);
  EXPECT_NE(said_.find("--aa declares"), std::string::npos) << said_;
  EXPECT_TRUE(File("raw.jsonl").empty()) << "nothing is run";
}

TEST_F(Program, AMechanismThatDoesNotMoveIsInvalid) {
  EXPECT_EQ(Exit({"--variant=HZ4_FRONT=thread", "--lanes=main_r0", "--out=out",
                  "--expect=variant@main_r0.malloc_outlock_refill_calls > 0"}),
            4)
      << said_;
  EXPECT_NE(File("REPORT.md").find("did not move"), std::string::npos);
}

TEST_F(Program, AWorkOrderEndsWithItsVerdict) {
  const std::string path = folder_ + "/order.ab";
  const auto order = [&](const char* gate) {
    std::ofstream(path)
        << "[experiment order]\ntitle = an order\nlanes = main_r0\nscreen_runs = 3\n"
        << "replay_runs = 5\n[arm base]\nenv = HZ4_MID_ROUTE=ladder\n[arm variant]\n"
        << "env = HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1\n[gate main_r0]\nscreen = " << gate
        << "\nreplay = " << gate << "\n[check mechanism]\n"
        << "expect = variant@main_r0.malloc_outlock_refill_calls > 0\n";
  };
  order(">= -5%");
  EXPECT_EQ(Exit({"--experiment=order.ab", "--out=out"}), 0) << said_;
  EXPECT_NE(said_.find("GO: an order"), std::string::npos) << said_;
  order(">= +5%");
  out_ = folder_ + "/second";
  EXPECT_EQ(Exit({"--experiment=order.ab", "--out=second"}), 1) << said_;
  EXPECT_NE(said_.find("NO-GO: an order"), std::string::npos) << said_;
}

struct BadCommand {
  const char* argument;
  const char* status;
};

TEST_F(Program, BadRunsAreRecordedAndNeverAveraged) {
  constexpr BadCommand kBad[] = {{"--crash", "crashed"},
                                 {"--silent", "no-metric"},
                                 {"--fail", "failed"},
                                 {"--refuse", "wrong-output"}};
  for (const BadCommand& bad : kBad) {
    SCOPED_TRACE(bad.argument);
    LaneFile(absl::StrCat("[lane bad]\nlike = main_r0\nargs.variant = ", bad.argument, "\n"));
    out_ = folder_ + "/out" + bad.argument;
    EXPECT_EQ(Exit({"--aa", "--lane-file=my.lanes", "--counting-runs=0", "--replay-runs=5",
                    "--out=" + out_}),
              4)
        << said_;
    EXPECT_NE(File("raw.tsv").find(absl::StrCat("\t", bad.status, "\t")), std::string::npos);
    EXPECT_NE(File("REPORT.md").find(bad.status), std::string::npos);
  }
}

TEST_F(Program, AHangIsAFailureThatSaysWhatItDid) {
  LaneFile("[lane hang]\nlike = main_r0\ntimeout = 1s\nargs.variant = --hang\n");
  EXPECT_EQ(Exit({"--aa", "--lane-file=my.lanes", "--counting-runs=0", "--out=out"}), 4) << said_;
  EXPECT_NE(File("raw.tsv").find("\thung\t"), std::string::npos);
  EXPECT_NE(File("raw.jsonl").find("\"detail\""), std::string::npos);
}

TEST_F(Program, ACommandOfOnesOwn) {
  const int status = Exit({kRefill, "--metric=rate:higher:ops/s=([0-9]+)", "--replay-runs=6",
                           "--max-blocks=6", "--out=out", "--", Bench(), "--slower=0"});
  EXPECT_TRUE(status == 0 || status == 1 || status == 3) << status << said_;
  const Json summary = Summary();
  ASSERT_EQ(summary["claims"].items().size(), 1u);
  EXPECT_EQ(summary["claims"].items()[0]["metric"].AsString(), "rate");
  const std::string header = File("raw.tsv").substr(0, File("raw.tsv").find('\n'));
  for (const char* metric :
       {"rate", "wall", "cpu", "peak_rss", "page_faults", "context_switches"}) {
    EXPECT_NE(header.find(metric), std::string::npos) << metric;
  }
  out_ = folder_ + "/none";
  EXPECT_EQ(Exit({kRefill, "--out=none", "--", "/no/such/program"}), 4);
  EXPECT_NE(File("raw.tsv").find("not-started"), std::string::npos);
}

TEST_F(Program, BadInputNamesItAndRunsNothing) {
  struct Case {
    std::vector<std::string> arguments;
    const char* named;
    const char* allowed;
  };
  LaneFile("[lane a]\ncommand = x\ntimeout = soon\n");
  const std::vector<Case> cases = {
      {{"--variant=HZ4_FRNT=thread"}, "HZ4_FRNT", "HZ4_FRONT"},
      {{"--variant=HZ4_FRONT=banana"}, "banana", "percpu"},
      {{"--aa", "--lanes=main_r1"}, "main_r1", "main_r50"},
      {{"--experiment=b99"}, "b99", "b74a"},
      {{"--aa", "--gates=main_r0:rss>=1"}, "rss", "peak_rss"},
      {{"--aa", "--lane-file=my.lanes"}, "my.lanes:3", "60s"},
      {{"--aa", "--lane-file=nowhere.lanes"}, "nowhere.lanes", "cannot read"},
      {{"--aa", "--replay-run=3"}, "--replay-run", "--replay-runs"},
      {{"--aa", "--replay-runs=0"}, "--replay-runs=0", "1 to"},
      {{"--aa", "--alpha=2"}, "--alpha=2", "below 0.5"},
      {{"--aa", "stray"}, "stray", "behind --"},
      {{"--aa", "--"}, "--", "command"},
      {{}, "nothing to compare", "--variant"},
      {{"--verify=nowhere.jsonl"}, "nowhere.jsonl", "cannot read"},
      {{"--resume=nowhere"}, "nowhere", "cannot read"},
  };
  for (const Case& bad : cases) {
    SCOPED_TRACE(bad.named);
    std::vector<std::string> arguments = {"--out=out"};
    arguments.insert(arguments.end(), bad.arguments.begin(), bad.arguments.end());
    EXPECT_EQ(Exit(arguments), 2) << said_;
    EXPECT_NE(said_.find(bad.named), std::string::npos) << said_;
    EXPECT_NE(said_.find(bad.allowed), std::string::npos) << said_;
    EXPECT_NE(access(out_.c_str(), F_OK), 0) << "nothing was run";
  }
}

TEST_F(Program, PlanSpendsNothing) {
  EXPECT_EQ(Exit({kRefill, "--plan", "--out=out"}), 0);
  for (const char* wanted : {"guard_r0", "cross128_r90", "blocks see", "seed:", "time:"}) {
    EXPECT_NE(said_.find(wanted), std::string::npos) << said_;
  }
  EXPECT_NE(access(out_.c_str(), F_OK), 0);
}

TEST_F(Program, VerifyRecomputesFromTheRecordAlone) {
  LaneFile("[lane slow]\nlike = main_r0\nargs.variant = --slower=4\n");
  ASSERT_EQ(Exit({"--aa", "--lane-file=my.lanes", "--replay-runs=9", "--out=out"}), 1) << said_;
  const std::string summary = File("summary.tsv");
  std::ofstream(folder_ + "/elsewhere.jsonl") << File("raw.jsonl");
  EXPECT_EQ(Exit({"--verify=elsewhere.jsonl", "--out=again"}), 1) << said_;
  out_ = folder_ + "/again";
  EXPECT_EQ(File("summary.tsv"), summary);
}

TEST_F(Program, ResumeGoesOnAndSaysWhatItDropped) {
  const std::vector<std::string> arguments = {"--aa",  "--lanes=main_r0",         "--replay-runs=9",
                                              kRarely, "--seed=00000000000000aa", "--out=out"};
  ASSERT_EQ(Exit(arguments), 0) << said_;
  const int runs = Lines("raw.tsv");
  // As after a crash of the machine: some runs are missing, the last line is torn.
  const std::string whole = File("raw.jsonl");
  std::size_t cut = 0;
  for (int line = 0; line < 12; ++line) cut = whole.find('\n', cut) + 1;
  std::ofstream(out_ + "/raw.jsonl") << whole.substr(0, cut) << whole.substr(cut, 40);
  EXPECT_EQ(Exit({"--resume=out"}), 0) << said_;
  EXPECT_NE(said_.find("dropped line 13"), std::string::npos) << said_;
  EXPECT_GE(Lines("raw.tsv"), runs);
  EXPECT_NE(File("REPORT.md").find("dropped line 13"), std::string::npos);
  EXPECT_EQ(Summary()["complete"].Dump(), "true");
}

TEST_F(Program, ResumeRefusesAnotherLibrary) {
  const std::string library = folder_ + "/lib.so";
  std::ofstream(library, std::ios::binary)
      << *ReadWholeFile(FindRunfile(absl::StrCat(kHere, "libfake_hz4.so")));
  ASSERT_EQ(Exit({"--aa", "--lanes=main_r0", "--replay-runs=2", "--out=out", "--library=lib.so"}),
            0)
      << said_;
  std::ofstream(library, std::ios::app) << "x";
  EXPECT_EQ(Exit({"--resume=out"}), 4) << said_;
  EXPECT_NE(said_.find("sha256"), std::string::npos);
}

TEST_F(Program, OneCampaignPerFolder) {
  ASSERT_EQ(Exit({"--aa", "--lanes=main_r0", "--replay-runs=2", "--out=out"}), 0) << said_;
  EXPECT_EQ(Exit({"--aa", "--lanes=main_r0", "--replay-runs=2", "--out=out"}), 5);
  EXPECT_NE(said_.find("--resume="), std::string::npos) << said_;
  const int lock = open(out_.c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(flock(lock, LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(Exit({"--resume=out"}), 5) << "another campaign is writing there";
  close(lock);
}

TEST_F(Program, InterruptedCampaignsKeepWhatTheyHave) {
  // The lane's command interrupts the laboratory, as Ctrl-C would.
  ProcessSpec spec;
  spec.argv = {"sh", "-c",
               absl::StrCat("exec env AB_PID=$$ ", FindRunfile("bench/ab/ab"),
                            " --library=", FindRunfile(absl::StrCat(kHere, "libfake_hz4.so")),
                            " --bench=", Bench(),
                            " --aa --lane-file=stop.lanes --counting-runs=0 --out=out")};
  std::ofstream(folder_ + "/stop.lanes")
      << "[lane stop]\ncommand = sh -c 'kill -INT $AB_PID; sleep 5; echo ops/s=1'\n"
         "environment = whole\n"
         "[metric rate]\npattern = ops/s=([0-9]+)\ndirection = higher\nrole = primary\n";
  spec.env = BaseEnvironment();
  spec.env.push_back("BUILD_WORKING_DIRECTORY=" + folder_);
  spec.timeout_seconds = 60;
  const ProcessResult result = RunProcess(spec);
  EXPECT_EQ(result.exit_status, 3) << DescribeOutcome(spec, result) << result.err;
  EXPECT_NE(result.err.find("--resume="), std::string::npos) << result.err;
  EXPECT_NE(File("REPORT.md").find("interrupted"), std::string::npos);
  EXPECT_NE(File("raw.tsv").find("\tcancelled\t"), std::string::npos);
}

}  // namespace
}  // namespace hz4::ab
