// SPDX-License-Identifier: Apache-2.0
//
// Alpha spending and sample sizes.

#include "bench/ab/sequential.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "bench/ab/stats.h"

namespace hz4::ab {
namespace {

// The signed-rank test needs 1/0.955 times the sample of a t test when the noise is normal.
constexpr double kRankEfficiency = 0.955;

// A test of n values cannot use the normal quantiles as if the spread were known: Guenther's
// correction adds half the squared quantile of the test's level to the sample; one more value pays
// for the steps in which a rank test's level comes.
double CriticalSum(double alpha, int sides, double power) {
  return NormalQuantile(1 - alpha / sides) + NormalQuantile(power);
}

double SmallSampleExtra(double alpha, int sides) {
  const double z = NormalQuantile(1 - alpha / sides);
  return z * z / 2 + 1;
}

}  // namespace

double SpentAlpha(double alpha, double t) {
  if (t <= 0) return 0;
  if (t >= 1) return alpha;
  return 2 * (1 - NormalCdf(NormalQuantile(1 - alpha / 2) / std::sqrt(t)));
}

std::vector<int> Looks(int first, int most) {
  std::vector<int> looks{first};
  const int step = std::max(1, (first + 1) / 2);
  while (looks.back() < most) looks.push_back(std::min(most, looks.back() + step));
  return looks;
}

double AdjustForLook(double p, const std::vector<int>& looks, std::size_t k) {
  if (looks.size() == 1) return p;
  const double most = looks.back();
  const double now = looks[k] / most;
  const double before = k == 0 ? 0 : looks[k - 1] / most;
  const auto released = [&](double alpha) {
    return SpentAlpha(alpha, now) - SpentAlpha(alpha, before);
  };
  // Released alpha grows with alpha only while alpha is small; beyond that nothing is rejected.
  constexpr double kLargest = 0.3;
  if (p >= released(kLargest)) return 1;
  double low = 0;
  double high = kLargest;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (middle > 0 && released(middle) >= p ? high : low) = middle;
  }
  return high;
}

double SmallestVisibleEffect(double sd, int blocks, double alpha, int sides, double power) {
  const double useful = blocks * kRankEfficiency - SmallSampleExtra(alpha, sides);
  // The most extreme outcome of n signs has probability 2^-n on one side: with fewer, nothing can
  // ever be seen.
  if (useful <= 0 || std::ldexp(1.0, -blocks) > alpha / sides) {
    return std::numeric_limits<double>::infinity();
  }
  return CriticalSum(alpha, sides, power) * sd / std::sqrt(useful);
}

int BlocksNeeded(double sd, double effect, double alpha, int sides, double power) {
  if (effect <= 0) return std::numeric_limits<int>::max();
  const double ratio = CriticalSum(alpha, sides, power) * sd / effect;
  const double blocks = (ratio * ratio + SmallSampleExtra(alpha, sides)) / kRankEfficiency;
  const double fewest = std::ceil(-std::log2(alpha / sides));
  return static_cast<int>(std::min(1e9, std::ceil(std::max(blocks, fewest))));
}

}  // namespace hz4::ab
