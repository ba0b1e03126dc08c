// SPDX-License-Identifier: Apache-2.0
#include "hz4/huge_pages.h"

#include <algorithm>

#include "hz4/base/bits.h"
#include "hz4/base/os.h"
#include "hz4/page_map.h"
#include "hz4/span.h"

namespace hz4 {
namespace huge_pages {
namespace {

// Of a smaller block less than half can be in whole huge pages.
constexpr size_t kLeastBlock = 2 * kHugePage;
constexpr size_t kLeastAsked = 4 * kHugePage;
constexpr size_t kLargestShare = 4;  // asked for between two probes: that part of the heap
constexpr size_t kProbe = kHugePage;
constexpr size_t kLeastHandedOut = 32;  // pages; fewer say nothing
// Of what was handed out; then huge pages take at most as much memory again.
constexpr size_t kWrittenShare = 2;
// Later on the page faults of a probe are few beside what the program has done.
constexpr size_t kYoungHeap = 4 * kProbe;
// What comes into memory with a probe unwritten; and with less there is little to save.
constexpr size_t kMostFilled = kProbe / 4 * 3;
constexpr size_t kLeastFilled = kProbe / 4;
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
// Starts of those that have not said yes; 0: none. The last one is still being handed out, to
// caches at first; the one before says what the program does with it.
uintptr_t last_probe = 0;
uintptr_t probe_before = 0;
uintptr_t written[2] = {0, 0};  // probes that said yes and are still in small pages; 0: none
size_t stretch = 0;             // asked for after the last probe; 0: it was not written enough
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

struct Pages {
  size_t handed_out = 0;  // whole ones: of blocks, or of objects that were carved
  size_t written = 0;     // of them: in memory

  bool Enough() const { return handed_out >= kLeastHandedOut; }
};

uintptr_t HandedOutEnd(const Span* span) {
  if (span->state != SpanState::kObjects) return span->End();
  return reinterpret_cast<uintptr_t>(span->ObjectAt(span->carved));
}

// Which pages of a probe are in memory.
class Residency {
 public:
  explicit Residency(uintptr_t probe)
      : probe_(probe), known_(os::InMemory(At(probe), kProbe, in_memory_)) {}

  bool Known() const { return known_; }
  size_t Has(uintptr_t page) const { return in_memory_[(page - probe_) / kOsPage] & 1; }
  size_t Missing() const {
    size_t bytes = 0;
    for (uintptr_t page = probe_; page < probe_ + kProbe; page += kOsPage) {
      if (!Has(page)) bytes += kOsPage;
    }
    return bytes;
  }

