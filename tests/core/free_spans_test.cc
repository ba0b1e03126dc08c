// SPDX-License-Identifier: Apache-2.0
//
// The free spans of one state against a model that looks at all of them.

#include "hz4/free_spans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/test_env.h"

namespace hz4 {
namespace {

std::string Wrong(const FreeSpans& spans, SpanState state = SpanState::kFree) {
  const char* wrong = spans.Check(state);
  return wrong == nullptr ? "" : wrong;
}

Span* NewSpan(std::vector<std::unique_ptr<Span>>* keep, size_t pages) {
  keep->emplace_back(new Span{});
  Span* span = keep->back().get();
  span->pages = static_cast<uint32_t>(pages);
  span->state = SpanState::kFree;
  return span;
}

// The bin-wise best fit is allowed to miss the best by one bin: 1/8 of the size.
void ExpectGoodAnswer(const FreeSpans& spans, const std::vector<Span*>& model, size_t pages) {
  Span* found = spans.Find(pages);
  size_t best = 0;
  for (const Span* s : model) {
    if (s->pages >= pages && (best == 0 || s->pages < best)) best = s->pages;
  }
  ASSERT_EQ(found != nullptr, best != 0) << "asked for " << pages << ", the best has " << best;
  if (found == nullptr) return;
  ASSERT_GE(found->pages, pages);
  ASSERT_NE(std::find(model.begin(), model.end(), found), model.end()) << "no longer inserted";
  if (pages <= 64) {
    const size_t bound = best <= 64 ? best : best + best / 8;
    ASSERT_LE(found->pages, bound) << "asked for " << pages << ", the best has " << best;
  }
}

void ExpectLargest(const FreeSpans& spans, const std::vector<Span*>& model) {
  size_t largest = 0;
  for (const Span* s : model) largest = std::max<size_t>(largest, s->pages);
  const Span* found = spans.Largest();
  ASSERT_EQ(found != nullptr, largest != 0);
  if (found == nullptr) return;
  ASSERT_GE(found->pages + found->pages / 8 + 1, largest) << "not of the largest bin";
}

void RunTrace(uint64_t max_pages, int steps) {
  test::Random random(test::Seed() + max_pages);
  FreeSpans spans;
  std::vector<std::unique_ptr<Span>> keep;
  std::vector<Span*> model;
  size_t sum = 0;
  for (int step = 0; step < steps; ++step) {
    // Every power of two and its neighbours is as likely as any size.
    const auto draw = [&] {
      const unsigned bits = static_cast<unsigned>(random.In(0, FloorLog2(max_pages)));
      const uint64_t near = std::max<uint64_t>(1, (uint64_t{1} << bits) + random.In(0, 2) - 1);
      return std::min(max_pages, random.OneIn(2) ? near : random.In(1, near));
    };
    if (model.empty() || random.In(0, 99) < (model.size() < 200 ? 55u : 45u)) {
      Span* span = NewSpan(&keep, draw());
      spans.Insert(span);
      model.push_back(span);
      sum += span->pages;
    } else {
      const size_t at = random.In(0, model.size() - 1);
      spans.Remove(model[at]);
      sum -= model[at]->pages;
      model.erase(model.begin() + static_cast<long>(at));
    }
    ASSERT_EQ(spans.pages(), sum);
    ASSERT_NO_FATAL_FAILURE(ExpectGoodAnswer(spans, model, draw())) << "step " << step;
    ASSERT_NO_FATAL_FAILURE(ExpectLargest(spans, model)) << "step " << step;
    if (step % 16 == 0) {
      ASSERT_EQ(Wrong(spans), "") << "step " << step;
    }
  }
}

TEST(FreeSpans, RandomTraceOfSmallSpans) { RunTrace(70, 20000); }
TEST(FreeSpans, RandomTraceOfMixedSpans) { RunTrace(3000, 20000); }
TEST(FreeSpans, RandomTraceOfHugeSpans) { RunTrace(UINT32_MAX, 20000); }

TEST(FreeSpans, EmptyFindsNothing) {
  FreeSpans spans;
  EXPECT_EQ(spans.Find(1), nullptr);
  EXPECT_EQ(spans.Find(UINT32_MAX / 2), nullptr);
  EXPECT_EQ(spans.Largest(), nullptr);
  EXPECT_EQ(Wrong(spans), "");
}

TEST(FreeSpans, ExactSizesAreFoundExactly) {
  std::vector<std::unique_ptr<Span>> keep;
  FreeSpans spans;
  for (size_t pages = 1; pages <= 64; ++pages) spans.Insert(NewSpan(&keep, pages));
  for (size_t pages = 1; pages <= 64; ++pages) EXPECT_EQ(spans.Find(pages)->pages, pages);
}

// Many spans of one geometric bin that are a little too small must not hide the one that fits.
TEST(FreeSpans, TheOnlyOneThatFitsIsFound) {
  std::vector<std::unique_ptr<Span>> keep;
  FreeSpans spans;
  Span* fits = NewSpan(&keep, 1100);
  spans.Insert(fits);
  for (int i = 0; i < 100; ++i) spans.Insert(NewSpan(&keep, 1030));
  EXPECT_EQ(spans.Find(1090), fits);
}

TEST(FreeSpansCheck, SeesFaults) {
  std::vector<std::unique_ptr<Span>> keep;
  FreeSpans spans;
  Span* a = NewSpan(&keep, 10);
  Span* b = NewSpan(&keep, 1000);
  spans.Insert(a);
  spans.Insert(b);
  ASSERT_EQ(Wrong(spans), "");
  a->state = SpanState::kReleased;
  EXPECT_EQ(Wrong(spans), "free spans: span of another state");
  a->state = SpanState::kFree;
  a->pages = 11;
  EXPECT_EQ(Wrong(spans), "free spans: span in the wrong bin");
  a->pages = 10;
  b->pages = 1001;  // of the same bin
  EXPECT_EQ(Wrong(spans), "free spans: pages != sum over the bins");
  b->pages = 1000;
  EXPECT_EQ(Wrong(spans), "");
}

}  // namespace
}  // namespace hz4
