// SPDX-License-Identifier: Apache-2.0
//
// The statistics of an A/B campaign: pure functions over samples, no I/O, no clock, no global
// state. Randomness enters only through a seed that the caller gives, so every figure can be
// recomputed.
//
// The paired functions take one number per block: the logarithm of the ratio between the two arms
// of that block. Under "no difference" these numbers are symmetric around zero, because the order
// inside a block is drawn at random; that symmetry, and no shape of the noise, is all the tests
// rely on.

#ifndef HZ4_BENCH_AB_STATS_H_
#define HZ4_BENCH_AB_STATS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hz4::ab {

struct Interval {
  double low = 0;
  double high = 0;
};

double Mean(const std::vector<double>& values);
double StandardDeviation(const std::vector<double>& values);  // n - 1 below; 0 for fewer than two
double Median(std::vector<double> values);                    // NaN for none
double Quantile(std::vector<double> values, double q);        // linear between order statistics

double NormalCdf(double z);
double NormalQuantile(double p);  // p in (0, 1)

// The median of all pairwise means: what the signed-rank test estimates.
double HodgesLehmann(const std::vector<double>& values);

// Exact interval around it, from the signed-rank test turned inside out. With so few values that no
// test could reject, the interval is unbounded.
Interval SignedRankInterval(const std::vector<double>& values, double confidence);

// Percentile bootstrap of the Hodges-Lehmann estimate.
Interval BootstrapInterval(const std::vector<double>& values, double confidence, int resamples,
                           std::uint64_t seed);

// Signed-rank test of `values - shift` against zero. The null distribution is exact, ties included
// (midranks), up to kExactLimit values; zeros are left out, as Wilcoxon did.
struct SignedRankResult {
  double p_greater = 1;  // small when the values lie above the shift
  double p_less = 1;     // small when they lie below it
  double p_two_sided = 1;
};
SignedRankResult SignedRank(const std::vector<double>& values, double shift);

// Two-sided rank-sum p of two independent samples (normal approximation, ties corrected).
double MannWhitney(const std::vector<double>& a, const std::vector<double>& b);

// Holm's step-down adjustment, in the order given.
std::vector<double> Holm(const std::vector<double>& p);

// Two-sided p that two samples come from one distribution.
double KolmogorovSmirnov(const std::vector<double>& a, const std::vector<double>& b);

struct Correlation {
  double rho = 0;
  double p = 1;
};
Correlation Spearman(const std::vector<double>& x, const std::vector<double>& y);

// How far the best split of the values into two groups stands apart, in units of the groups' own
// spread (Ashman's D); 0 for fewer than a dozen. Samples of one hump of any usual shape stay under
// kTwoHumps nineteen times in twenty.
inline constexpr double kTwoHumps = 5.0;
double Separation(std::vector<double> values);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_STATS_H_
