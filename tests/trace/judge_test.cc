// SPDX-License-Identifier: Apache-2.0
//
// That a trace finds what it is there to find: an allocator with one fault at a time is put under
// it.

#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <atomic>

#include "tests/support/test_env.h"
#include "tests/trace/allocator.h"
#include "tests/trace/shadow.h"
#include "tests/trace/trace.h"

namespace hz4 {
namespace test {
namespace {

enum Fault {
  kNone,
  kMisaligned,       // malloc is not aligned to 16
  kMemalignIgnored,  // memalign is malloc
  kDirtyCalloc,      // calloc does not clear
  kReallocForgets,   // realloc loses the last byte
  kHandedOutTwice,   // malloc returns a block that is live
  kWritesBehind,     // free writes into the neighbour
  kUsableTooSmall,   // usable_size is less than was asked for
  kRefuses,          // malloc fails without a reason
  kInvariantBroken,  // Check finds something
};

std::atomic<int> fault{kNone};
std::atomic<unsigned> calls{0};

bool Strikes(Fault which) { return fault == which && calls.fetch_add(1) % 500 == 499; }

// A faulty answer must not damage the process that judges it: blocks are padded on both sides, and
// never freed. The size stands in front of the block.
constexpr size_t kPad = 64;
char* Padded(size_t size, size_t align = 16) {
  char* base = static_cast<char*>(calloc(1, size + align + 4 * kPad));
  const uintptr_t start = (reinterpret_cast<uintptr_t>(base) + kPad + align - 1) & ~(align - 1);
  char* p = reinterpret_cast<char*>(start);
  memcpy(p - sizeof(size), &size, sizeof(size));
  return p;
}
size_t SizeOf(const void* p) {
  size_t size = 0;
  memcpy(&size, static_cast<const char*>(p) - sizeof(size), sizeof(size));
  return size;
}

char* Shifted(char* p, size_t by, size_t size) {
  memcpy(p + by - sizeof(size), &size, sizeof(size));
  return p + by;
}

char* last_block;

void* FaultyMalloc(size_t size) {
  if (Strikes(kRefuses)) return nullptr;
  if (Strikes(kHandedOutTwice) && last_block != nullptr) return last_block;
  if (Strikes(kMisaligned)) return Shifted(Padded(size + 16), 8, size);
  return last_block = Padded(size);
}
void* FaultyCalloc(size_t n, size_t size) {
  char* p = Padded(n * size);
  if (n * size != 0 && Strikes(kDirtyCalloc)) p[n * size / 2] = 1;
  return p;
}
size_t FaultyUsable(const void* p) { return Strikes(kUsableTooSmall) ? SizeOf(p) / 2 : SizeOf(p); }
void* FaultyRealloc(void* p, size_t size) {
  char* fresh = Padded(size);
  memcpy(fresh, p, std::min(size, SizeOf(p)));
  if (SizeOf(p) != 0 && Strikes(kReallocForgets)) fresh[0] ^= 1;
  return fresh;
}
void* FaultyMemalign(size_t align, size_t size) {
  if (Strikes(kMemalignIgnored)) return Shifted(Padded(size + align, align), align / 2, size);
  return Padded(size, align);
}
void FaultyFree(void*) {
  if (Strikes(kWritesBehind) && last_block != nullptr) last_block[0] ^= 1;
}

std::string FirstError(Fault which) {
  fault = which;
  calls = 0;
  last_block = nullptr;
  TraceOptions options;
  options.seed = Seed();
  options.threads = which == kHandedOutTwice || which == kWritesBehind ? 1 : 2;
  options.max_size = 3000;
  options.aligned_percent = which == kMemalignIgnored ? 20 : 0;
  options.rounds = 3;
  options.operations = 5000;
  return RunTrace(options).error;
}

}  // namespace

const TracedAllocator kTraced = {
    FaultyMalloc,
    FaultyCalloc,
    FaultyRealloc,
    FaultyMemalign,
    FaultyFree,
    FaultyUsable,
    [] { return fault == kInvariantBroken ? "broken" : nullptr; },
    [] {},
};

namespace {

TEST(Judge, FindsNothingInASoundAllocator) { EXPECT_EQ(FirstError(kNone), ""); }

TEST(Judge, FindsEveryFault) {
  EXPECT_NE(FirstError(kMisaligned).find("not aligned"), std::string::npos);
  EXPECT_NE(FirstError(kMemalignIgnored).find("not aligned"), std::string::npos);
  EXPECT_NE(FirstError(kDirtyCalloc).find("not zero"), std::string::npos);
  EXPECT_NE(FirstError(kReallocForgets).find("content changed"), std::string::npos);
  EXPECT_NE(FirstError(kHandedOutTwice), "");
  EXPECT_NE(FirstError(kWritesBehind).find("content changed"), std::string::npos);
  EXPECT_NE(FirstError(kUsableTooSmall).find("usable size below size"), std::string::npos);
  EXPECT_NE(FirstError(kRefuses).find("failed"), std::string::npos);
  EXPECT_NE(FirstError(kInvariantBroken).find("invariant: broken"), std::string::npos);
}

TEST(Shadow, OverlapsAreFoundWhereverTheyAre) {
  static uint8_t memory[1000];
  const Block a = {memory, 100, 112, 16, 1};
  const Block touching = {memory + 112, 10, 16, 16, 1};
  const Block inside = {memory + 111, 1, 1, 16, 1};
  const Block empty = {memory, 0, 0, 16, 1};
  EXPECT_EQ(CheckDisjoint({touching, a}), "");
  EXPECT_NE(CheckDisjoint({inside, touching, a}), "");
  EXPECT_NE(CheckDisjoint({a, empty}), "") << "two blocks at one address";
}

// Every byte of a block up to 4 KiB, and of the pieces of larger ones.
TEST(Shadow, AChangedByteIsFound) {
  static uint8_t memory[20000];
  for (size_t usable :
       {size_t{1}, size_t{7}, size_t{8}, size_t{100}, size_t{4096}, size_t{4097}, size_t{19999}}) {
    const Block block = {memory, usable, usable, 16, 42};
    Fill(block);
    EXPECT_EQ(CheckPattern(block), "");
    for (size_t at : {size_t{0}, usable / 2 / 4096 * 4096, usable - 1}) {
      memory[at] ^= 0x10;
      EXPECT_NE(CheckPattern(block), "") << at << " of " << usable;
      memory[at] ^= 0x10;
    }
    EXPECT_EQ(CheckPattern(block), "");
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
