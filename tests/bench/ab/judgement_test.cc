// SPDX-License-Identifier: Apache-2.0
//
// The course of a campaign and its verdicts, on invented runs whose truth is known.

#include "bench/ab/judgement.h"

#include <cmath>
#include <string>

#include "bench/ab/experiment.h"
#include "bench/ab/verdict_words.h"
#include "gtest/gtest.h"
#include "tests/bench/ab/invented.h"

namespace hz4::ab {
namespace {

// B74's gates and one mechanism check.
Plan WorkOrder() {
  Plan plan = InventedPlan(Protocol::kWorkOrder);
  plan.gates = {
      MakeGate("guard_r0", -1, -1, Role::kGuard), MakeGate("main_r0", 3, 6, Role::kPrimary),
      MakeGate("main_r50", 1, 2, Role::kPrimary), MakeGate("cross128_r90", 0, 0, Role::kGuard)};
  plan.checks = {{CheckKind::kMoves, "variant@main_r0.refills > 0"}};
  return plan;
}

World Quiet(double effect) {
  World world;
  world.effect_percent = effect;
  world.noise = 0.002;
  world.base_counters = {{"refills", 0}, {"locks", 100}, {"calls", 1000}};
  world.variant_counters = {{"refills", 5}, {"locks", 80}, {"calls", 1000}};
  return world;
}

int CountRuns(const std::vector<ab::Run>& runs, const std::string& stage) {
  int count = 0;
  for (const ab::Run& run : runs) count += run.slot.stage == stage ? 1 : 0;
  return count;
}

TEST(WorkOrders, GoWhenEveryGateHolds) {
  const Plan plan = WorkOrder();
  const std::vector<ab::Run> runs = InventedCampaign(plan, Quiet(10), 1);
  const Judgement judgement = Judge(plan, runs, Intervals::kAll);
  EXPECT_EQ(judgement.work_order_verdict, "GO") << judgement.decided_by;
  EXPECT_EQ(judgement.exit_status, kExitPass);
  EXPECT_EQ(judgement.sound, Verdict::kPass);
  EXPECT_EQ(CountRuns(runs, kStageCount), 4 * 2) << "the control is not counted";
  EXPECT_EQ(CountRuns(runs, kStageWarmup), 4 * 3);
  EXPECT_EQ(CountRuns(runs, kStageScreen), 4 * 3 * 7);
  EXPECT_EQ(CountRuns(runs, kStageReplay), 4 * 3 * 21);
}

TEST(WorkOrders, AFailedScreenEndsTheCampaign) {
  const Plan plan = WorkOrder();
  const std::vector<ab::Run> runs = InventedCampaign(plan, Quiet(2), 2);
  const Judgement judgement = Judge(plan, runs, Intervals::kAll);
  EXPECT_EQ(judgement.work_order_verdict, "NO-GO");
  EXPECT_EQ(judgement.exit_status, kExitGateFailed);
  EXPECT_EQ(CountRuns(runs, kStageReplay), 0);
  EXPECT_NE(judgement.decided_by.find("main_r0 in the screen"), std::string::npos)
      << judgement.decided_by;
  EXPECT_TRUE(judgement.complete);
}

TEST(WorkOrders, AFailedReplayIsNoGo) {
  const Plan plan = WorkOrder();
  const Judgement judgement = Judge(plan, InventedCampaign(plan, Quiet(4), 3), Intervals::kAll);
  EXPECT_EQ(judgement.work_order_verdict, "NO-GO");
  EXPECT_NE(judgement.decided_by.find("main_r0 in the replay"), std::string::npos)
      << judgement.decided_by;
  ASSERT_EQ(judgement.claims.size(), 4u);
  EXPECT_EQ(judgement.claims[1].verdict, Verdict::kFail) << "+4% against +6%, without noise";
  EXPECT_EQ(judgement.claims[2].verdict, Verdict::kPass);
}

TEST(WorkOrders, KeepGoingMeasuresOnAndKeepsTheVerdict) {
  Plan plan = WorkOrder();
  plan.keep_going = true;
  const std::vector<ab::Run> runs = InventedCampaign(plan, Quiet(2), 2);
  EXPECT_EQ(CountRuns(runs, kStageReplay), 4 * 3 * 21);
  EXPECT_EQ(Judge(plan, runs, Intervals::kAll).work_order_verdict, "NO-GO");
}

TEST(WorkOrders, StrictGatesMustBeExceeded) {
  Plan plan = WorkOrder();
  plan.gates = {MakeGate("main_r0", 0, 0, Role::kPrimary)};
  plan.checks.clear();
  World world = Quiet(0);
  world.noise = 0;
  world.block_noise = 0;
  EXPECT_EQ(Judge(plan, InventedCampaign(plan, world, 4), Intervals::kAll).work_order_verdict,
            "GO");
  plan.gates[0].strict = true;
  EXPECT_EQ(Judge(plan, InventedCampaign(plan, world, 4), Intervals::kAll).work_order_verdict,
            "NO-GO");
}

TEST(WorkOrders, OneArmOfSeveralIsEnough) {
  Plan plan = WorkOrder();
  plan.checks.clear();
  plan.arms.insert(plan.arms.begin() + 2,
                   {"other", {"HZ4_FRONT=none"}, "bbbbbbbbbbbbbbbb", {}, {}});
  const auto spoil = [](ab::Run* run) {
    if (run->slot.arm == "other") run->values["ops_per_s"] *= 0.5;
  };
  const Judgement judgement =
      Judge(plan, InventedCampaign(plan, Quiet(10), 5, spoil), Intervals::kAll);
  EXPECT_EQ(judgement.work_order_verdict, "GO") << judgement.decided_by;
}

TEST(Checks, AMechanismThatDidNotMoveIsInvalidBeforeAnythingIsTimed) {
  const Plan plan = WorkOrder();
  World world = Quiet(10);
  world.variant_counters["refills"] = 0;
  const std::vector<ab::Run> runs = InventedCampaign(plan, world, 6);
  EXPECT_EQ(CountRuns(runs, kStageWarmup), 0);
  const Judgement judgement = Judge(plan, runs, Intervals::kAll);
  EXPECT_EQ(judgement.exit_status, kExitInvalid);
  ASSERT_EQ(judgement.invalid.size(), 1u);
  EXPECT_NE(judgement.invalid[0].find("refills"), std::string::npos);
}

TEST(Checks, ACounterThatIsNotReportedIsUnknownNotZero) {
  Plan plan = WorkOrder();
  plan.checks = {{CheckKind::kMoves, "variant@main_r0.no_such_counter >= 0"}};
  const Judgement judgement = Judge(plan, InventedCampaign(plan, Quiet(10), 7), Intervals::kAll);
  EXPECT_EQ(judgement.exit_status, kExitInvalid);
  EXPECT_FALSE(judgement.checks[0].known);
}

TEST(Checks, ObservationStopsAndDerivedQuantitiesAreUsed) {
  Plan plan = WorkOrder();
  plan.derived = {{"lock_share", "locks / max(1, calls)"}};
  plan.checks = {{CheckKind::kObserve, "base@main_r0.lock_share >= 0.10"},
                 {CheckKind::kMoves, "variant@main_r0.refills > 0"}};
  EXPECT_EQ(Judge(plan, InventedCampaign(plan, Quiet(10), 8), Intervals::kAll).work_order_verdict,
            "GO");
  World world = Quiet(10);
  world.base_counters["locks"] = 40;
  const std::vector<ab::Run> runs = InventedCampaign(plan, world, 8);
  EXPECT_EQ(CountRuns(runs, kStageScreen), 0);
  const Judgement judgement = Judge(plan, runs, Intervals::kAll);
  EXPECT_EQ(judgement.work_order_verdict, "NO-GO");
  EXPECT_EQ(judgement.exit_status, kExitGateFailed);
  EXPECT_NE(judgement.decided_by.find("observe check"), std::string::npos);
}

TEST(Checks, PerfGatesReadTimedRuns) {
  Plan plan = WorkOrder();
  plan.checks.push_back(
      {CheckKind::kPerf, "variant@main_r0.switches_per_op < base@main_r0.switches_per_op"});
  const auto campaign = [&](double variant_switches) {
    return InventedCampaign(plan, Quiet(10), 9, [&](ab::Run* run) {
      run->values["switches_per_op"] = run->slot.arm == "variant" ? variant_switches : 1.0;
    });
  };
  EXPECT_EQ(Judge(plan, campaign(0.5), Intervals::kAll).work_order_verdict, "GO");
  EXPECT_EQ(Judge(plan, campaign(1.5), Intervals::kAll).work_order_verdict, "NO-GO");
}

TEST(BadRuns, MakeTheCampaignInvalidAndAreNeverAveraged) {
  const Plan plan = WorkOrder();
  int timed = 0;
  const std::vector<ab::Run> runs = InventedCampaign(plan, Quiet(10), 10, [&](ab::Run* run) {
    if (run->slot.stage != kStageScreen || ++timed != 20) return;
    run->status = RunStatus::kCrashed;
    run->outcome = "killed by SIGSEGV";
    run->values.clear();
  });
  EXPECT_EQ(CountRuns(runs, kStageReplay), 0) << "it stops there";
  const Judgement judgement = Judge(plan, runs, Intervals::kAll);
  EXPECT_EQ(judgement.exit_status, kExitInvalid);
  EXPECT_NE(judgement.invalid[0].find("SIGSEGV"), std::string::npos);
}

TEST(BadRuns, CancelledRunsAreNoResultAndTheirBlockIsRepeated) {
  Plan plan = WorkOrder();
  std::vector<ab::Run> runs = InventedCampaign(plan, Quiet(10), 11);
  runs.resize(60);
  runs.back().status = RunStatus::kCancelled;
  const Judgement judgement = Judge(plan, runs, Intervals::kAll);
  EXPECT_FALSE(judgement.complete);
  EXPECT_TRUE(judgement.invalid.empty());
  EXPECT_EQ(judgement.exit_status, kExitInconclusive);
  const Step step = NextStep(plan, runs);
  EXPECT_EQ(step.stage, runs.back().slot.stage);
  EXPECT_EQ(step.block, runs.back().slot.block);
}

TEST(Blocks, ATornBlockIsNotMixedWithItsRepetition) {
  Plan plan = WorkOrder();
  std::vector<ab::Run> runs = InventedCampaign(plan, Quiet(10), 12);
  // One session ended inside the last block of the first lane; the next one repeats it as a whole.
  const ab::Run last = runs.back();
  std::vector<ab::Run> torn;
  for (const ab::Run& run : runs) {
    const bool same_block = run.slot.stage == last.slot.stage &&
                            run.slot.block == last.slot.block && run.slot.lane == last.slot.lane;
    if (!same_block) torn.push_back(run);
  }
  ab::Run stray = last;
  stray.values["ops_per_s"] = 1;
  torn.push_back(stray);
  EXPECT_FALSE(Samples(plan, torn).IsWhole(last.slot.stage, last.slot.block, last.slot.lane));
  for (const Slot& slot : BlockSchedule(plan, last.slot.stage, last.slot.block, {last.slot.lane})) {
    ab::Run again = last;
    again.slot = slot;
    again.session = 1;
    torn.push_back(again);
  }
  const Samples samples(plan, torn);
  EXPECT_TRUE(samples.IsWhole(last.slot.stage, last.slot.block, last.slot.lane));
  for (double value : samples.Values(last.slot.stage, last.slot.lane, "ops_per_s", last.slot.arm)) {
    EXPECT_GT(value, 1) << "the stray run of the torn block is in the record and in no sample";
  }
}

Plan OwnCampaign() {
  Plan plan = InventedPlan(Protocol::kSound);
  plan.gates = {MakeGate("guard_r0", -1, -1, Role::kGuard),
                MakeGate("main_r0", 0, 0, Role::kPrimary)};
  plan.lanes.resize(2);
  return plan;
}

TEST(Sound, PassFailInconclusiveAndTheirExitStatus) {
  const Plan plan = OwnCampaign();
  const auto judge = [&](double guard, double main, double noise) {
    World world = Quiet(0);
    world.noise = noise;
    world.effect_of_lane = {{"guard_r0", guard}, {"main_r0", main}};
    return Judge(plan, InventedCampaign(plan, world, 13), Intervals::kAll);
  };
  EXPECT_EQ(judge(0, 5, 0.003).exit_status, kExitPass);
  EXPECT_EQ(judge(-5, 5, 0.003).exit_status, kExitGateFailed);
  EXPECT_EQ(judge(0, -5, 0.003).exit_status, kExitGateFailed);
  EXPECT_EQ(judge(0, 0, 0.03).exit_status, kExitInconclusive);
}

TEST(Sound, AGateUnderTheNoiseIsCalledUndecidableWithItsPrice) {
  Plan plan = OwnCampaign();
  World world = Quiet(0);
  world.noise = 0.04;
  const Judgement judgement = Judge(plan, InventedCampaign(plan, world, 15), Intervals::kAll);
  const Claim& guard = judgement.claims[0];
  EXPECT_EQ(guard.verdict, Verdict::kInconclusive);
  EXPECT_TRUE(guard.undecidable);
  EXPECT_GT(PercentOfGain(guard.visible), 1);
  // (1.64 + 0.84)^2 * (4 * sqrt 2)^2 / 0.955: about two hundred blocks.
  EXPECT_GT(guard.blocks_needed, 120);
  EXPECT_LT(guard.blocks_needed, 400);
  EXPECT_NE(ClaimInWords(guard).find("undecidable"), std::string::npos);
}

TEST(Sound, UndecidedLanesBuyBlocksAndDecidedOnesDoNot) {
  Plan plan = OwnCampaign();
  plan.most_blocks = 42;
  World world = Quiet(0);
  world.effect_of_lane = {{"guard_r0", 0}, {"main_r0", 0}};
  world.noise = 0.002;  // the guard passes at once, "better than the base" never gets decided
  const std::vector<ab::Run> runs = InventedCampaign(plan, world, 16);
  const Samples samples(plan, runs);
  EXPECT_EQ(samples.Blocks(kStageReplay, "guard_r0").size(), 21u);
  EXPECT_EQ(samples.Blocks(kStageReplay, "main_r0").size(), 42u);
}

TEST(Sound, ABoughtBlockCanDecide) {
  Plan plan = OwnCampaign();
  plan.lanes = {*plan.FindLane("main_r0")};
  plan.gates = {MakeGate("main_r0", 0, 0, Role::kPrimary)};
  plan.most_blocks = 84;
  World world = Quiet(1.2);
  world.noise = 0.012;
  const std::vector<ab::Run> runs = InventedCampaign(plan, world, 17);
  const std::size_t blocks = Samples(plan, runs).Blocks(kStageReplay, "main_r0").size();
  EXPECT_GT(blocks, 21u);
  EXPECT_LT(blocks, 84u);
  EXPECT_EQ(Judge(plan, runs, Intervals::kAll).exit_status, kExitPass);
}

TEST(Sound, DeclaredEqualArms) {
  Plan plan = OwnCampaign();
  plan.same_arms = true;
  plan.control = false;
  plan.arms.pop_back();
  EXPECT_EQ(Judge(plan, InventedCampaign(plan, Quiet(0), 19), Intervals::kAll).exit_status,
            kExitPass);
  EXPECT_EQ(Judge(plan, InventedCampaign(plan, Quiet(-3), 19), Intervals::kAll).exit_status,
            kExitGateFailed);
}

TEST(Sound, DirectionIsAppliedOnce) {
  Plan plan = OwnCampaign();
  for (LaneSpec& lane : plan.lanes) lane.metrics[0].higher_is_better = false;  // now it is a time
  World world = Quiet(0);
  world.effect_of_lane = {{"guard_r0", 0}, {"main_r0", 5}};  // 5% more time
  const Judgement judgement = Judge(plan, InventedCampaign(plan, world, 20), Intervals::kAll);
  EXPECT_LT(judgement.claims[1].estimate, 0);
  EXPECT_EQ(judgement.claims[1].verdict, Verdict::kFail);
  EXPECT_LT(judgement.replay[1].percent, 0) << "medians against gates use the same direction";
}

TEST(Warnings, DriftAndHumpsAndAMovedControlAreSaid) {
  Plan plan = OwnCampaign();
  const auto warnings = [&](const std::function<void(ab::Run*)>& spoil) {
    std::string all;
    for (const std::string& warning :
         Judge(plan, InventedCampaign(plan, Quiet(5), 21, spoil), Intervals::kAll).warnings) {
      all += warning + "\n";
    }
    return all;
  };
  EXPECT_EQ(warnings(nullptr).find("drifts"), std::string::npos) << warnings(nullptr);
  EXPECT_NE(warnings([](ab::Run* run) {
              run->values["ops_per_s"] *= std::exp(run->slot.block * -0.2);
            }).find("drifts"),
            std::string::npos);
  EXPECT_NE(warnings([](ab::Run* run) {
              run->values["ops_per_s"] *= run->slot.block % 2 == 0 ? 1 : 3;
            }).find("two humps"),
            std::string::npos);
  EXPECT_NE(warnings([](ab::Run* run) {
              if (run->slot.arm == kControlArm) run->values["ops_per_s"] *= 1.05;
            }).find("control arm"),
            std::string::npos);
  EXPECT_NE(warnings([](ab::Run* run) { run->others_cpu = 0.7; }).find("others kept"),
            std::string::npos);
}

}  // namespace
}  // namespace hz4::ab
