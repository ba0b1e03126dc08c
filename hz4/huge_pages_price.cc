// SPDX-License-Identifier: Apache-2.0
#include "hz4/huge_pages_price.h"

#include <algorithm>

#include "hz4/base/clock.h"
#include "hz4/base/os.h"
#include "hz4/huge_pages.h"

namespace hz4 {
namespace huge_pages {
namespace {

// Of a page that is not in memory yet.
uint64_t FirstTouchNs(uintptr_t page) {
  const uint64_t before = NowNs();
  *reinterpret_cast<volatile char*>(page) = 0;
  return NowNs() - before;
}

// The least of several: a cold page, or an interrupt, is not what most of them take. Never 0; 1 ns
// where there is no memory to find out with, which makes huge pages look dear.
uint64_t SmallPageNs() {
  constexpr size_t kSamples = 8;
  constexpr size_t kBytes = kSamples * kOsPage;
  void* const pages = os::Map(kBytes, kOsPage);
  if (pages == nullptr) return 1;
  os::AdviseHuge(pages, kBytes, false);  // those of several small ones as well (mTHP)
  uint64_t least = UINT64_MAX;
  for (size_t at = 0; at < kBytes; at += kOsPage) {
    least = std::min(least, FirstTouchNs(reinterpret_cast<uintptr_t>(pages) + at));
  }
  os::Unmap(pages, kBytes);
  return std::max(least, uint64_t{1});
}

constexpr size_t kUntried = SIZE_MAX / 2;  // the next one is

uint64_t small_page_ns = 0;  // 0: not known yet
size_t worth_from = 0;       // bytes of the heap
uint64_t spent_ns = 0;       // on huge pages that were dear
size_t untried = kUntried;   // bytes asked for since one was tried

// The part of a heap whose page faults take that long.
size_t BytesOfFaults(uint64_t ns) { return ns / small_page_ns * kOsPage; }

}  // namespace

bool MeasuredPrice::Worth(size_t heap) {
  if (heap <= kHugePage) return false;  // nor is it worth looking at the clock
  if (small_page_ns == 0) {
    small_page_ns = SmallPageNs();
    worth_from = BytesOfFaults(kColdNs);
  }
  return heap >= worth_from;
}

bool MeasuredPrice::Pay(uintptr_t start, size_t bytes, size_t heap, bool block) {
  untried += bytes;
  if (untried < (block ? std::max(heap / 2, kTryEvery) : kTryEvery)) return true;
  untried = 0;
  const uint64_t ns = FirstTouchNs(start);
  if (ns <= kDear * (kHugePage / kOsPage) * small_page_ns) return true;
  spent_ns += ns;
  worth_from = heap + BytesOfFaults(kTryShare * spent_ns);
  untried = kUntried;
  return false;
}

}  // namespace huge_pages
}  // namespace hz4
