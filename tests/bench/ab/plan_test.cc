// SPDX-License-Identifier: Apache-2.0
//
// What is declared: lane files, experiments, gates, the order of runs, the plan's way into the
// record and back.

#include "bench/ab/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "bench/ab/experiment.h"
#include "bench/ab/lane_file.h"
#include "bench/ab/policy.h"
#include "bench/ab/sections.h"
#include "bench/runfile.h"
#include "gtest/gtest.h"
#include "tests/bench/ab/invented.h"

namespace hz4::ab {
namespace {

absl::StatusOr<std::vector<LaneSpec>> Lanes(const std::string& text) {
  absl::StatusOr<std::vector<Section>> sections = ParseSections(text, "l");
  if (!sections.ok()) return sections.status();
  return TakeLanes(&*sections, "l", "/folder", "/bench");
}

std::string LaneError(const std::string& text) {
  return std::string(Lanes(text).status().message());
}

TEST(LaneFile, ReadsEveryKey) {
  const absl::StatusOr<std::vector<LaneSpec>> lanes = Lanes(
      "[lane load]\ncommand = ./run.sh 'a b'\nenv = A=1 B=2\nenv.variant = C=3\nargs.variant = -x\n"
      "timeout = 5s\nmin_duration = 100ms\ncpus = 0,1\npreload = no\nenvironment = whole\n"
      "repeats = 3\nexit = 7\nrequire = done\nforbid = error\noperations = n=([0-9]+)\n"
      "[metric rate]\npattern = r=([0-9]+)\nunit = req/s\ndirection = higher\nrole = primary\n"
      "margin = 1.5%\n"
      "[metric faults]\nfrom = page_faults\nper_operation = yes\nrole = guard\nmargin = 2\n");
  ASSERT_TRUE(lanes.ok()) << lanes.status();
  const LaneSpec& lane = lanes->front();
  EXPECT_EQ(lane.command, (std::vector<std::string>{"/folder/./run.sh", "a b"}));
  EXPECT_EQ(lane.environment, (std::vector<std::string>{"A=1", "B=2"}));
  EXPECT_EQ(lane.ExtraOf("variant").environment, (std::vector<std::string>{"C=3"}));
  EXPECT_EQ(lane.ExtraOf("variant").arguments, (std::vector<std::string>{"-x"}));
  EXPECT_TRUE(lane.ExtraOf("base").arguments.empty());
  EXPECT_EQ(lane.timeout_seconds, 5);
  EXPECT_EQ(lane.min_seconds, 0.1);
  EXPECT_EQ(lane.cpus, (std::vector<int>{0, 1}));
  EXPECT_FALSE(lane.preload);
  EXPECT_TRUE(lane.whole_environment);
  EXPECT_EQ(lane.repeats, 3);
  EXPECT_EQ(lane.exit_status, 7);
  ASSERT_EQ(lane.metrics.size(), 2u);
  EXPECT_TRUE(lane.metrics[0].higher_is_better);
  EXPECT_EQ(lane.metrics[0].margin, 1.5);
  EXPECT_EQ(lane.metrics[1].unit, "faults/op");
  EXPECT_EQ(lane.metrics[1].role, Role::kGuard);
}

TEST(LaneFile, LikeTakesABuiltInLaneAndChangesIt) {
  const absl::StatusOr<std::vector<LaneSpec>> lanes =
      Lanes("[lane slow]\nlike = main_r0\nargs = --matched\nargs.variant = --delay-ns=2\n");
  ASSERT_TRUE(lanes.ok()) << lanes.status();
  const LaneSpec& lane = lanes->front();
  EXPECT_EQ(lane.name, "slow");
  EXPECT_EQ(lane.command.front(), "/bench");
  EXPECT_EQ(lane.command.back(), "--matched");
  EXPECT_EQ(lane.metrics.front().name, "ops_per_s");
}

TEST(LaneFile, ErrorsNameTheLineAndWhatIsAllowed) {
  EXPECT_EQ(
      LaneError("[lane a]\ncomand = x\n").rfind("l:2: unknown key \"comand\"; allowed: command", 0),
      0u)
      << LaneError("[lane a]\ncomand = x\n");
  EXPECT_EQ(LaneError("[lane a]\ncommand = x\ntimeout = soon\n"),
            "l:3: timeout: \"soon\" is not a time such as 60s, 500ms or 2min");
  EXPECT_EQ(LaneError("[lane a]\ntimeout = 3\n"), "l:1: lane a has no command");
  EXPECT_EQ(LaneError("[lane a]\ncommand = x\n[lane a]\ncommand = y\n"),
            "l:3: lane a stands here twice");
  EXPECT_EQ(
      LaneError("[lane a]\ncommand = x\n[metric m]\npattern = (\n").rfind("l:4: pattern: ", 0), 0u);
  EXPECT_EQ(LaneError("[lane a]\ncommand = x\n[metric m]\npattern = a\nrole = primary\n"),
            "l:3: metric m needs direction = higher or lower");
  EXPECT_EQ(LaneError("[lane a]\ncommand = x\n[metric m]\nfrom = memory\n").rfind("l:4: from: ", 0),
            0u);
  EXPECT_EQ(LaneError("[metric m]\nfrom = wall\n"), "l:1: a [metric] belongs below a [lane]");
  EXPECT_NE(LaneError("[lane a]\ncommand = x\nenv = HZ4_FRONT=thread\n").find("belong to the arms"),
            std::string::npos);
  EXPECT_NE(LaneError("[lane a]\nlike = main_r1\n").find("built-in lanes: guard_r0"),
            std::string::npos);
}

TEST(Settings, AreCheckedAgainstTheRegistry) {
  EXPECT_TRUE(CheckSettings({"HZ4_PROFILE=b7x-base", "HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1"}).ok());
  EXPECT_TRUE(CheckSettings({}).ok());
  const auto error = [](const std::string& setting) {
    return std::string(CheckSettings({setting}).message());
  };
  EXPECT_NE(error("HZ4_FRNT=thread").find("HZ4_FRONT"), std::string::npos) << "the nearest name";
  EXPECT_NE(error("HZ4_FRONT=banana").find("percpu"), std::string::npos) << "what is allowed";
  EXPECT_NE(error("HZ4_STATS=1").find("set by the runner"), std::string::npos);
  EXPECT_NE(error("HZ4_STRICT=warn").find("set by the runner"), std::string::npos);
  EXPECT_NE(error("PATH=/").find("not HZ4_NAME=VALUE"), std::string::npos);
  EXPECT_NE(error("HZ4_FRONT").find("not HZ4_NAME=VALUE"), std::string::npos);
}

TEST(Arms, InheritFromTheBase) {
  const std::vector<std::string> base = {"HZ4_A=1", "HZ4_B=2"};
  EXPECT_EQ(Inherit(base, {"HZ4_B=3", "HZ4_C=4"}),
            (std::vector<std::string>{"HZ4_A=1", "HZ4_B=3", "HZ4_C=4"}));
  EXPECT_EQ(Inherit(base, {"-HZ4_A"}), (std::vector<std::string>{"HZ4_B=2"}));
}

// --- the work orders, by their table (BOXES.md, section 2)

struct Gates {
  const char* name;
  int screen_runs, replay_runs;
  double main_r0[2], main_r50[2], cross128_r90[2];  // screen, replay
};

TEST(Experiments, HaveTheGatesOfTheirWorkOrders) {
  constexpr Gates kOrders[] = {
      {"b46", 7, 11, {3, 0}, {-1, -1}, {-1, -1}}, {"b74a", 7, 21, {3, 6}, {1, 2}, {0, 0}},
      {"b74b", 7, 21, {3, 6}, {1, 2}, {0, 0}},    {"b77", 7, 21, {3, 6}, {1, 1}, {1, 1}},
      {"b82", 7, 21, {3, 6}, {1, 2}, {0, 0}},
  };
  for (const Gates& order : kOrders) {
    SCOPED_TRACE(order.name);
    const absl::StatusOr<Plan> plan = ReadExperiment(order.name, "/bench");
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ(plan->screen_blocks, order.screen_runs);
    EXPECT_EQ(plan->replay_blocks, order.replay_runs);
    std::map<std::string, Gate> gates;
    for (const Gate& gate : plan->gates) gates[gate.lane] = gate;
    ASSERT_EQ(gates.size(), 4u);
    EXPECT_EQ(gates["guard_r0"].screen, -1);
    EXPECT_EQ(gates["guard_r0"].replay, -1);
    EXPECT_EQ(gates["main_r0"].screen, order.main_r0[0]);
    EXPECT_EQ(gates["main_r0"].replay, order.main_r0[1]);
    EXPECT_EQ(gates["main_r50"].screen, order.main_r50[0]);
    EXPECT_EQ(gates["main_r50"].replay, order.main_r50[1]);
    EXPECT_EQ(gates["cross128_r90"].screen, order.cross128_r90[0]);
    EXPECT_EQ(gates["cross128_r90"].replay, order.cross128_r90[1]);
    EXPECT_EQ(gates["main_r0"].strict, std::string(order.name) == "b46") << "B46: replay > 0";
    EXPECT_TRUE(plan->lanes[1].metrics[0].higher_is_better) << "gates are on ops/s, not on seconds";
  }
}

TEST(Experiments, AllOfThemParseAndTheirArmsAreSettings) {
  const std::vector<std::string> names = {"b46", "b70", "b73", "b74a", "b74b",
                                          "b77", "b80", "b81", "b82"};
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const absl::StatusOr<Plan> plan = ReadExperiment(name, "/bench");
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ(plan->name, name);
    EXPECT_EQ(plan->protocol, Protocol::kWorkOrder);
    EXPECT_FALSE(plan->readings.empty());
    EXPECT_FALSE(plan->verdict_on_record.empty());
    bool moves = false;
    for (const Check& check : plan->checks) moves = moves || check.kind == CheckKind::kMoves;
    EXPECT_TRUE(moves) << "no check shows that the box ran";
    std::set<std::vector<std::string>> environments;
    for (const Arm& arm : plan->arms) {
      EXPECT_TRUE(CheckSettings(arm.environment).ok()) << CheckSettings(arm.environment);
      EXPECT_TRUE(environments.insert(arm.environment).second) << "two arms are the same";
    }
  }
  EXPECT_NE(ReadExperiment("b99", "/bench").status().message().find("built in: b46, b70"),
            std::string::npos);
}

TEST(Experiments, B46HasItsOwnIterations) {
  const absl::StatusOr<Plan> plan = ReadExperiment("b46", "/bench");
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->FindLane("main_r0")->command[2], "2000000");
  EXPECT_EQ(plan->FindLane("cross128_r90")->command[2], "600000");
  EXPECT_EQ(plan->lanes.front().name, "guard_r0") << "in the order given";
}

