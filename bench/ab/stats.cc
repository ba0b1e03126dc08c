// SPDX-License-Identifier: Apache-2.0
//
// Estimates, intervals and tests. The exact null distribution of the signed rank sum is a count of
// subsets: rank i is in the positive sum or not, each with probability one half.

#include "bench/ab/stats.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace hz4::ab {
namespace {

// Above this the normal approximation is closer than anybody can see, and the count costs n^3.
constexpr std::size_t kExactLimit = 80;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<double> Midranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t j = i;
    while (j + 1 < order.size() && values[order[j + 1]] == values[order[i]]) ++j;
    const double rank = (static_cast<double>(i + j) / 2) + 1;
    for (std::size_t k = i; k <= j; ++k) ranks[order[k]] = rank;
    i = j + 1;
  }
  return ranks;
}

// tail[s] = P(positive sum >= s) for the doubled ranks (doubling makes midranks whole).
std::vector<double> UpperTail(const std::vector<int>& doubled_ranks) {
  const int total = std::accumulate(doubled_ranks.begin(), doubled_ranks.end(), 0);
  std::vector<double> mass(static_cast<std::size_t>(total) + 2, 0.0);
  mass[0] = 1;
  int reached = 0;
  for (int rank : doubled_ranks) {
    reached += rank;
    for (int s = reached; s >= 0; --s) {
      const double without = s <= reached - rank ? mass[static_cast<std::size_t>(s)] : 0;
      const double with = s >= rank ? mass[static_cast<std::size_t>(s - rank)] : 0;
      mass[static_cast<std::size_t>(s)] = (without + with) / 2;
    }
  }
  for (std::size_t s = mass.size() - 1; s > 0; --s) mass[s - 1] += mass[s];
  return mass;
}

double RankSumVariance(const std::vector<double>& ranks) {
  double variance = 0;
  for (double rank : ranks) variance += rank * rank / 4;
  return variance;
}

void WalshAverages(const std::vector<double>& values, std::vector<double>* out) {
  std::vector<double>& averages = *out;
  averages.clear();
  averages.reserve(values.size() * (values.size() + 1) / 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = i; j < values.size(); ++j) averages.push_back((values[i] + values[j]) / 2);
  }
}

double MedianInPlace(std::vector<double>& values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

}  // namespace

double Mean(const std::vector<double>& values) {
  return values.empty() ? std::numeric_limits<double>::quiet_NaN()
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

double StandardDeviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double mean = Mean(values);
  double squares = 0;
  for (double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double Median(std::vector<double> values) { return MedianInPlace(values); }

double Quantile(std::vector<double> values, double q) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const double position = q * static_cast<double>(values.size() - 1);
  const std::size_t below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
}

double NormalCdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

double NormalQuantile(double p) {
  // Bisection: a dozen digits for forty evaluations, and no table of coefficients to trust.
  double low = -40;
  double high = 40;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (NormalCdf(middle) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

double HodgesLehmann(const std::vector<double>& values) {
  std::vector<double> averages;
  WalshAverages(values, &averages);
  return MedianInPlace(averages);
}

Interval SignedRankInterval(const std::vector<double>& values, double confidence) {
  const std::size_t n = values.size();
  std::vector<double> averages;
  WalshAverages(values, &averages);
  std::sort(averages.begin(), averages.end());
  const double alpha = (1 - confidence) / 2;
  // The largest count k of averages that may lie beyond each end: P(sum < k) <= alpha.
  std::ptrdiff_t k = 0;
  if (n <= kExactLimit) {
    std::vector<int> doubled(n);
    for (std::size_t i = 0; i < n; ++i) doubled[i] = 2 * static_cast<int>(i + 1);
    const std::vector<double> tail = UpperTail(doubled);
    // P(sum <= j) by symmetry is P(sum >= total - j).
    const std::size_t total = n * (n + 1) / 2;
    while (static_cast<std::size_t>(k) <= total &&
           tail[2 * (total - static_cast<std::size_t>(k))] <= alpha) {
      ++k;
    }
  } else {
    const double count = static_cast<double>(n);
    const double mean = count * (count + 1) / 4;
    const double sd = std::sqrt(count * (count + 1) * (2 * count + 1) / 24);
    k = static_cast<std::ptrdiff_t>(std::floor(mean + NormalQuantile(alpha) * sd));
  }
  if (k <= 0) return {-kInfinity, kInfinity};
  const std::size_t index = static_cast<std::size_t>(k - 1);
  return {averages[index], averages[averages.size() - 1 - index]};
}

Interval BootstrapInterval(const std::vector<double>& values, double confidence, int resamples,
                           std::uint64_t seed) {
  if (values.size() < 2) return {-kInfinity, kInfinity};
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::size_t> pick(0, values.size() - 1);
  std::vector<double> estimates;
  std::vector<double> averages;  // kept: a resample must not cost an allocation
  std::vector<double> sample(values.size());
  for (int i = 0; i < resamples; ++i) {
    for (double& value : sample) value = values[pick(random)];
    WalshAverages(sample, &averages);
    estimates.push_back(MedianInPlace(averages));
  }
  const double alpha = (1 - confidence) / 2;
  return {Quantile(estimates, alpha), Quantile(estimates, 1 - alpha)};
}

SignedRankResult SignedRank(const std::vector<double>& values, double shift) {
  std::vector<double> sizes;
  std::vector<bool> positive;
  for (double value : values) {
    const double difference = value - shift;
    if (difference == 0) continue;
    sizes.push_back(std::fabs(difference));
    positive.push_back(difference > 0);
  }
  SignedRankResult result;
  if (sizes.empty()) return result;
  const std::vector<double> ranks = Midranks(sizes);
  double above = 0;
  double below = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) (positive[i] ? above : below) += ranks[i];
  if (ranks.size() <= kExactLimit) {
    std::vector<int> doubled;
    for (double rank : ranks) doubled.push_back(static_cast<int>(std::lround(2 * rank)));
    const std::vector<double> tail = UpperTail(doubled);
    result.p_greater = tail[static_cast<std::size_t>(std::lround(2 * above))];
    result.p_less = tail[static_cast<std::size_t>(std::lround(2 * below))];
  } else {
    const double sd = std::sqrt(RankSumVariance(ranks));
    const double mean = (above + below) / 2;
    result.p_greater = 1 - NormalCdf((above - mean - 0.5) / sd);
    result.p_less = 1 - NormalCdf((below - mean - 0.5) / sd);
  }
  result.p_two_sided = std::min(1.0, 2 * std::min(result.p_greater, result.p_less));
  return result;
}

double MannWhitney(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty() || b.empty()) return 1;
  std::vector<double> all = a;
  all.insert(all.end(), b.begin(), b.end());
  const std::vector<double> ranks = Midranks(all);
  const double n = static_cast<double>(a.size());
  const double m = static_cast<double>(b.size());
  const double sum =
      std::accumulate(ranks.begin(), ranks.begin() + static_cast<long>(a.size()), 0.0);
  double square = 0;
  const double middle = (n + m + 1) / 2;
  for (double rank : ranks) square += (rank - middle) * (rank - middle);
  const double variance = n * m / ((n + m) * (n + m - 1)) * square;
  if (variance <= 0) return 1;
  const double distance = std::max(0.0, std::fabs(sum - n * middle) - 0.5);
  return std::min(1.0, 2 * (1 - NormalCdf(distance / std::sqrt(variance))));
}

std::vector<double> Holm(const std::vector<double>& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, static_cast<double>(p.size() - i) * p[order[i]]);
    adjusted[order[i]] = std::min(1.0, largest);
  }
  return adjusted;
}

