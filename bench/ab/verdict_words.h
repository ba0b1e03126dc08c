// SPDX-License-Identifier: Apache-2.0
//
// The decision in words, and how numbers are written wherever people read them.

#ifndef HZ4_BENCH_AB_VERDICT_WORDS_H_
#define HZ4_BENCH_AB_VERDICT_WORDS_H_

#include <string>
#include <vector>

#include "bench/ab/judgement.h"
#include "bench/ab/plan.h"

namespace hz4::ab {

enum class Tone { kGood, kBad, kOpen };

struct Headline {
  std::string verdict;  // GO, NO-GO, PASS, FAIL, INCONCLUSIVE, INVALID
  Tone tone = Tone::kOpen;
  std::vector<std::string> sentences;
};
Headline DecisionInWords(const Plan& plan, const Judgement& judgement);

// What a claim's numbers mean, in a sentence.
std::string ClaimInWords(const Claim& claim);

std::string NumberText(double value);                // 4 significant digits, "unavailable" for NaN
std::string GainText(double log_ratio);              // "+1.23%"
std::string IntervalText(const Interval& interval);  // "-0.4% .. +2.1%"
std::string PText(double p);
std::string LimitText(double percent, bool strict);  // ">= -1.0%"
Tone ToneOf(Verdict verdict);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_VERDICT_WORDS_H_