TEST(Experiments, ErrorsNameTheLine) {
  const auto error = [](const std::string& text) {
    return std::string(ParseExperiment(text, "e.ab", "/bench").status().message());
  };
  const std::string head =
      "[experiment x]\nlanes = main_r0\n[arm base]\n[arm variant]\nenv = HZ4_FRONT=thread\n";
  EXPECT_EQ(error("[experiment x]\nlanes = nowhere\n").rfind("e.ab:2: lanes: unknown lane", 0), 0u);
  EXPECT_EQ(
      error("[experiment x]\nruns = 7\n").rfind("e.ab:2: unknown key \"runs\"; allowed: title", 0),
      0u);
  EXPECT_EQ(error(head + "[gate main_r1]\n"), "e.ab:6: no lane \"main_r1\" above it");
  EXPECT_EQ(error(head + "[gate main_r0]\nscreen = much\n").rfind("e.ab:7: screen: ", 0), 0u);
  EXPECT_EQ(error(head + "[check moves]\n"), "e.ab:6: a check is mechanism, gate, observe or perf");
  EXPECT_NE(error(head + "[check mechanism]\nexpect = variant@main_r0.x >\n").find("column"),
            std::string::npos);
  EXPECT_NE(error(head + "[check mechanism]\nexpect = other@main_r0.x > 0\n").find("no such arm"),
            std::string::npos);
  EXPECT_EQ(error("[arm variant]\n"), "e.ab:1: the first arm is [arm base], and only the first");
  EXPECT_NE(error(head + "[gate main_r0]\nmetric = rss\n").find("it has ops_per_s"),
            std::string::npos);
}

