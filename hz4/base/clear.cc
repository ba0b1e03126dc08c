// SPDX-License-Identifier: Apache-2.0
#include "hz4/base/clear.h"

#include <atomic>

#include "hz4/base/os.h"

namespace hz4 {
namespace {

constexpr size_t kPagesAsked = 2048;  // at a time
constexpr size_t kLeastRun = 16;      // pages; fewer are cleared faster than given back

// What blocks were like lately, of any size: a program that never touches its blocks need not be
// asked about, nor one that always uses all of them. What was cleared once is in memory, so a
// program that turns from the second into the first is noticed late. Relaxed: they order nothing.
//
// Blocks cleared since an answer last saved something.
std::atomic<uint32_t> cleared{0};
constexpr uint32_t kAskedInVain = 4;  // after so many, only some blocks are asked about
constexpr uint32_t kClearsPerQuestion = 32;
// Blocks in a row in which no page was found in memory, or that were given back unasked. Faulting
// the pages of a block in again takes some 100 times as long as the question, so it takes this many
// to do without.
std::atomic<uint32_t> untouched{0};
constexpr uint32_t kUntouchedForSure = 128;
constexpr uint32_t kGiveBacksPerQuestion = 16;

enum class Way { kClear, kAsk, kGiveBack };

Way WayFor(size_t pages) {
  const uint32_t in_a_row = untouched.load(std::memory_order_relaxed);
  if (in_a_row >= kUntouchedForSure) {
    // Beside giving back many pages a question costs nothing.
    const bool ask = pages > kPagesAsked || in_a_row % kGiveBacksPerQuestion == 0;
    return ask ? Way::kAsk : Way::kGiveBack;
  }
  const uint32_t before = cleared.fetch_add(1, std::memory_order_relaxed);
  return before < kAskedInVain || before % kClearsPerQuestion == 0 ? Way::kAsk : Way::kClear;
}

// Clears what is in memory and gives runs of other pages back. False: some page was in memory.
bool ClearWhatIsInMemory(char* p, size_t pages) {
  uint8_t in_memory[kPagesAsked];
  if (!os::InMemory(p, pages * kOsPage, in_memory)) memset(in_memory, 1, pages);
  bool none = true;
  for (size_t i = 0, end; i < pages; i = end) {
    const bool there = (in_memory[i] & 1) != 0;
    if (there) none = false;
    end = i + 1;
    while (end < pages && ((in_memory[end] & 1) != 0) == there) ++end;
    char* const run = p + i * kOsPage;
    const size_t bytes = (end - i) * kOsPage;
    // What is not in memory may be in swap; given back, it reads as zero whatever it held.
    if (!there && end - i >= kLeastRun && os::Decommit(run, bytes)) {
      cleared.store(0, std::memory_order_relaxed);
    } else {
      memset(run, 0, bytes);
    }
  }
  return none;
}

void Ask(char* p, size_t pages) {
  bool none = true;
  for (size_t i = 0, n; i < pages; i += n) {
    n = pages - i < kPagesAsked ? pages - i : kPagesAsked;
    none &= ClearWhatIsInMemory(p + i * kOsPage, n);
  }
  if (none) {
    untouched.fetch_add(1, std::memory_order_relaxed);
  } else {
    untouched.store(0, std::memory_order_relaxed);
  }
}

}  // namespace

void ClearByPage(void* p, size_t size) {
  char* const start = static_cast<char*>(p);
  const size_t pages = reinterpret_cast<uintptr_t>(p) % kOsPage == 0 ? size / kOsPage : 0;
  const Way way = pages > 0 ? WayFor(pages) : Way::kClear;
  size_t done = pages * kOsPage;
  switch (way) {
    case Way::kClear:
      done = 0;
      break;
    case Way::kAsk:
      Ask(start, pages);
      break;
    case Way::kGiveBack:
      untouched.fetch_add(1, std::memory_order_relaxed);
      if (!os::Decommit(p, done)) done = 0;
      break;
  }
  memset(start + done, 0, size - done);
}

}  // namespace hz4
