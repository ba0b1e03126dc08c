// SPDX-License-Identifier: Apache-2.0
//
// The system refuses while threads are at work: one workload with the n-th call refused, for every
// n, and with all calls from the n-th on. Whatever happens: no crash, a refusal is NULL with
// ENOMEM, no block is damaged, every byte is accounted for, and once the system gives again
// everything works. What it refuses while hz4 starts is init_test's; one thread's long trace is
// tests/trace's.

#include <gtest/gtest.h>
#include <string.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "hz4/base/os.h"
#include "hz4/check.h"
#include "hz4/gauges.h"
#include "hz4/hz4.h"
#include "hz4/internal_api.h"
#include "hz4/side_arena.h"
#include "tests/core/in_child.h"
#include "tests/core/sanitizers.h"
#include "tests/core/threads.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace {

uint64_t LiveBytes() {
  side::DrainDeferred();
  hz4_release_memory();
  Gauges gauges;
  FillGauges(&gauges);
  return gauges.live_bytes;
}

struct Block {
  unsigned char* p;
  size_t size;
};
unsigned char TagOf(const Block& b) {
  return static_cast<unsigned char>(reinterpret_cast<uintptr_t>(b.p) >> 4 ^ b.size);
}
void Fill(const Block& b) {
  memset(b.p, TagOf(b), std::min<size_t>(b.size, 64));
  b.p[b.size / 2] = b.p[b.size - 1] = TagOf(b);
}
bool Holds(const Block& b, size_t size) {
  return std::all_of(b.p, b.p + std::min<size_t>(size, 64),
                     [&b](unsigned char c) { return c == TagOf(b); });
}

size_t SizeFrom(test::Random* random) {
  switch (random->In(0, 5)) {
    case 0:
      return random->In(1, 64);
    case 1:
      return random->In(65, 2048);
    case 2:
      return random->In(2049, 65536);
    case 3:
      return random->In(65537, 262144);
    case 4:
      return random->In(262145, size_t{1} << 20);
    default:
      return random->In(1, 512);
  }
}

// What one thread does; `may_fail`: a refusal is an answer. Its blocks are all freed in the end.
void Work(uint64_t seed, int steps, bool may_fail) {
  test::Random random(seed);
  std::vector<Block> blocks;
  const auto keep = [&](void* p, size_t size) {
    if (p == nullptr) {
      ASSERT_TRUE(may_fail) << size << " bytes refused";
      ASSERT_EQ(errno, ENOMEM);
      return;
    }
    blocks.push_back({static_cast<unsigned char*>(p), size});
    Fill(blocks.back());
  };
  for (int step = 0; step < steps; ++step) {
    const size_t size = SizeFrom(&random);
    errno = 0;
    switch (blocks.size() < 60 ? random.In(0, 9) : 9) {
      case 0:
      case 1:
      case 2:
        keep(hz4_malloc(size), size);
        break;
      case 3: {
        char* p = static_cast<char*>(hz4_calloc(1, size));
        if (p != nullptr) {
          ASSERT_TRUE(std::all_of(p, p + size, [](char c) { return c == 0; })) << size;
        }
        keep(p, size);
        break;
      }
      case 4: {
        const size_t align = size_t{1} << random.In(4, 18);
        void* p = hz4_memalign(align, size);
        ASSERT_EQ(reinterpret_cast<uintptr_t>(p) % align, 0u);
        keep(p, size);
        break;
      }
      case 5:
      case 6: {
        if (blocks.empty()) break;
        std::swap(blocks[random.In(0, blocks.size() - 1)], blocks.back());
        Block& b = blocks.back();
        const Block before = b;
        void* p = hz4_realloc(b.p, size);
        if (p == nullptr) {
          ASSERT_TRUE(may_fail);
          ASSERT_EQ(errno, ENOMEM);
          ASSERT_TRUE(Holds(b, b.size)) << "a refused realloc damaged its block";
          break;
        }
        b.p = static_cast<unsigned char*>(p);
        b.size = size;
        const size_t kept = std::min<size_t>({before.size, size, 64});
        ASSERT_TRUE(std::all_of(b.p, b.p + kept, [&](unsigned char c) {
          return c == TagOf(before);
        })) << "realloc lost the content";
        Fill(b);
        break;
      }
      default: {
        if (blocks.empty()) break;
        std::swap(blocks[random.In(0, blocks.size() - 1)], blocks.back());
        ASSERT_TRUE(Holds(blocks.back(), blocks.back().size)) << "a block was damaged";
        errno = 4711;
        hz4_free(blocks.back().p);
        ASSERT_EQ(errno, 4711) << "free changed errno";
        blocks.pop_back();
      }
    }
    if (step % 97 == 96) hz4_release_memory();
  }
  for (const Block& b : blocks) {
    ASSERT_TRUE(Holds(b, b.size));
    hz4_free(b.p);
  }
}

void WorkInThreads(bool may_fail) {
  test::RunThreads(3, [may_fail](int t) { Work(static_cast<uint64_t>(t) + 1, 150, may_fail); });
}

void RunWithRefusals(uint64_t n, bool sticky) {
  const uint64_t live = LiveBytes();
  os::FailNth(n, sticky);
  WorkInThreads(/*may_fail=*/true);
  Work(99, 150, /*may_fail=*/true);
  EXPECT_EQ(CheckAll(), nullptr);
  os::FailNth(0, false);
  EXPECT_EQ(CheckAll(), nullptr);
  EXPECT_EQ(LiveBytes(), live) << "something was lost";
  WorkInThreads(/*may_fail=*/false);
  EXPECT_EQ(CheckAll(), nullptr);
  EXPECT_EQ(LiveBytes(), live) << "something was lost afterwards";
}

void ExpectEveryRefusalIsSurvived(bool sticky) {
  // The threads' order is not the same each time, nor is the number of calls; about what it is, and
  // beyond, is enough. Calls far from the start are alike: of those every 13th.
  for (uint64_t n = 1; n <= 200; n += n < 40 ? 1 : 13) {
    if (test::kUnderTsan) {  // it lets no child of fork start threads
      RunWithRefusals(n, sticky);
    } else {
      ASSERT_EQ(test::InChild([&] { RunWithRefusals(n, sticky); }), "")
          << "call " << n << (sticky ? " and all later ones" : "");
    }
    if (testing::Test::HasFailure()) break;
  }
}

TEST(OsFailure, OneRefusedCallBesideThreads) { ExpectEveryRefusalIsSurvived(false); }

TEST(OsFailure, RefusedFromSomeCallOnBesideThreads) { ExpectEveryRefusalIsSurvived(true); }

}  // namespace
}  // namespace hz4
