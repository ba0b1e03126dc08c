// SPDX-License-Identifier: Apache-2.0
//
// One span without a heap: descriptor and bitmaps are the test's.

#include "hz4/span.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/support/test_env.h"

namespace hz4 {
namespace {

constexpr uintptr_t kStart = uintptr_t{3} << 32;

// A span of `cls` at an address that nobody reads or writes.
class TestSpan {
 public:
  explicit TestSpan(unsigned cls, bool with_remote = false) : span_(new Span{}) {
    Span& s = *span_;
    s.start = kStart;
    s.pages = Class(cls).span_pages;
    s.state = SpanState::kObjects;
    s.size_class = static_cast<uint8_t>(cls);
    s.objects = Class(cls).objects;
    bits_.resize(s.BitWords());
    s.free_bits = bits_.data();
    if (with_remote) {
      remote_.reset(new std::atomic<uint64_t>[s.BitWords()]());
      s.remote_bits = remote_.get();
    }
  }
  Span* operator->() { return span_.get(); }
  Span& operator*() { return *span_; }
  std::string Check() {
    const char* wrong = span_->Check();
    return wrong == nullptr ? "" : wrong;
  }

 private:
  std::unique_ptr<Span> span_;
  std::vector<uint64_t> bits_;
  std::unique_ptr<std::atomic<uint64_t>[]> remote_;
};

TEST(Span, HandsOutEveryObjectOnceAndThenIsFull) {
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    TestSpan span(cls);
    EXPECT_TRUE(span->HasFree());
    EXPECT_TRUE(span->AllFree());
    std::set<void*> seen;
    for (uint32_t i = 0; i < Class(cls).objects; ++i) {
      void* p = span->Take();
      ASSERT_NE(p, nullptr);
      ASSERT_TRUE(seen.insert(p).second) << "class " << cls << ": an object twice";
      const uintptr_t at = reinterpret_cast<uintptr_t>(p);
      ASSERT_TRUE(at >= span->start && at + Class(cls).size <= span->End()) << cls;
      ASSERT_EQ((at - kStart) % Class(cls).size, 0u);
      ASSERT_EQ(span->ObjectAt(span->IndexOf(p)), p);
      ASSERT_TRUE(span->IsObjectStart(p));
    }
    EXPECT_EQ(span->Take(), nullptr);
    EXPECT_FALSE(span->HasFree());
    EXPECT_FALSE(span->AllFree());
    EXPECT_EQ(span.Check(), "");
  }
}

TEST(Span, ObjectStartsAreOnlyWhatWasHandedOut) {
  TestSpan span(SizeToClass(80));
  const char* first = static_cast<const char*>(span->Take());
  EXPECT_TRUE(span->IsObjectStart(first));
  for (int offset = 1; offset < 80; ++offset) {
    EXPECT_FALSE(span->IsObjectStart(first + offset)) << offset;
  }
  EXPECT_FALSE(span->IsObjectStart(first + 80)) << "never handed out";
  const uintptr_t tail = span->End() - 1;
  EXPECT_FALSE(span->IsObjectStart(reinterpret_cast<void*>(tail)));
}

TEST(Span, PutTwiceIsSeen) {
  TestSpan span(SizeToClass(48));
  void* a = span->Take();
  void* b = span->Take();
  EXPECT_TRUE(span->Put(span->IndexOf(a)));
  EXPECT_FALSE(span->Put(span->IndexOf(a)));
  EXPECT_EQ(span->free_count, 1u) << "a refused Put changed something";
  EXPECT_TRUE(span->Put(span->IndexOf(b)));
  EXPECT_TRUE(span->AllFree());
  EXPECT_EQ(span.Check(), "");
}

TEST(Span, ARunIsPutBackUpToTheFirstThatDoesNotBelong) {
  TestSpan span(SizeToClass(48));
  void* taken[6];
  ASSERT_EQ(span->TakeBatch(taken + 6, 6), 6u);
  std::reverse(taken, taken + 6);  // rising addresses
  EXPECT_EQ(span->PutRun(taken, 2), 2u);
  EXPECT_EQ(span->free_count, 2u);
  char* const third = static_cast<char*>(taken[2]);
  void* const wrong[] = {taken[0],
                         third + 16,
                         third + 1,
                         static_cast<char*>(taken[5]) + 48,
                         &span,
                         nullptr,
                         reinterpret_cast<void*>(span->End())};
  for (void* p : wrong) {
    void* const run[] = {taken[3], p, taken[4]};
    EXPECT_EQ(span->PutRun(run, 3), 1u) << p;
    EXPECT_EQ(span->PutRun(run + 1, 2), 0u) << p;
    EXPECT_EQ(span->free_count, 3u);
    EXPECT_EQ(span.Check(), "");
    void* again = nullptr;  // the lowest free one
    while (again != taken[3]) ASSERT_EQ(span->TakeBatch(&again + 1, 1), 1u);
    ASSERT_EQ(span->PutRun(taken, 2), 2u);
  }
  EXPECT_EQ(span->PutRun(taken + 2, 4), 4u);
  EXPECT_TRUE(span->AllFree());
  EXPECT_EQ(span.Check(), "");
}

// Rising and falling runs, single objects and, now and then, one that does not belong.
TEST(Span, RunsOfAllShapesArePutBackUpToTheFirstThatDoesNotBelong) {
  test::Random random(test::Seed());
  for (unsigned cls : {1u, 2u, 7u, 33u, kLastSmallClass, kNumClasses}) {
    TestSpan span(cls);
    std::vector<void*> batch(Class(cls).objects);
    for (int step = 0; step < 500; ++step) {
      const auto most = static_cast<uint32_t>(batch.size());
      span->TakeBatch(batch.data() + most, static_cast<uint32_t>(random.In(0, most)));
      std::set<uint32_t> out;
      for (uint32_t i = 0; i < span->carved; ++i) {
        if (!span->IsFree(i)) out.insert(i);
      }
      std::vector<void*> run;
      uint32_t good = 0;  // of run, before the first that does not belong
      bool wrong = false;
      for (uint64_t segments = random.In(1, 8); segments > 0; --segments) {
        const bool rising = random.OneIn(2);
        auto i = static_cast<int64_t>(random.In(0, Class(cls).objects - 1));
        for (uint64_t n = random.In(1, 150); n > 0; --n, i += rising ? 1 : -1) {
          if (i < 0 || i >= span->objects) break;
          const bool belongs = out.count(static_cast<uint32_t>(i)) > 0;
          // Few of those that are free already, or no run would ever be long.
          if (!belongs && !random.OneIn(20)) break;
          char* p = static_cast<char*>(span->ObjectAt(static_cast<uint32_t>(i)));
          const bool inside = random.OneIn(200);
          run.push_back(inside ? p + 1 : p);
          wrong = wrong || inside || !belongs;
          if (!wrong) {
            ++good;
            out.erase(static_cast<uint32_t>(i));
          }
        }
      }
      if (run.empty()) continue;
      ASSERT_EQ(span->PutRun(run.data(), static_cast<uint32_t>(run.size())), good)
          << "class " << cls << " step " << step;
      ASSERT_EQ(span->carved - span->free_count, out.size());
      for (uint32_t i : out) ASSERT_FALSE(span->IsFree(i)) << i;
      ASSERT_EQ(span.Check(), "") << "class " << cls << " step " << step;
    }
  }
}

TEST(Span, FreedObjectsComeBackBeforeFreshOnes) {
  TestSpan span(SizeToClass(4096));
  void* a = span->Take();
  span->Take();
  ASSERT_TRUE(span->Put(span->IndexOf(a)));
  EXPECT_EQ(span->Take(), a);
  EXPECT_EQ(span->carved, 2u);
}

TEST(Span, WhoPopsABatchFromItsEndGetsRisingAddresses) {
  TestSpan span(SizeToClass(48));
  void* out[210] = {};
  ASSERT_EQ(span->TakeBatch(out + 200, 200), 200u);
  for (uint32_t i = 0; i < 200; ++i) ASSERT_EQ(out[199 - i], span->ObjectAt(i));
  for (uint32_t i = 40; i < 200; i += 7) ASSERT_TRUE(span->Put(i));
  const uint32_t back = span->free_count;
  // The ones that came back, then fresh ones.
  ASSERT_EQ(span->TakeBatch(out + 210, back + 10), back + 10);
  void** next = out + 210;
  for (uint32_t i = 40; i < 200; i += 7) ASSERT_EQ(*--next, span->ObjectAt(i));
  for (uint32_t i = 200; i < 210; ++i) ASSERT_EQ(*--next, span->ObjectAt(i));
  EXPECT_EQ(span.Check(), "");
}

TEST(Span, RandomTraceAgainstASetOfObjects) {
  test::Random random(test::Seed());
  for (unsigned cls : {1u, 2u, 7u, 33u, kLastSmallClass, 60u, kLastMidClass, kNumClasses}) {
    TestSpan span(cls);
    std::vector<uint32_t> out;  // indices handed out
    std::vector<void*> batch(Class(cls).objects + 10);
    for (int step = 0; step < 3000; ++step) {
      const uint32_t room = Class(cls).objects - static_cast<uint32_t>(out.size());
      if (random.OneIn(2)) {
        const uint32_t want =
            static_cast<uint32_t>(random.In(0, std::min<size_t>(100, batch.size())));
        void** const end = batch.data() + batch.size();
        const uint32_t got = span->TakeBatch(end, want);
        ASSERT_EQ(got, std::min(want, room)) << "class " << cls << " step " << step;
        for (void** p = end - got; p < end; ++p) out.push_back(span->IndexOf(*p));
      } else {
        for (uint64_t n = random.In(1, 100); n > 0 && !out.empty(); --n) {
          std::swap(out[random.In(0, out.size() - 1)], out.back());
          if (random.OneIn(2)) {
            ASSERT_TRUE(span->Put(out.back()));
          } else {
            void* const p = span->ObjectAt(out.back());
            ASSERT_EQ(span->PutRun(&p, 1), 1u);
          }
          out.pop_back();
        }
      }
      const std::set<uint32_t> distinct(out.begin(), out.end());
      ASSERT_EQ(distinct.size(), out.size()) << "class " << cls << " step " << step;
      ASSERT_EQ(span->carved - span->free_count, out.size());
      ASSERT_EQ(span->AllFree(), out.empty());
      ASSERT_EQ(span->HasFree(), out.size() < Class(cls).objects);
      ASSERT_EQ(span.Check(), "") << "class " << cls << " step " << step;
    }
  }
}

// --- Check sees faults ---

// A span with some objects out, some back and some never carved.
TestSpan Used(bool with_remote = false) {
  TestSpan span(SizeToClass(256), with_remote);
  void* out[100];
  EXPECT_EQ(span->TakeBatch(out + 100, 100), 100u);
  for (int i = 0; i < 100; i += 3) EXPECT_TRUE(span->Put(span->IndexOf(out[i])));
  EXPECT_EQ(span.Check(), "");
  return span;
}

TEST(SpanCheck, SeesALostFreeBit) {
  TestSpan span = Used();
  span->free_bits[0] &= span->free_bits[0] - 1;
  EXPECT_EQ(span.Check(), "span: free_count != number of free bits");
}

TEST(SpanCheck, SeesAWrongCount) {
  TestSpan span = Used();
  --span->free_count;
  EXPECT_EQ(span.Check(), "span: free_count != number of free bits");
  span->free_count = span->carved + 1;
  EXPECT_EQ(span.Check(), "span: free_count > carved");
}

TEST(SpanCheck, SeesAFreeObjectThatWasNeverCarved) {
  TestSpan span = Used();
  ASSERT_TRUE(span->Put(span->carved));
  EXPECT_EQ(span.Check(), "span: free bit above carved");
}

TEST(SpanCheck, SeesCarvingBeyondTheEnd) {
  TestSpan span = Used();
  span->carved = span->objects + 1;
  EXPECT_EQ(span.Check(), "span: carved > objects");
}

TEST(SpanCheck, SeesAMissingClass) {
  TestSpan span = Used();
  for (unsigned cls : {kNoClass, kNumClasses + 1, kLargeClass}) {
    span->size_class = static_cast<uint8_t>(cls);
    EXPECT_EQ(span.Check(), "span without a size class");
  }
}

TEST(SpanCheck, SeesAnObjectInBothBitmaps) {
  TestSpan span = Used(/*with_remote=*/true);
  span->remote_bits[0] |= uint64_t{1} << 1;  // handed out
  EXPECT_EQ(span.Check(), "");
  span->remote_bits[0] |= uint64_t{1} << 3;  // free already
  EXPECT_EQ(span.Check(), "span: object both free and freed remotely");
}

// --- lists ---

std::vector<Span*> Content(const SpanList& list) {
  std::vector<Span*> content;
  Span* before = nullptr;
  for (Span* s = list.front(); s != nullptr; s = s->next) {
    EXPECT_EQ(s->prev, before);
    content.push_back(before = s);
  }
  EXPECT_EQ(list.size(), content.size());
  EXPECT_EQ(list.empty(), content.empty());
  return content;
}

TEST(SpanList, RandomTraceAgainstAVector) {
  test::Random random(test::Seed());
  std::vector<Span> spans(40);
  std::vector<Span*> outside;
  for (Span& s : spans) outside.push_back(&s);
  std::vector<Span*> model;
  SpanList list;
  for (int step = 0; step < 20000; ++step) {
    const bool add = !outside.empty() && (model.empty() || random.OneIn(2));
    if (add) {
      Span* s = outside.back();
      outside.pop_back();
      if (random.OneIn(2)) {
        list.PushFront(s);
        model.insert(model.begin(), s);
      } else {
        list.PushBack(s);
        model.push_back(s);
      }
    } else {
      const size_t at = random.In(0, model.size() - 1);
      list.Remove(model[at]);
      EXPECT_EQ(model[at]->next, nullptr);
      EXPECT_EQ(model[at]->prev, nullptr);
      outside.push_back(model[at]);
      model.erase(model.begin() + static_cast<long>(at));
    }
    ASSERT_EQ(Content(list), model) << "step " << step;
  }
}

}  // namespace
}  // namespace hz4
