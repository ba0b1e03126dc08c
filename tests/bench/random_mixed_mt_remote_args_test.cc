// SPDX-License-Identifier: Apache-2.0
//
// The lane table and the benchmark's command line.

#include "bench/random_mixed_mt_remote_args.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "bench/lanes.h"

namespace hz4 {
namespace {

struct Parsed {
  bool ok = false;
  RandomMixedArgs args;
  std::string error;
};

Parsed Parse(const std::vector<std::string>& line) {
  std::vector<const char*> argv = {"program"};
  for (const std::string& argument : line) argv.push_back(argument.c_str());
  Parsed parsed;
  parsed.ok =
      ParseRandomMixedArgs(static_cast<int>(argv.size()), argv.data(), &parsed.args, &parsed.error);
  return parsed;
}

std::vector<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

TEST(LanesTest, WorkOrderLanesAreTheRecordedOnes) {
  const char* const expected[kWorkOrderLanes][2] = {
      {"guard_r0", "16 1200000 400 16 2048 0 65536"},
      {"main_r0", "16 1200000 400 16 32768 0 65536"},
      {"main_r50", "16 1200000 400 16 32768 50 65536"},
      {"cross128_r90", "16 400000 400 16 131072 90 65536"}};
  for (size_t i = 0; i < kWorkOrderLanes; ++i) {
    EXPECT_STREQ(kLanes[i].name, expected[i][0]);
    EXPECT_EQ(LaneArguments(kLanes[i]), expected[i][1]) << kLanes[i].name;
  }
}

TEST(LanesTest, NamesAreUniqueAndSayTheRemoteShare) {
  std::set<std::string> names;
  for (const Lane& lane : kLanes) {
    const std::string name = lane.name;
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(FindLane(lane.name), &lane);
    EXPECT_EQ(name.substr(name.rfind("_r") + 2), std::to_string(lane.remote_pct));
    EXPECT_NE(LaneNames().find(name), std::string::npos);
  }
  for (const char* family : {"cross64", "large128", "mid_only"}) {
    for (const char* share : {"_r0", "_r50", "_r90"}) {
      EXPECT_TRUE(names.count(std::string(family) + share)) << family << share;
    }
  }
  EXPECT_EQ(FindLane("main_r1"), nullptr);
}

TEST(ArgsTest, EveryLaneParsesByNameAndByArguments) {
  for (const Lane& lane : kLanes) {
    const Parsed by_name = Parse({std::string("--lane=") + lane.name});
    const Parsed by_arguments = Parse(Words(LaneArguments(lane)));
    ASSERT_TRUE(by_name.ok) << by_name.error;
    ASSERT_TRUE(by_arguments.ok) << by_arguments.error;
    EXPECT_EQ(CommandLine(by_name.args), Words(LaneArguments(lane)));
    EXPECT_EQ(CommandLine(by_arguments.args), Words(LaneArguments(lane)));
  }
}

TEST(ArgsTest, OptionsStandAnywhereAndRoundTrip) {
  const Parsed parsed = Parse({"--touch=ends", "2", "10", "--matched", "5", "16", "64", "50", "8",
                               "--delay-ns=0.4", "--trim-check"});
  ASSERT_TRUE(parsed.ok) << parsed.error;
  EXPECT_EQ(parsed.args.threads, 2);
  EXPECT_EQ(parsed.args.iters, 10);
  EXPECT_EQ(parsed.args.ws, 5);
  EXPECT_EQ(parsed.args.min, 16);
  EXPECT_EQ(parsed.args.max, 64);
  EXPECT_EQ(parsed.args.remote_pct, 50);
  EXPECT_EQ(parsed.args.ring_slots, 8);
  EXPECT_EQ(parsed.args.touch, Touch::kEnds);
  EXPECT_TRUE(parsed.args.matched);
  EXPECT_EQ(parsed.args.delay_ns, 0.4);
  EXPECT_TRUE(parsed.args.trim_check);
  const Parsed again = Parse(CommandLine(parsed.args));
  ASSERT_TRUE(again.ok) << again.error;
  EXPECT_EQ(CommandLine(again.args), CommandLine(parsed.args));
  EXPECT_EQ(Parse({"1", "1", "1", "1", "1", "0", "1"}).args.touch, Touch::kNone);
  EXPECT_EQ(Parse({"1", "1", "1", "1", "1", "0", "1", "--touch=all"}).args.touch, Touch::kAll);
  EXPECT_TRUE(Parse({"--help"}).args.help);
}

TEST(ArgsTest, BadInputIsNamedWithWhatIsAllowed) {
  const struct {
    std::string line;
    std::string error;
  } cases[] = {
      {"", "missing argument threads"},
      {"1 2 3 4 5 6", "missing argument ring_slots"},
      {"1 2 3 4 5 6 7 8", "unexpected argument 8 after ring_slots"},
      {"0 1 1 1 1 0 1", "threads=0: allowed is a number from 1 to 4096"},
      {"5000 1 1 1 1 0 1", "threads=5000: allowed is a number from 1 to 4096"},
      {"1 99999999999999999999 1 1 1 0 1",
       "iters=99999999999999999999: allowed is a number from 1 to 1000000000000"},
      {"1 1 x 1 1 0 1", "ws=x: allowed is a number from 1 to 67108864"},
      {"1 1 1 0 1 0 1", "min=0: allowed is a number from 1 to 2147483648"},
      {"1 1 1 16 12k 0 1", "max=12k: allowed is a number from 1 to 2147483648"},
      {"1 1 1 16 15 0 1", "max=15: allowed is min (16) or more"},
      {"1 1 1 1 1 101 1", "remote_pct=101: allowed is a number from 0 to 100"},
      {"1 1 1 1 1 -1 1", "remote_pct=-1: allowed is a number from 0 to 100"},
      {"1 1 1 1 1 0 0", "ring_slots=0: allowed is a number from 1 to 268435456"},
      {"--touch=some", "--touch=some: allowed are none, ends, all"},
      {"--delay-ns=1ms", "--delay-ns=1ms: allowed is a number from 0 to 1000000"},
      {"--delay-ns=-1", "--delay-ns=-1: allowed is a number from 0 to 1000000"},
      {"--lane=main_r0 16", "--lane already fills the seven arguments; give one or the other"},
      {"--lane=main_r1", "--lane=main_r1: no such lane; lanes are " + LaneNames()},
      {"--matched=1",
       "unknown option --matched=1; options are --lane=NAME "
       "--touch=none|ends|all --matched --delay-ns=N --trim-check"},
  };
  for (const auto& bad : cases) {
    const Parsed parsed = Parse(Words(bad.line));
    EXPECT_FALSE(parsed.ok) << bad.line;
    EXPECT_EQ(parsed.error, bad.error) << bad.line;
  }
}

}  // namespace
}  // namespace hz4
