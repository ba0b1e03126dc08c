// SPDX-License-Identifier: Apache-2.0
//
// The laboratory judged by its own means: thousands of invented campaigns without any effect, and
// with known ones, go through the very code that conducts and judges real campaigns (NextStep,
// Judge). Promised: at most 5% of campaigns without effect claim one, whatever the noise looks like
// and however often undecided lanes buy blocks; and the effect that a plan calls visible is found
// in at least 80%.
//
// Seeds are fixed, so the figures are the same on every machine. A bound that simulation error
// alone could cross is widened by three standard errors of the simulation, and says so.

#include <cmath>
#include <cstdio>
#include <string>

#include "bench/ab/judgement.h"
#include "bench/ab/sequential.h"
#include "gtest/gtest.h"
#include "tests/bench/ab/invented.h"

namespace hz4::ab {
namespace {

double ThreeErrors(double rate, int campaigns) {
  return 3 * std::sqrt(rate * (1 - rate) / campaigns);
}

// Campaigns, of `count`, in which `wanted` is true of the judgement.
template <typename Wanted>
double Share(const Plan& plan, const World& world, int count, const char* what, Wanted wanted) {
  int hits = 0;
  for (int i = 0; i < count; ++i) {
    const std::vector<Run> runs =
        InventedCampaign(plan, world, 1000003u * static_cast<unsigned>(i) + 17);
    hits += wanted(Judge(plan, runs, Intervals::kForDecisionsOnly)) ? 1 : 0;
  }
  const double share = static_cast<double>(hits) / count;
  std::printf("%-70s %6.2f%% of %d campaigns\n", what, 100 * share, count);
  return share;
}

bool AnyVerdict(const Judgement& judgement, Role role, Verdict verdict) {
  for (const Claim& claim : judgement.claims) {
    if (claim.role == role && claim.verdict == verdict) return true;
  }
  return false;
}

Plan Campaign(int blocks, int most) {
  Plan plan = InventedPlan(Protocol::kSound);
  plan.replay_blocks = blocks;
  plan.most_blocks = most;
  plan.warmup_blocks = 0;
  plan.counting_runs = 0;
  return plan;
}

// Four lanes, each a primary claim of "better than the base".
Plan FourPrimaries(int blocks, int most) {
  Plan plan = Campaign(blocks, most);
  for (const LaneSpec& lane : plan.lanes) {
    plan.gates.push_back(MakeGate(lane.name, 0, 0, Role::kPrimary));
  }
  return plan;
}

// One lane with one gate.
Plan OneGate(int blocks, int most, double limit, Role role) {
  Plan plan = Campaign(blocks, most);
  plan.lanes.resize(1);
  plan.gates = {MakeGate(plan.lanes[0].name, limit, limit, role)};
  return plan;
}

bool ClaimsAnEffect(const Judgement& judgement) {
  return AnyVerdict(judgement, Role::kPrimary, Verdict::kPass) ||
         AnyVerdict(judgement, Role::kPrimary, Verdict::kFail);
}

TEST(Calibration, NoEffectIsClaimedInAtMostFivePercent) {
  constexpr int kCampaigns = 10000;
  const double share =
      Share(FourPrimaries(21, 21), World(), kCampaigns,
            "A/A, 4 lanes, 21 blocks, normal noise: an effect is claimed", ClaimsAnEffect);
  EXPECT_LE(share, 0.05);
  EXPECT_GT(share, 0.005) << "a test that never rejects has no power either";
}

TEST(Calibration, NoEffectIsClaimedWhateverTheNoiseLooksLike) {
  constexpr int kCampaigns = 3000;
  World world;
  world.heavy_tails = true;
  const double share =
      Share(FourPrimaries(21, 21), world, kCampaigns,
            "A/A, 4 lanes, 21 blocks, heavy tails: an effect is claimed", ClaimsAnEffect);
  EXPECT_LE(share, 0.05);
}

TEST(Calibration, BuyingBlocksKeepsTheErrorRate) {
  constexpr int kCampaigns = 1000;
  const double share =
      Share(FourPrimaries(12, 36), World(), kCampaigns,
            "A/A, 4 lanes, 12 blocks growing to 36: an effect is claimed", ClaimsAnEffect);
  EXPECT_LE(share, 0.05);
}

TEST(Calibration, DeclaredEqualArmsRarelyDiffer) {
  constexpr int kCampaigns = 2000;
  Plan plan = FourPrimaries(21, 21);
  plan.same_arms = true;
  const double share =
      Share(plan, World(), kCampaigns, "declared A/A, 4 lanes, 21 blocks: exit 1",
            [](const Judgement& judgement) { return judgement.exit_status == kExitGateFailed; });
  EXPECT_LE(share, 0.05);
}

// The worst case of a guard is a loss of exactly its margin.
TEST(Calibration, GuardsPassALossOfTheirMarginInAtMostFivePercent) {
  constexpr int kCampaigns = 3000;
  const Plan plan = OneGate(21, 21, -2, Role::kGuard);
  World world;
  world.effect_percent = -2;
  const double share = Share(plan, world, kCampaigns, "guard of 2%, loss of 2%, 21 blocks: PASS",
                             [](const Judgement& judgement) {
                               return AnyVerdict(judgement, Role::kGuard, Verdict::kPass);
                             });
  EXPECT_LE(share, 0.05 + ThreeErrors(0.05, kCampaigns));
}

TEST(Calibration, GuardsDoNotFailEqualArms) {
  constexpr int kCampaigns = 1000;
  const Plan plan = OneGate(21, 42, -2, Role::kGuard);
  const double share =
      Share(plan, World(), kCampaigns, "guard of 2%, no effect, 21 to 42 blocks: FAIL",
            [](const Judgement& judgement) {
              return AnyVerdict(judgement, Role::kGuard, Verdict::kFail);
            });
  EXPECT_LE(share, 0.01);
}

// What --plan and the report call visible, for one primary and for one guard.
TEST(Calibration, TheVisibleEffectIsFound) {
  constexpr int kCampaigns = 1500;
  World world;
  world.noise = 0.02;
  const double ratio_noise = world.noise * std::sqrt(2.0);  // of a block: two runs
  for (int blocks : {9, 21, 40}) {
    const Plan plan = OneGate(blocks, blocks, 0, Role::kPrimary);
    const double visible = SmallestVisibleEffect(ratio_noise, blocks, plan.alpha, 2);
    world.effect_percent = PercentOfGain(visible);
    const std::string what = "visible effect of " + std::to_string(world.effect_percent) + "%, " +
                             std::to_string(blocks) + " blocks: PASS";
    EXPECT_GE(Share(plan, world, kCampaigns, what.c_str(),
                    [](const Judgement& judgement) { return judgement.sound == Verdict::kPass; }),
              0.80 - ThreeErrors(0.80, kCampaigns));
  }
  const double visible = SmallestVisibleEffect(ratio_noise, 21, 0.05, 1);
  const Plan plan = OneGate(21, 21, -PercentOfGain(visible), Role::kGuard);
  world.effect_percent = 0;
  EXPECT_GE(Share(plan, world, kCampaigns, "guard at its visible margin, no effect: PASS",
                  [](const Judgement& judgement) { return judgement.sound == Verdict::kPass; }),
            0.80 - ThreeErrors(0.80, kCampaigns));
}

// The protocol of the work orders on a box that does nothing: what this laboratory is for.
TEST(Calibration, MediansAgainstGatesPassANoOp) {
  constexpr int kCampaigns = 1000;
  Plan plan = OneGate(21, 21, 1, Role::kPrimary);
  plan.protocol = Protocol::kWorkOrder;
  plan.screen_blocks = 7;
  const double go =
      Share(plan, World(), kCampaigns, "a no-op box, gate +1% by medians, 7 then 21: GO",
            [](const Judgement& judgement) { return judgement.work_order_verdict == "GO"; });
  const double sound =
      Share(plan, World(), kCampaigns, "the same by the sound verdict: PASS",
            [](const Judgement& judgement) { return judgement.sound == Verdict::kPass; });
  EXPECT_GT(go, 0.08);
  EXPECT_LE(sound, 0.05);
}

}  // namespace
}  // namespace hz4::ab
