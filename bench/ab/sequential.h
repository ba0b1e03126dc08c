// SPDX-License-Identifier: Apache-2.0
//
// Looking more than once without lying, and how many runs a question takes.
//
// A lane that is still undecided may buy more blocks, and every look at the data is another chance
// to be fooled. The error rate is therefore spent: look k, at n_k of at most N blocks, may use only
// what the spending function has released since look k-1. The union bound keeps the total at alpha
// whatever the looks have to do with each other, so the exact signed-rank test can be used as it
// is.

#ifndef HZ4_BENCH_AB_SEQUENTIAL_H_
#define HZ4_BENCH_AB_SEQUENTIAL_H_

#include <vector>

namespace hz4::ab {

// How much of `alpha` is spent when the fraction `t` of the largest sample has been seen:
// O'Brien and Fleming's shape, next to nothing early, nearly all of it at the end.
double SpentAlpha(double alpha, double t);

// The numbers of blocks at which a campaign looks: `first`, then by steps of half of it up to
// `most`.
std::vector<int> Looks(int first, int most);

// The p-value of look `k` (at looks[k]) on the scale of the whole campaign: the smallest alpha at
// which that look would have been allowed to reject. With a single look it is p itself.
double AdjustForLook(double p, const std::vector<int>& looks, std::size_t k);

// Power calculations. `sd` is the standard deviation of a block's log ratio; `alpha` is two-sided
// where `sides` is 2. They allow for what the signed-rank test gives away against a t test on
// normal noise and for the small samples used here.
double SmallestVisibleEffect(double sd, int blocks, double alpha, int sides, double power = 0.80);
int BlocksNeeded(double sd, double effect, double alpha, int sides, double power = 0.80);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_SEQUENTIAL_H_
