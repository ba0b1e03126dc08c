// SPDX-License-Identifier: Apache-2.0
//
// The statistics against values from theory and from tables, computed by hand or by definition.

#include "bench/ab/stats.h"

#include <cmath>
#include <random>
#include <vector>

#include "bench/ab/sequential.h"
#include "gtest/gtest.h"

namespace hz4::ab {
namespace {

TEST(Stats, MediansAndQuantiles) {
  EXPECT_EQ(Median({3, 1, 2}), 2);
  EXPECT_EQ(Median({4, 1, 2, 3}), 2.5);
  EXPECT_TRUE(std::isnan(Median({})));
  EXPECT_DOUBLE_EQ(Quantile({0, 10}, 0.25), 2.5);
  EXPECT_DOUBLE_EQ(StandardDeviation({2, 4, 4, 4, 5, 5, 7, 9}), std::sqrt(32.0 / 7));
}

TEST(Stats, NormalDistribution) {
  EXPECT_NEAR(NormalQuantile(0.975), 1.959964, 1e-6);
  EXPECT_NEAR(NormalQuantile(0.5), 0, 1e-9);
  EXPECT_NEAR(NormalCdf(-1.959964), 0.025, 1e-6);
}

TEST(Stats, HodgesLehmannIsTheMedianOfPairwiseMeans) {
  // Means of pairs: 1, 1.5, 2.5, 2, 3, 4.
  EXPECT_DOUBLE_EQ(HodgesLehmann({1, 2, 4}), 2.25);
}

TEST(Stats, SignedRankCountsSubsets) {
  // All n positive: one of 2^n sign patterns.
  EXPECT_DOUBLE_EQ(SignedRank({1, 2, 3, 4, 5, 6, 7}, 0).p_greater, 1.0 / 128);
  EXPECT_DOUBLE_EQ(SignedRank({1, 2, 3, 4, 5, 6, 7}, 0).p_two_sided, 2.0 / 128);
  EXPECT_DOUBLE_EQ(SignedRank({1, 2, 3, 4, 5, 6, 7}, 0).p_less, 1);
  // n = 3, sum of positive ranks 5 (of {2,3}): patterns with sum >= 5 are {2,3}, {1,2,3}.
  EXPECT_DOUBLE_EQ(SignedRank({-1, 2, 3}, 0).p_greater, 2.0 / 8);
  // The shift moves the hypothesis.
  EXPECT_DOUBLE_EQ(SignedRank({1, 2, 3}, 10).p_less, 1.0 / 8);
  // Zeros are left out; nothing left is no evidence.
  EXPECT_DOUBLE_EQ(SignedRank({0, 0, 0}, 0).p_two_sided, 1);
}

TEST(Stats, SignedRankWithTiesIsExact) {
  // |d| = 1, 1, 2: midranks 1.5, 1.5, 3. Positive sum 4.5 is reached by {1.5, 3} twice and {all}.
  EXPECT_DOUBLE_EQ(SignedRank({1, -1, 2}, 0).p_greater, 3.0 / 8);
}

TEST(Stats, SignedRankApproximationMeetsTheExactCount) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal(0.15, 1);
  std::vector<double> values;
  for (int i = 0; i < 80; ++i) values.push_back(normal(random));
  const double exact = SignedRank(values, 0).p_two_sided;
  values.push_back(
      1e-9);  // one more value: the approximation; the smallest rank changes nothing much
  EXPECT_NEAR(SignedRank(values, 0).p_two_sided, exact, 0.01);
}

TEST(Stats, SignedRankIntervalMatchesTheTest) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal(1, 2);
  for (int n : {6, 7, 12, 21}) {
    std::vector<double> values;
    for (int i = 0; i < n; ++i) values.push_back(normal(random));
    const Interval interval = SignedRankInterval(values, 0.95);
    ASSERT_TRUE(std::isfinite(interval.low)) << n;
    // Just outside the interval the test rejects at 5%, just inside it does not.
    EXPECT_LE(SignedRank(values, interval.low - 1e-9).p_two_sided, 0.05) << n;
    EXPECT_GT(SignedRank(values, interval.low + 1e-9).p_two_sided, 0.05) << n;
    EXPECT_LE(SignedRank(values, interval.high + 1e-9).p_two_sided, 0.05) << n;
    EXPECT_GT(SignedRank(values, interval.high - 1e-9).p_two_sided, 0.05) << n;
  }
  EXPECT_TRUE(std::isinf(SignedRankInterval({1, 2, 3, 4, 5}, 0.95).low)) << "5 signs: p >= 1/16";
}

