// SPDX-License-Identifier: Apache-2.0
//
// What a user sees of the configuration: messages, exit status, files, and hz4 stepping aside.

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "hz4/size_class.h"
#include "tests/support/child.h"
#include "tests/support/json.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

Child True() { return Child({"/bin/true"}).Preload().WithoutVariant(); }
Child Target(const std::string& what) {
  return Child({Runfile("tests/process/launch_target"), what}).WithoutVariant();
}

std::vector<std::string> Lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

Json Parsed(const std::string& text) {
  Json json;
  std::string error;
  EXPECT_TRUE(ParseJson(text, &json, &error)) << error << "\n" << text;
  return json;
}

// The configuration of a process under these variables.
Json Config(const std::vector<std::string>& variables) {
  Child child = True();
  for (const std::string& variable : variables) child.Set(variable);
  const ChildResult result = child.Set("HZ4_PRINT_CONFIG=json").Run();
  EXPECT_TRUE(result.Succeeded()) << result.description;
  const std::vector<std::string> lines = result.ErrorLines();
  return Parsed(lines.empty() ? "" : lines.back());
}

Json Knob(const Json& config, const std::string& name) {
  for (const Json& knob : config["knobs"].items) {
    if (knob["name"].text == name) return knob;
  }
  ADD_FAILURE() << name << " is not in the configuration";
  return Json();
}

const char kBadValue[] = "HZ4_MID_LOCKPATH_OUTLOCK_REFILL=yes_please";
const char kBadName[] = "HZ4_MID_LOKPATH=1";

TEST(Launch, MistakesAreTwoClearLines) {
  const ChildResult result = True().Set(kBadValue).Set(kBadName).Run();
  EXPECT_TRUE(result.Succeeded()) << result.description;
  std::vector<std::string> lines = result.ErrorLines();
  ASSERT_EQ(lines.size(), 2u) << result.description;
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) EXPECT_EQ(line.rfind("hz4: ", 0), 0u) << line;
  for (const char* part : {"HZ4_MID_LOCKPATH_OUTLOCK_REFILL=yes_please", "allowed", "on off"}) {
    EXPECT_NE(lines[0].find(part), std::string::npos) << part << " is not in: " << lines[0];
  }
  for (const char* part : {"HZ4_MID_LOKPATH", "nearest", "HZ4_MID_LOCKPATH_OUTLOCK_REFILL"}) {
    EXPECT_NE(lines[1].find(part), std::string::npos) << part << " is not in: " << lines[1];
  }
}

TEST(Launch, StrictEndsTheProcess) {
  for (const char* mistake :
       {kBadValue, kBadName, "HZ4_FRONT_BUDGET=1", "HZ4_FRONT=", "HZ4_FRONT=both",
        "HZ4_MID_LOCK_SHARDS=3", "HZ4_RESERVE=99999999999999999999", "HZ4_=1"}) {
    const ChildResult strict = True().Set(mistake).Set("HZ4_STRICT=abort").Run();
    EXPECT_EQ(strict.process.outcome, ProcessOutcome::kExited) << strict.description;
    EXPECT_NE(strict.process.exit_status, 0) << strict.description;
    EXPECT_FALSE(strict.ErrorLines().empty());
    const ChildResult lenient = True().Set(mistake).Run();
    EXPECT_TRUE(lenient.Succeeded()) << lenient.description;
    EXPECT_EQ(lenient.ErrorLines().size(), 1u) << lenient.description;
  }
}

TEST(Launch, NothingIsSaidWhenNothingIsWrong) {
  for (const char* variable :
       {"HZ4_STRICT=abort", "HZ4_FRONT=thread", "HZ4_PROFILE=fast", "OTHER=1"}) {
    const ChildResult result = True().Set(variable).Run();
    EXPECT_TRUE(result.Succeeded() && result.err().empty() && result.out().empty())
        << result.description;
  }
}

TEST(Launch, HelpNamesEveryKnobAndGoesOn) {
  const ChildResult result =
      Child({"/bin/echo", "went on"}).Preload().WithoutVariant().Set("HZ4_HELP=1").Run();
  EXPECT_TRUE(result.Succeeded()) << result.description;
  EXPECT_EQ(result.out(), "went on\n");
  const Json config = Config({});
  ASSERT_GT(config["knobs"].items.size(), 20u);
  for (const Json& knob : config["knobs"].items) {
    EXPECT_NE(result.err().find(knob["name"].text), std::string::npos) << knob["name"].text;
  }
}

TEST(Launch, OriginsAreTold) {
  const Json config = Config({"HZ4_PROFILE=b7x-base", "HZ4_MID_LOCKPATH_OUTLOCK_REFILL_BUDGET=3",
                              "HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1"});
  EXPECT_EQ(Knob(config, "HZ4_FRONT")["origin"].text, "default");
  EXPECT_EQ(Knob(config, "HZ4_MID_OWNER_LOCAL_STACK_SLOTS")["value"].text, "8");
  EXPECT_EQ(Knob(config, "HZ4_MID_OWNER_LOCAL_STACK_SLOTS")["origin"].text, "profile");
  EXPECT_EQ(Knob(config, "HZ4_MID_LOCKPATH_OUTLOCK_REFILL_BUDGET")["origin"].text, "environment");
  const Json implied = Config({"HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1"});
  EXPECT_EQ(Knob(implied, "HZ4_MID_ROUTE")["value"].text, "ladder");
  EXPECT_EQ(Knob(implied, "HZ4_MID_ROUTE")["origin"].text.rfind("implied by HZ4_MID_", 0), 0u);
  EXPECT_EQ(implied["notes"].items.size(), 1u);
}

