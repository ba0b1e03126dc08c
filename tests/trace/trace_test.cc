// SPDX-License-Identifier: Apache-2.0
//
// The traces that run under every variant: one for each kind of life that blocks have.

#include "tests/trace/trace.h"

#include <gtest/gtest.h>

#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

// TEST_REFUSALS=1: the variant gives hz4 less memory than a trace asks for.

// A sanitizer's build does a tenth of the work in the same time.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned kShare = 10;
#else
constexpr unsigned kShare = 1;
#endif

void ExpectTrace(TraceOptions options) {
  options.seed = Seed();
  options.operations /= kShare;
  options.failures_allowed = !Variable("TEST_REFUSALS").empty();
  const TraceResult result = RunTrace(options);
  EXPECT_EQ(result.error, "") << "seed " << options.seed;
  testing::Test::RecordProperty("operations", std::to_string(result.operations));
}

TEST(Trace, EverySizeFromFourThreads) { ExpectTrace({}); }

TEST(Trace, OneThread) {
  TraceOptions options;
  options.threads = 1;
  options.operations = 20000;
  options.rounds = 3;
  ExpectTrace(options);
}

// What the mid route is for: sizes above small, freed by another thread.
TEST(Trace, MidSizesFreedElsewhere) {
  TraceOptions options;
  options.min_size = 2049;
  options.max_size = 65536;
  options.remote_percent = 90;
  options.aligned_percent = 2;
  options.live_bytes = 8 << 20;
  options.operations = 6000;
  ExpectTrace(options);
}

// A few classes only: lists run empty and full all the time.
TEST(Trace, FewClassesManyThreads) {
  TraceOptions options;
  options.min_size = 3000;
  options.max_size = 4000;
  options.threads = 12;
  options.rounds = 6;
  options.operations = 2500;
  options.slots = 60;
  options.remote_percent = 50;
  options.aligned_percent = 0;
  ExpectTrace(options);
}

TEST(Trace, SmallSizes) {
  TraceOptions options;
  options.max_size = 2048;
  options.operations = 12000;
  options.slots = 2000;
  options.remote_percent = 20;
  ExpectTrace(options);
}

TEST(Trace, LargeBlocks) {
  TraceOptions options;
  options.min_size = 200000;
  options.max_size = 12 << 20;
  options.live_bytes = 40 << 20;
  options.slots = 24;
  options.rounds = 3;
  options.operations = 300;
  ExpectTrace(options);
}

// Threads that do little and exit: what they cache must find its way back every time.
TEST(Trace, ShortLivedThreads) {
  TraceOptions options;
  options.threads = 8;
  options.rounds = 60;
  options.operations = 100;
  options.slots = 40;
  options.max_size = 70000;
  options.remote_percent = 60;
  ExpectTrace(options);
}

}  // namespace
}  // namespace test
}  // namespace hz4