TEST(Gates, OfTheCommandLine) {
  const Plan plan = InventedPlan(Protocol::kSound);
  const absl::StatusOr<std::vector<Gate>> gates =
      ParseGates("guard_r0>=-1,main_r0>=+3/+6, main_r50:peak_rss=-5,cross128_r90>0", plan);
  ASSERT_TRUE(gates.ok()) << gates.status();
  EXPECT_EQ((*gates)[0].replay, -1);
  EXPECT_EQ((*gates)[0].role, Role::kGuard);
  EXPECT_EQ((*gates)[1].screen, 3);
  EXPECT_EQ((*gates)[1].replay, 6);
  EXPECT_EQ((*gates)[1].role, Role::kPrimary);
  EXPECT_EQ((*gates)[2].metric, "peak_rss");
  EXPECT_TRUE((*gates)[3].strict);
  EXPECT_FALSE(ParseGates("main_r0", plan).ok());
  EXPECT_FALSE(ParseGates("main_r0>=much", plan).ok());
  EXPECT_FALSE(ParseGates("main_r1>=1", plan).ok());
}

TEST(Schedule, IsARandomisedCompleteBlock) {
  const Plan plan = InventedPlan(Protocol::kSound);
  const std::vector<std::string> lanes = {"guard_r0", "main_r0", "main_r50", "cross128_r90"};
  std::set<std::string> first_arms;
  std::set<std::string> first_lanes;
  for (int block = 0; block < 40; ++block) {
    const std::vector<Slot> slots = BlockSchedule(plan, kStageReplay, block, lanes);
    ASSERT_EQ(slots.size(), 12u);
    std::map<std::string, std::set<std::string>> arms;
    for (const Slot& slot : slots) arms[slot.lane].insert(slot.arm);
    for (const auto& [lane, seen] : arms) EXPECT_EQ(seen.size(), 3u) << lane << " block " << block;
    for (std::size_t i = 0; i < slots.size(); i += 3) {
      EXPECT_EQ(slots[i].lane, slots[i + 2].lane) << "the arms of a block are neighbours in time";
    }
    first_lanes.insert(slots[0].lane);
    first_arms.insert(slots[0].arm);
  }
  EXPECT_EQ(first_lanes.size(), 4u);
  EXPECT_EQ(first_arms.size(), 3u);
}

