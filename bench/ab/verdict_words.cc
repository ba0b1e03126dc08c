// SPDX-License-Identifier: Apache-2.0
//
// Sentences and numbers.

#include "bench/ab/verdict_words.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace hz4::ab {
namespace {

// A gate further than this from what a campaign can afford is only said to be out of reach.
constexpr int kAffordable = 100000;

std::string StageInWords(const Plan& plan, const Judgement& judgement) {
  if (judgement.stage == kStageScreen) {
    return absl::StrCat("the screen (", plan.screen_blocks, " blocks)");
  }
  return plan.screen_blocks > 0 ? "the replay" : "the campaign";
}

void AddSoundSentences(const Plan& plan, const Judgement& judgement,
                       std::vector<std::string>* sentences) {
  if (!judgement.complete) {
    sentences->push_back("The campaign was interrupted; --resume goes on with it.");
  }
  if (judgement.claims.empty()) {
    sentences->push_back("Nothing was measured, so there is no sound verdict.");
    return;
  }
  if (plan.same_arms) {
    const bool found = judgement.sound == Verdict::kFail;
    sentences->push_back(found ? "Declared A/A: a difference between the arms was found."
                               : "Declared A/A: no difference between the arms is claimed.");
  } else if (plan.protocol == Protocol::kWorkOrder && judgement.sound != Verdict::kInvalid) {
    sentences->push_back(absl::StrCat("Sound verdict beside it, on ", StageInWords(plan, judgement),
                                      ": ", VerdictName(judgement.sound), "."));
  }
  for (const Claim& claim : judgement.claims) sentences->push_back(ClaimInWords(claim));
}

}  // namespace

Tone ToneOf(Verdict verdict) {
  if (verdict == Verdict::kPass) return Tone::kGood;
  return verdict == Verdict::kInconclusive ? Tone::kOpen : Tone::kBad;
}

std::string NumberText(double value) {
  if (std::isnan(value)) return "unavailable";
  const double size = std::fabs(value);
  if (size >= 1e9) return absl::StrFormat("%.2f G", value / 1e9);
  if (size >= 1e6) return absl::StrFormat("%.2f M", value / 1e6);
  if (size >= 1e4) return absl::StrFormat("%.1f k", value / 1e3);
  return absl::StrFormat("%.4g", value);
}

std::string GainText(double log_ratio) {
  const double percent = PercentOfGain(log_ratio);
  if (!std::isfinite(percent)) return percent > 0 ? "+inf" : "-inf";
  return absl::StrFormat("%+.2f%%", percent);
}

std::string IntervalText(const Interval& interval) {
  if (!std::isfinite(interval.low) || !std::isfinite(interval.high)) return "unbounded";
  return absl::StrCat(GainText(interval.low), " .. ", GainText(interval.high));
}

std::string PText(double p) { return p < 0.0001 ? "<0.0001" : absl::StrFormat("%.4f", p); }

std::string LimitText(double percent, bool strict) {
  return absl::StrFormat("%s %+.1f%%", strict ? ">" : ">=", percent);
}

std::string ClaimInWords(const Claim& claim) {
  const std::string who = absl::StrCat(claim.lane, " ", claim.metric, ", ", claim.arm);
  if (claim.blocks == 0) return absl::StrCat(who, ": not measured.");
  std::string text =
      absl::StrCat(who, ": ", GainText(claim.estimate), " (", IntervalText(claim.interval), ")");
  if (claim.same_arms) {
    return absl::StrCat(text, claim.verdict == Verdict::kPass   ? ", no difference claimed."
                              : claim.verdict == Verdict::kFail ? ", a difference."
                                                                : ", too few blocks.");
  }
  absl::StrAppend(&text, absl::StrFormat(" against the gate %+.1f%%: ", claim.limit),
                  VerdictName(claim.verdict));
  if (claim.verdict == Verdict::kInconclusive && !std::isfinite(claim.visible)) {
    absl::StrAppend(&text, "; so few blocks cannot decide anything");
  }
  if (claim.undecidable) {
    const std::string needed = claim.blocks_needed > kAffordable
                                   ? absl::StrCat("more than ", kAffordable)
                                   : absl::StrCat(claim.blocks_needed);
    if (claim.limit == 0) {
      absl::StrAppend(&text,
                      "; undecidable for an arm equal to the base: no number of runs tells 0 "
                      "from 0, a difference of 1% would take ",
                      needed, " blocks");
    } else {
      absl::StrAppend(
          &text, absl::StrFormat(
                     "; undecidable at this noise: %d blocks see %.1f%%, this gate takes %s blocks",
                     claim.blocks, PercentOfGain(claim.visible), needed));
    }
  }
  return text + ".";
}

Headline DecisionInWords(const Plan& plan, const Judgement& judgement) {
  Headline headline;
  if (judgement.sound == Verdict::kInvalid) {
    headline.verdict = "INVALID";
    headline.tone = Tone::kBad;
    headline.sentences.push_back(
        absl::StrCat("No verdict can stand: ", judgement.invalid.front(),
                     judgement.invalid.size() > 1
                         ? absl::StrCat(" (and ", judgement.invalid.size() - 1, " more)")
                         : "",
                     "."));
    if (plan.protocol == Protocol::kWorkOrder && !judgement.work_order_verdict.empty()) {
      headline.sentences.push_back(absl::StrCat("By the work order's gates it would be ",
                                                judgement.work_order_verdict, ": ",
                                                judgement.decided_by, "."));
    }
  } else if (plan.protocol == Protocol::kWorkOrder) {
    const bool decided = !judgement.work_order_verdict.empty();
    headline.verdict = decided ? judgement.work_order_verdict : "INCONCLUSIVE";
    headline.tone = !decided                               ? Tone::kOpen
                    : judgement.work_order_verdict == "GO" ? Tone::kGood
                                                           : Tone::kBad;
    headline.sentences.push_back(absl::StrCat("By the work order's own gates, ", headline.verdict,
                                              ": ", judgement.decided_by, "."));
  } else {
    headline.verdict = VerdictName(judgement.sound);
    headline.tone = ToneOf(judgement.sound);
  }
  AddSoundSentences(plan, judgement, &headline.sentences);
  return headline;
}

}  // namespace hz4::ab