TEST(Stats, BootstrapIsRepeatableAndCoversTheEstimate) {
  const std::vector<double> values = {0.1, -0.2, 0.3, 0.5, 0.0, 0.2, 0.4};
  const Interval once = BootstrapInterval(values, 0.95, 500, 42);
  const Interval again = BootstrapInterval(values, 0.95, 500, 42);
  EXPECT_EQ(once.low, again.low);
  EXPECT_EQ(once.high, again.high);
  EXPECT_LT(once.low, HodgesLehmann(values));
  EXPECT_GT(once.high, HodgesLehmann(values));
}

TEST(Stats, HolmStepsDown) {
  const std::vector<double> adjusted = Holm({0.01, 0.04, 0.03, 0.005});
  EXPECT_DOUBLE_EQ(adjusted[3], 0.02);
  EXPECT_DOUBLE_EQ(adjusted[0], 0.03);
  EXPECT_DOUBLE_EQ(adjusted[2], 0.06);
  EXPECT_DOUBLE_EQ(adjusted[1], 0.06) << "never below a smaller p's";
}

TEST(Stats, MannWhitneyAndKolmogorovSmirnov) {
  const std::vector<double> low = {1, 2, 3, 4, 5, 6, 7};
  const std::vector<double> high = {11, 12, 13, 14, 15, 16, 17};
  EXPECT_LT(MannWhitney(low, high), 0.003);
  EXPECT_GT(MannWhitney(low, low), 0.9);
  EXPECT_LT(KolmogorovSmirnov(low, high), 0.01);
  EXPECT_GT(KolmogorovSmirnov(low, low), 0.99);
}

TEST(Stats, SpearmanSeesDrift) {
  std::vector<double> order;
  std::vector<double> rising;
  for (int i = 0; i < 21; ++i) {
    order.push_back(i);
    rising.push_back(std::exp(i * 0.1));
  }
  EXPECT_DOUBLE_EQ(Spearman(order, rising).rho, 1);
  EXPECT_LT(Spearman(order, rising).p, 1e-6);
}

TEST(Stats, SeparationSeesTwoHumpsAndNotOne) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  std::exponential_distribution<double> skewed;
  int false_alarms = 0;
  int missed = 0;
  constexpr int kSamples = 400;
  for (int i = 0; i < kSamples; ++i) {
    std::vector<double> one;
    std::vector<double> skew;
    std::vector<double> two;
    for (int k = 0; k < 21; ++k) {
      one.push_back(normal(random));
      skew.push_back(skewed(random));
      two.push_back(normal(random) + (k % 2 == 0 ? 8 : 0));
    }
    false_alarms += Separation(one) > kTwoHumps ? 1 : 0;
    false_alarms += Separation(skew) > kTwoHumps ? 1 : 0;
    missed += Separation(two) > kTwoHumps ? 0 : 1;
  }
  EXPECT_LE(false_alarms, 2 * kSamples / 20);
  EXPECT_LE(missed, kSamples / 20);
}

TEST(Sequential, SpendingReleasesAlphaOnce) {
  EXPECT_DOUBLE_EQ(SpentAlpha(0.05, 1), 0.05);
  EXPECT_NEAR(SpentAlpha(0.05, 0.5), 0.005575, 1e-5) << "O'Brien-Fleming at half the information";
  EXPECT_EQ(SpentAlpha(0.05, 0), 0);
  EXPECT_EQ(Looks(21, 42), (std::vector<int>{21, 32, 42}));
  EXPECT_EQ(Looks(21, 21), (std::vector<int>{21}));
}

TEST(Sequential, AdjustedValuesRejectExactlyWhatIsReleased) {
  const std::vector<int> looks = {21, 32, 42};
  double before = 0;
  for (std::size_t k = 0; k < looks.size(); ++k) {
    const double released = SpentAlpha(0.05, looks[k] / 42.0) - before;
    before = SpentAlpha(0.05, looks[k] / 42.0);
    EXPECT_LE(AdjustForLook(released * 0.999, looks, k), 0.05) << k;
    EXPECT_GT(AdjustForLook(released * 1.001, looks, k), 0.05) << k;
  }
  EXPECT_EQ(AdjustForLook(0.03, {21}, 0), 0.03);
}

TEST(Sequential, BlocksAndEffectsAreInverse) {
  const int blocks = BlocksNeeded(0.02, 0.01, 0.05, 2);
  EXPECT_NEAR(blocks, 35, 1) << "(1.96 + 0.84)^2 * 4 / 0.955, plus the small-sample part";
  EXPECT_LE(SmallestVisibleEffect(0.02, blocks, 0.05, 2), 0.01);
  EXPECT_GT(SmallestVisibleEffect(0.02, blocks - 1, 0.05, 2), 0.01);
  EXPECT_TRUE(std::isinf(SmallestVisibleEffect(0.02, 5, 0.05, 2)));
  EXPECT_LT(BlocksNeeded(0.02, 0.01, 0.05, 1), blocks);
}

}  // namespace
}  // namespace hz4::ab