TEST(Schedule, FollowsFromTheSeedAlone) {
  Plan plan = InventedPlan(Protocol::kSound);
  const auto order = [&](const std::vector<std::string>& lanes) {
    std::string text;
    for (const Slot& slot : BlockSchedule(plan, kStageReplay, 3, lanes)) {
      if (slot.lane == "main_r0") text += slot.arm + std::to_string(slot.padding) + " ";
    }
    return text;
  };
  const std::string all = order({"guard_r0", "main_r0"});
  EXPECT_EQ(all, order({"main_r0"})) << "whether another lane still runs does not matter";
  plan.seed = "fedcba9876543210";
  EXPECT_NE(all, order({"main_r0"}));
  plan.fixed_layout = true;
  for (const Slot& slot : BlockSchedule(plan, kStageReplay, 0, {"main_r0"}))
    EXPECT_EQ(slot.padding, 0);
}

TEST(PlanJson, ComesBackWhole) {
  absl::StatusOr<Plan> plan = ReadExperiment("b77", "/bench");
  ASSERT_TRUE(plan.ok());
  plan->seed = "0123456789abcdef";
  plan->lanes[0].extras = {{"variant", {"A=1"}, {"--delay-ns=2"}}};
  const Json json = PlanToJson(*plan);
  const absl::StatusOr<Plan> again = PlanFromJson(*Json::Parse(json.Dump()));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(PlanToJson(*again).Dump(), json.Dump());
  EXPECT_EQ(again->lanes[0].extras[0].arguments[0], "--delay-ns=2");
  EXPECT_FALSE(PlanFromJson(*Json::Parse("{\"record\":\"plan\",\"format\":1}")).ok());
  EXPECT_FALSE(PlanFromJson(*Json::Parse("{\"record\":\"plan\",\"format\":99}")).ok());
}

TEST(Gains, DirectionBelongsToTheMetric) {
  Metric rate;
  rate.higher_is_better = true;
  Metric time;
  EXPECT_NEAR(PercentOfGain(Gain(rate, 100, 103)), 3, 1e-9);
  EXPECT_NEAR(PercentOfGain(Gain(time, 103, 100)), 3, 1e-9);
  // The record's mistake: 0.143560 s -> 0.140555 s is a gain.
  EXPECT_GT(PercentOfGain(Gain(time, 0.143560, 0.140555)), 2);
}

}  // namespace
}  // namespace hz4::ab
