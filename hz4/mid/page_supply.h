// SPDX-License-Identifier: Apache-2.0
//
// Where new pages come from: the page heap, one by one under its lock; or with box
// HZ4_MID_PAGE_SUPPLY_RESV (B70) from a run of pages that the thread reserved there, cut off
// without a lock. A run is CHUNK_PAGES ladder pages of 64 KiB, or one page of the class asked for
// if that is larger. What is left of it goes back when another one is reserved, and at thread exit.
#ifndef HZ4_MID_PAGE_SUPPLY_H_
#define HZ4_MID_PAGE_SUPPLY_H_

#include "hz4/mid/bins.h"
#include "hz4/mid/state.h"
#include "hz4/page_heap.h"

namespace hz4 {
namespace mid {

inline constexpr size_t kLadderPage = 65536;  // "a page" of the work orders' numbers

constexpr unsigned LeastSpanPages() {
  unsigned least = Class(kFirstClass).span_pages;
  for (unsigned cls = kFirstClass; cls < kFirstClass + kClasses; ++cls) {
    if (Class(cls).span_pages < least) least = Class(cls).span_pages;
  }
  return least;
}

// Seam mid_page_supply: an empty, unowned page of the class. t may be null. nullptr: no memory, or
// a fork is pending. Called with the class lock held or not.
template <class Stats, class Owners>
Span* SupplyOne(MidThread*, unsigned cls) {
  Span* page = PageHeap::NewObjectSpan(cls, Owners::kOn);
  if (page != nullptr) Stats::Add(CounterId::kSpanCreated);
  return page;
}

template <class Stats, class Owners>
HZ4_NOINLINE bool ReserveRun(PageRun* run, unsigned cls) {
  size_t pages = EffectiveKnobs().mid_page_supply_resv_chunk_pages * (kLadderPage / kPageSize);
  if (pages < Class(cls).span_pages) pages = Class(cls).span_pages;
  const auto cuts = static_cast<unsigned>(pages / LeastSpanPages());
  if (!PageHeap::Reserve(run, pages, cuts)) return false;
  Stats::Add(CounterId::kMidSupplyResvRefill);
  Stats::Add(CounterId::kMidSupplyResvPages, pages * kPageSize / kLadderPage);
  if (run->rest->zeroed) Stats::Add(CounterId::kMidSupplyResvNewSeg);
  return true;
}

// The same, from the thread's run.
template <class Stats, class Owners>
Span* SupplyFromRun(MidThread* t, unsigned cls) {
  if (t == nullptr) return SupplyOne<Stats, Owners>(t, cls);
  Span* page = PageHeap::Cut(&t->reserved, cls);
  if (page == nullptr && ReserveRun<Stats, Owners>(&t->reserved, cls)) {
    page = PageHeap::Cut(&t->reserved, cls);
  }
  if (page == nullptr) return SupplyOne<Stats, Owners>(t, cls);  // memory is scarce
  Stats::Add(CounterId::kMidSupplyResvHit);
  Stats::Add(CounterId::kSpanCreated);
  return page;
}

// Seam mid_supply_exit: gives back what the thread has reserved.
inline void UnreserveRun(MidThread* t) { PageHeap::Unreserve(&t->reserved); }
inline void UnreserveNothing(MidThread*) {}

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_PAGE_SUPPLY_H_