double KolmogorovSmirnov(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty() || b.empty()) return 1;
  std::vector<double> x = a;
  std::vector<double> y = b;
  std::sort(x.begin(), x.end());
  std::sort(y.begin(), y.end());
  const double n = static_cast<double>(x.size());
  const double m = static_cast<double>(y.size());
  double distance = 0;
  for (std::size_t i = 0, j = 0; i < x.size() && j < y.size();) {
    const double at = std::min(x[i], y[j]);
    while (i < x.size() && x[i] <= at) ++i;
    while (j < y.size() && y[j] <= at) ++j;
    distance =
        std::max(distance, std::fabs(static_cast<double>(i) / n - static_cast<double>(j) / m));
  }
  const double root = std::sqrt(n * m / (n + m));
  const double lambda = (root + 0.12 + 0.11 / root) * distance;
  if (lambda < 0.2) return 1;
  double sum = 0;
  for (int k = 1; k <= 100; ++k) {
    sum += (k % 2 == 1 ? 2 : -2) * std::exp(-2.0 * k * k * lambda * lambda);
  }
  return std::min(1.0, std::max(0.0, sum));
}

Correlation Spearman(const std::vector<double>& x, const std::vector<double>& y) {
  Correlation result;
  if (x.size() != y.size() || x.size() < 4) return result;
  const std::vector<double> a = Midranks(x);
  const std::vector<double> b = Midranks(y);
  const double middle = Mean(a);
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - middle) * (b[i] - middle);
    aa += (a[i] - middle) * (a[i] - middle);
    bb += (b[i] - middle) * (b[i] - middle);
  }
  if (aa <= 0 || bb <= 0) return result;
  result.rho = ab / std::sqrt(aa * bb);
  // Fisher's transformation with the variance that suits ranks.
  const double bounded = std::min(0.999999, std::fabs(result.rho));
  const double z = std::atanh(bounded) * std::sqrt((static_cast<double>(x.size()) - 3) / 1.06);
  result.p = std::min(1.0, 2 * (1 - NormalCdf(z)));
  return result;
}

double Separation(std::vector<double> values) {
  const std::size_t n = values.size();
  // With fewer values three neighbours by chance look like a hump.
  constexpr std::size_t kFewest = 12;
  if (n < kFewest) return 0;
  const std::size_t smallest_group = std::max<std::size_t>(3, n / 5);
  std::sort(values.begin(), values.end());
  double best = 0;
  for (std::size_t cut = smallest_group; cut + smallest_group <= n; ++cut) {
    const std::vector<double> low(values.begin(), values.begin() + static_cast<long>(cut));
    const std::vector<double> high(values.begin() + static_cast<long>(cut), values.end());
    const double spread = std::hypot(StandardDeviation(low), StandardDeviation(high));
    const double gap = Mean(high) - Mean(low);
    if (gap <= 0) continue;
    best = std::max(best, spread > 0 ? std::sqrt(2.0) * gap / spread : kInfinity);
  }
  return best;
}

}  // namespace hz4::ab