TEST(Launch, ChangedPrintsOnlyWhatIsNotDefault) {
  const ChildResult result = True().Set("HZ4_FRONT=thread").Set("HZ4_PRINT_CONFIG=changed").Run();
  EXPECT_TRUE(result.Succeeded()) << result.description;
  EXPECT_NE(result.err().find("HZ4_FRONT=thread"), std::string::npos) << result.err();
  EXPECT_EQ(result.err().find("HZ4_RESERVE"), std::string::npos) << result.err();
  const ChildResult whole = True().Set("HZ4_PRINT_CONFIG=1").Run();
  EXPECT_NE(whole.err().find("HZ4_RESERVE"), std::string::npos) << whole.err();
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    const std::string line = "  class " + std::to_string(Class(cls).size) + ": ";
    EXPECT_NE(whole.err().find(line), std::string::npos) << line;
  }
}

TEST(Launch, FingerprintCoversThePolicyAlone) {
  const std::string plain = Config({})["fingerprint"].text;
  EXPECT_EQ(plain.size(), 16u);
  for (const char* same : {"HZ4_STATS=json", "HZ4_MID_STATS_B1=1", "HZ4_PROFILE=fast",
                           "HZ4_STRICT=abort", "HZ4_FRONT=percpu", "HZ4_FRONT_BUDGET=64MiB"}) {
    Child child = True().Set(same).Set("HZ4_PRINT_CONFIG=json").Set("HZ4_OUTPUT=/dev/stdout");
    const ChildResult result = child.Run();
    ASSERT_TRUE(result.Succeeded()) << result.description;
    EXPECT_EQ(Parsed(Lines(result.out()).at(0))["fingerprint"].text, plain) << same;
  }
  std::set<std::string> different = {plain};
  for (const char* other :
       {"HZ4_FRONT=thread", "HZ4_FRONT=none", "HZ4_PROFILE=b7x-base", "HZ4_PROFILE=b46-base",
        "HZ4_FRONT_BUDGET=1M", "HZ4_MID_DUAL_TIER_ALLOC=1"}) {
    EXPECT_TRUE(different.insert(Config({other})["fingerprint"].text).second) << other;
  }
}

// A work order pastes in unchanged.
TEST(Launch, OldSpellingIsAnAlias) {
  const ChildResult result =
      True().Set("HZ4_STRICT=abort").Set("HZ4_MID_LOCKPATH_OUTLOCK_REFILL_BOX=1").Run();
  EXPECT_TRUE(result.Succeeded()) << result.description;
  EXPECT_NE(result.err().find("HZ4_MID_LOCKPATH_OUTLOCK_REFILL_BOX"), std::string::npos)
      << result.description;
}

TEST(Output, GoesToAFileOfEachProcess) {
  const std::string directory = ScratchDirectory();
  const ChildResult result = Child({"/bin/sh", "-c", "/bin/ls / >/dev/null; /bin/true"})
                                 .Preload()
                                 .WithoutVariant()
                                 .Set("HZ4_STATS=json")
                                 .Set("HZ4_PRINT_CONFIG=json")
                                 .Set("HZ4_OUTPUT=" + directory + "/of-%p.json")
                                 .Run();
  EXPECT_TRUE(result.Succeeded() && result.err().empty()) << result.description;
  const ChildResult list = Child({"/bin/ls", directory}).WithoutVariant().Run();
  int files = 0;
  for (const std::string& name : Lines(list.out())) {
    if (name.rfind("of-", 0) != 0) continue;
    ++files;
    std::set<std::string> kinds;
    for (const std::string& line : Lines(ReadFile(directory + "/" + name))) {
      const Json record = Parsed(line);
      kinds.insert(record["hz4"].text);
      EXPECT_EQ("of-" + std::to_string(static_cast<long>(record["pid"].number)) + ".json", name);
    }
    EXPECT_EQ(kinds.count("config"), 1u) << name;
  }
  EXPECT_GE(files, 2) << list.out();
}

TEST(Output, RecordsAreAppended) {
  const std::string path = ScratchDirectory() + "/appended";
  for (int i = 1; i <= 3; ++i) {
    const ChildResult result =
        Target("calls").Set("HZ4_STATS=json").Set("HZ4_OUTPUT=" + path).Run();
    EXPECT_TRUE(result.Succeeded()) << result.description;
    EXPECT_EQ(Lines(ReadFile(path)).size(), static_cast<std::size_t>(i));
  }
}