 private:
  uintptr_t probe_;
  uint8_t in_memory_[kProbe / kOsPage];
  bool known_;
};

// Adds what of a probe was handed out.
void CountIn(uintptr_t probe, Pages* of_objects, Pages* of_blocks) {
  if (probe == 0) return;
  const Residency residency(probe);
  if (!residency.Known()) return;
  for (uintptr_t page = probe; page < probe + kProbe;) {
    const Span* span =
        page_map::ClassOf(At(page)) != kNoClass ? page_map::SpanOf(At(page)) : nullptr;
    if (span == nullptr) {
      page += kPageSize;
      continue;
    }
    Pages* const pages = span->state == SpanState::kObjects ? of_objects : of_blocks;
    const uintptr_t end = std::min(HandedOutEnd(span), probe + kProbe);
    for (; page + kOsPage <= end; page += kOsPage) {
      ++pages->handed_out;
      pages->written += residency.Has(page);
    }
    page = span->End();
  }
}

// Objects decide: few blocks, of which a program may use little, would outweigh them. Where there
// are too few objects, blocks do.
bool ProbesAreWritten() {
  Pages of_objects, of_blocks;
  CountIn(last_probe, &of_objects, &of_blocks);
  CountIn(probe_before, &of_objects, &of_blocks);
  const Pages& pages = of_objects.Enough() ? of_objects : of_blocks;
  return pages.Enough() && pages.written >= pages.handed_out / kWrittenShare;
}

// How much to ask for after probes that were written.
size_t NextStretch() {
  const size_t most = AlignDown((heap_end - heap_start) / kLargestShare, kHugePage);
  return std::max(std::min(2 * stretch, most), kLeastAsked);
}

// Moves a probe that was written into huge pages. False: not yet.
bool Fill(uintptr_t probe) {
  if (heap_end - heap_start > kYoungHeap) return true;
  const Residency residency(probe);
  if (!residency.Known()) return false;
  const size_t missing = residency.Missing();
  if (missing > kMostFilled) return false;
  if (missing < kLeastFilled) return true;
  // Two changes at most; none where it adjoins huge pages on both sides.
  if (changes + 2 > kMostChanges || !os::AdviseHuge(At(probe), kProbe, true)) return true;
  changes += 2;
  anything_asked = true;
  if (probe + kProbe == heap_end) asked = Asked::kHuge;
  os::Collapse(At(probe), kProbe);
  return true;
}

void FillWritten() {
  for (uintptr_t& probe : written) {
    if (probe != 0 && Fill(probe)) probe = 0;
  }
}

// Finds out how much may be asked for.
void LookAtProbes() {
  const bool yes = ProbesAreWritten();
  left = stretch = yes ? NextStretch() : 0;
  if (!yes) return;
  written[0] = probe_before;
  written[1] = last_probe;
  last_probe = probe_before = 0;  // what comes later speaks for itself
}

void StopAsking() {
  written[0] = written[1] = 0;
  stretch = left = 0;
}

void AskForObjects(uintptr_t start, size_t bytes) {
  if (left > 0) {
    left -= std::min(left, bytes);
    return Ask(start, bytes, true);
  }
  if (last_probe != start) {  // not the same step again
    probe_before = last_probe;
    last_probe = start;
  }
  Ask(start, kProbe, false);
  Ask(start + kProbe, bytes - kProbe, stretch > 0);
}

// The end of what is opened is a multiple of kHugePage.
bool OpenMap(uintptr_t start, size_t bytes, bool huge) {
  if (!os::Open(At(start), bytes)) return false;
  if (!huge) return true;
  const uintptr_t piece = AlignDown(start, kHugePage);
  os::AdviseHuge(At(piece), start + bytes - piece, true);
  // What was opened and written before in small pages.
  if (piece < start) os::Collapse(At(piece), kHugePage);
  return true;
}

void TakeBack() {
  StopAsking();
  if (!anything_asked) return;
  if (!os::AdviseHuge(At(heap_start), heap_end - heap_start, false)) return;
  asked = Asked::kSmall;
  anything_asked = false;
  changes = 0;
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

template <class Price>
bool OpenStepAdvised(uintptr_t start, size_t bytes, Use use) {
  if (use == Use::kMap) return OpenMap(start, bytes, Price::Worth(heap_end - heap_start));
  if (heap_start == 0) heap_start = heap_end = start;
  const size_t heap = heap_end - heap_start + bytes;
  const bool worth = Price::Worth(heap);
  const bool block = use != Use::kObjects && bytes >= kLeastBlock;
  if (!block && worth) {
    if (left == 0 && last_probe != 0) LookAtProbes();
    FillWritten();
  }
  // First as what it adjoins, so that both are one mapping, whose parts can be merged again later:
  // two mappings that were touched apart never can.
  if (asked != Asked::kNothing) os::AdviseHuge(At(start), bytes, asked == Asked::kHuge);
  if (!OpenStep(start, bytes, use)) return false;
  const bool huge = block ? worth && use == Use::kBlock : left > 0;
  if (block) {
    Ask(start, bytes, huge);
  } else {
    AskForObjects(start, bytes);
  }
  heap_end = start + bytes;
  if (huge && asked == Asked::kHuge && !Price::Pay(start, bytes, heap, block)) {
    StopAsking();
    Ask(start + kHugePage, bytes - kHugePage, false);
  }
  return true;
}
template bool OpenStepAdvised<AnyPrice>(uintptr_t, size_t, Use);
template bool OpenStepAdvised<MeasuredPrice>(uintptr_t, size_t, Use);

bool ReleaseAll(uintptr_t*, size_t*, bool) { return true; }

bool ReleaseWhole(uintptr_t* start, size_t* bytes, bool must) {
  if (must) {
    TakeBack();
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
