// SPDX-License-Identifier: Apache-2.0
#include "hz4/huge_pages.h"

#include "hz4/base/bits.h"
#include "hz4/base/os.h"

namespace hz4 {
namespace huge_pages {
namespace {

// Of a smaller block less than half can be in whole huge pages.
constexpr size_t kLeastBlock = 2 * kHugePage;
constexpr size_t kLeastAsked = 2 * kHugePage;
constexpr size_t kLargestShare = 4;  // asked for between two probes: that part of the heap
constexpr size_t kProbe = kHugePage;
constexpr size_t kProbePages = kProbe / kOsPage;
// Of a probe; then huge pages take at most a third more memory. Pages that nobody has used so far
// count as missing, so in the end it is less.
constexpr size_t kLeastPresent = kProbePages - kProbePages / 4;
// Every change from asked for to not or back is a mapping more, of which a process may have some
// 65000 (vm.max_map_count); beyond, all goes on as it is.
constexpr uint32_t kMostChanges = 4096;

// What the kernel was asked for last.
enum class Asked : uint8_t { kNothing, kHuge, kSmall };

// All under the page heap's lock.
uintptr_t heap_start = 0;  // [heap_start, heap_end) was opened
uintptr_t heap_end = 0;
Asked asked = Asked::kNothing;  // of the pages in front of heap_end
bool anything_asked = false;    // some part of the heap is in huge pages
uint32_t changes = 0;           // of `asked` along the heap
uintptr_t probe = 0;            // start of the last one; 0: it was looked at
size_t stretch = 0;             // asked for after the last probe; 0: it was not in memory
size_t left = 0;                // of it, not opened yet

void* At(uintptr_t address) { return reinterpret_cast<void*>(address); }

// Has [start, start+bytes), which begins where `asked` ends, in huge pages or in small ones.
void Ask(uintptr_t start, size_t bytes, bool huge) {
  const Asked wanted = huge ? Asked::kHuge : Asked::kSmall;
  // Small pages need not be asked for unless huge ones were.
  if (bytes == 0 || wanted == asked || (!huge && asked == Asked::kNothing)) return;
  if (changes >= kMostChanges || !os::AdviseHuge(At(start), bytes, huge)) return;
  asked = wanted;
  anything_asked = true;
  ++changes;
}

bool ProbeIsInMemory() {
  uint8_t in_memory[kProbePages];
  if (!os::InMemory(At(probe), kProbe, in_memory)) return false;
  size_t present = 0;
  for (const uint8_t page : in_memory) present += page & 1;
  return present >= kLeastPresent;
}

// How much to ask for after a probe that was in memory.
size_t NextStretch() {
  const size_t most = AlignDown((heap_end - heap_start) / kLargestShare, kHugePage);
  const size_t twice = 2 * stretch < most ? 2 * stretch : most;
  return twice > kLeastAsked ? twice : kLeastAsked;
}

// Finds out how much may be asked for. A probe that is in memory is asked for too, as what is on
// both sides of it, so that all is one mapping again.
void LookAtProbe() {
  const bool dense = ProbeIsInMemory();
  if (dense && os::AdviseHuge(At(probe), kProbe, true)) {
    anything_asked = true;
    if (probe + kProbe == heap_end) asked = Asked::kHuge;
  }
  probe = 0;
  left = stretch = dense ? NextStretch() : 0;
}

void AskForObjects(uintptr_t start, size_t bytes) {
  if (left > 0) {
    left -= left < bytes ? left : bytes;
    return Ask(start, bytes, true);
  }
  probe = start;
  Ask(start, kProbe, false);
  Ask(start + kProbe, bytes - kProbe, stretch > 0);
}

// The end of what is opened is a multiple of kHugePage.
bool OpenMap(uintptr_t start, size_t bytes) {
  if (!os::Open(At(start), bytes)) return false;
  const uintptr_t piece = AlignDown(start, kHugePage);
  os::AdviseHuge(At(piece), start + bytes - piece, true);
  // What was opened and written before in small pages.
  if (piece < start) os::Collapse(At(piece), kHugePage);
  return true;
}

void StopAsking() {
  if (!anything_asked) return;
  if (!os::AdviseHuge(At(heap_start), heap_end - heap_start, false)) return;
  asked = Asked::kSmall;
  anything_asked = false;
  changes = 0;
  stretch = left = 0;
}

}  // namespace

bool OpenStep(uintptr_t start, size_t bytes, Use) { return os::Open(At(start), bytes); }

template <bool kHuge>
bool OpenStepAs(uintptr_t start, size_t bytes, Use use) {
  // Before it is opened: so it becomes one mapping with what it adjoins.
  os::AdviseHuge(At(start), bytes, kHuge);
  return OpenStep(start, bytes, use);
}
template bool OpenStepAs<false>(uintptr_t, size_t, Use);
template bool OpenStepAs<true>(uintptr_t, size_t, Use);

bool OpenStepAdvised(uintptr_t start, size_t bytes, Use use) {
  if (use == Use::kMap) return OpenMap(start, bytes);
  if (heap_start == 0) heap_start = heap_end = start;
  const bool block = use != Use::kObjects && bytes >= kLeastBlock;
  if (!block && left == 0 && probe != 0) LookAtProbe();
  // First as what it adjoins, so that both are one mapping, whose parts can be merged again later:
  // two mappings that were touched apart never can.
  if (asked != Asked::kNothing) os::AdviseHuge(At(start), bytes, asked == Asked::kHuge);
  if (!OpenStep(start, bytes, use)) return false;
  if (block) {
    Ask(start, bytes, use == Use::kBlock);
  } else {
    AskForObjects(start, bytes);
  }
  heap_end = start + bytes;
  return true;
}

bool ReleaseAll(uintptr_t*, size_t*, bool) { return true; }

bool ReleaseWhole(uintptr_t* start, size_t* bytes, bool must) {
  if (must) {
    StopAsking();
    return true;
  }
  if (!anything_asked) return true;
  const uintptr_t from = AlignUp(*start, kHugePage);
  const uintptr_t to = AlignDown(*start + *bytes, kHugePage);
  if (from >= to) return false;
  *start = from;
  *bytes = to - from;
  return true;
}

}  // namespace huge_pages
}  // namespace hz4