TEST(Output, APlaceThatCannotBeWrittenIsSaid) {
  const ChildResult result =
      Target("calls").Set("HZ4_STATS=json").Set("HZ4_OUTPUT=/nonexistent/directory/file").Run();
  EXPECT_TRUE(result.Succeeded()) << result.description;
  EXPECT_NE(result.err().find("/nonexistent/directory/file"), std::string::npos)
      << result.description;
}

TEST(Statistics, CountWhatTheProgramDid) {
  for (const char* front : {"percpu", "thread", "none"}) {
    const ChildResult result =
        Target("calls").Set("HZ4_STATS=json").Set(std::string("HZ4_FRONT=") + front).Run();
    ASSERT_TRUE(result.Succeeded()) << result.description;
    const Json stats = Parsed(result.err());
    EXPECT_EQ(stats["hz4"].text, "stats");
    const Json& counters = stats["counters"];
    // Beside the program's own calls there are a few of libc's and libstdc++'s.
    EXPECT_GE(counters["malloc_calls"].number, 800) << result.err();
    EXPECT_LT(counters["malloc_calls"].number, 850) << result.err();
    EXPECT_GE(counters["calloc_calls"].number, 300);
    EXPECT_EQ(counters["aligned_calls"].number, 200);
    EXPECT_EQ(counters["realloc_calls"].number, 400);
    EXPECT_EQ(counters["large_malloc"].number, 100);
    EXPECT_EQ(counters["large_free"].number, 100);
    EXPECT_GE(counters["free_calls"].number, 1301);
    const Json& gauges = stats["gauges"];
    EXPECT_LE(gauges["live_bytes"].number, gauges["mapped_bytes"].number);
    EXPECT_GE(gauges["resident_bytes"].number, gauges["live_bytes"].number);
    for (const auto& gauge : gauges.members) EXPECT_GE(gauge.second.number, 0) << gauge.first;
  }
}

TEST(Statistics, WorkOrderLinesAppear) {
  const ChildResult result = Target("mid")
                                 .Set("HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1")
                                 .Set("HZ4_MID_STATS_B1=1")
                                 .Set("HZ4_MID_LOCK_TIME_STATS=1")
                                 .Run();
  ASSERT_TRUE(result.Succeeded()) << result.description;
  const std::string& err = result.err();
  for (const char* part :
       {"[HZ4_MID_STATS_B1] ", " malloc_lock_path=", "[HZ4_MID_LOCK_STATS] ", "sample_scale=256"}) {
    EXPECT_NE(err.find(part), std::string::npos) << part << "\n" << err;
  }
  const std::size_t at = err.find("malloc_outlock_refill_objs=");
  ASSERT_NE(at, std::string::npos) << err;
  EXPECT_GT(atol(err.c_str() + at + sizeof("malloc_outlock_refill_objs=") - 1), 0) << err;
}

// --- stepping aside ---

TEST(Disable, HandsOverToLibc) {
  const Json config = Config({"HZ4_DISABLE=1"});
  EXPECT_EQ(config["seams"]["malloc"].text, "libc");
  EXPECT_EQ(config["seams"]["free"].text, "libc");
  for (bool preload : {false, true}) {
    Child child =
        preload ? Child({"python3", "-c",
                         "import json, threading; print(len(json.dumps(list(range(50000)))))"})
                      .Preload()
                      .WithoutVariant()
                : Target("calls");
    const ChildResult result = child.Set("HZ4_DISABLE=1").Run();
    EXPECT_TRUE(result.Succeeded() && result.err().empty()) << result.description;
  }
}

TEST(Disable, AStaticProgramSaysThatItCannot) {
  const std::string program = Runfile("tests/process/launch_target_static");
  const ChildResult works = Child({program, "calls"}).WithoutVariant().Run();
  EXPECT_TRUE(works.Succeeded() && works.err().empty()) << works.description;
  const ChildResult asked = Child({program, "calls"}).WithoutVariant().Set("HZ4_DISABLE=1").Run();
  EXPECT_TRUE(asked.Succeeded()) << asked.description;
  EXPECT_EQ(asked.ErrorLines().size(), 1u) << asked.description;
  EXPECT_NE(asked.err().find("HZ4_DISABLE"), std::string::npos) << asked.description;
}

// Under memcheck hz4 steps aside by itself: else valgrind would not see the overrun of a block.
TEST(Disable, ByItselfUnderValgrind) {
  if (FindExecutable("valgrind").empty()) GTEST_SKIP() << "no valgrind";
  const std::vector<std::string> valgrind = {"valgrind", "--error-exitcode=9", "--leak-check=no"};
  auto under = [&valgrind](const std::string& program) {
    std::vector<std::string> argv = valgrind;
    argv.insert(argv.end(), {program, "overrun"});
    return Child(argv).WithoutVariant();
  };
  for (const ChildResult& result :
       {under(Runfile("tests/process/launch_target")).Run(),
        under(Runfile("tests/process/launch_target_plain")).Preload().Run()}) {
    EXPECT_EQ(result.process.exit_status, 9) << result.description;
    EXPECT_NE(result.err().find("Invalid write"), std::string::npos) << result.description;
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
