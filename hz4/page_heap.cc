// SPDX-License-Identifier: Apache-2.0
#include "hz4/page_heap.h"

#include <cstring>

#include "hz4/arena.h"
#include "hz4/base/bits.h"
#include "hz4/base/clock.h"
#include "hz4/base/lock.h"
#include "hz4/base/os.h"
#include "hz4/descriptors.h"
#include "hz4/dispatch.h"
#include "hz4/free_spans.h"
#include "hz4/huge_pages.h"
#include "hz4/page_map.h"
#include "hz4/parked_spans.h"

namespace hz4 {
namespace {

// Free pages that nobody needed for a whole period go back to the kernel, the largest spans first:
// a page fault costs more than keeping a page that is about to be used again. What was taken from
// released pages in the period counts as needed, for with large blocks the free pages are never
// used up, though all of them are used in turn. An eighth of what is in use plus 8 MiB is always
// kept.
constexpr uint64_t kPeriodNs = 500 * 1000 * 1000;
constexpr size_t kRetainPages = (size_t{8} << 20) >> kPageShift;
constexpr size_t kRetainShare = 8;
// What heap_release would rather not give back in pieces stays up to this share plus 8 MiB.
constexpr size_t kLeftoverShare = 4;
// Separate mappings go back from this size on, so that holes in them stay few; all before out of
// memory.
constexpr size_t kUnmapPages = (size_t{1} << 20) >> kPageShift;

Lock lock;
FreeSpans dirty HZ4_GUARDED_BY(lock);     // contents undefined
FreeSpans released HZ4_GUARDED_BY(lock);  // read as zero, cost nothing
std::atomic<size_t> mapped_pages{0};      // written under the lock
// Includes spans in limbo and on their way to the kernel.
size_t in_use_pages HZ4_GUARDED_BY(lock) = 0;
size_t descriptor_pages HZ4_GUARDED_BY(lock) = 0;  // of them, by CutPage
ParkedSpans parked HZ4_GUARDED_BY(lock);           // contents undefined, merged with nobody

// Spans that came back while the lock could not be had (a fork was pending), linked by `next`; the
// next holder takes them in. Lock-free: release in PushLimbo, acquire in TakeInLimbo.
std::atomic<Span*> limbo{nullptr};

void PushLimbo(Span* span) {
  span->next = limbo.load(std::memory_order_relaxed);
  while (!limbo.compare_exchange_weak(span->next, span, std::memory_order_release,
                                      std::memory_order_relaxed)) {
  }
}

size_t FreePages() HZ4_REQUIRES(lock) { return dirty.pages() + parked.pages(); }

// The least number of free pages since period_start, and how many released ones came into use.
size_t low_water HZ4_GUARDED_BY(lock) = 0;
size_t brought_back HZ4_GUARDED_BY(lock) = 0;
uint64_t period_start HZ4_GUARDED_BY(lock) = 0;

FreeSpans& SetOf(SpanState state) HZ4_REQUIRES(lock) {
  return state == SpanState::kFree ? dirty : released;
}

// After each step that left fewer free pages; not in the middle of one that takes a span out only
// to put most of it back.
void NoteFree() HZ4_REQUIRES(lock) {
  if (FreePages() < low_water) low_water = FreePages();
}

void InsertFree(Span* span) HZ4_REQUIRES(lock) {
  page_map::SetFree(span);
  SetOf(span->state).Insert(span);
}

// What adjoins `span` and is in the page heap, too; nullptr: nothing. The state comes first:
// the start of what is in use may be PageHeap::Cut's to change now. Nothing lies behind the
// boundary: looking there would only make more of the map resident.
Span* After(const Span* span) HZ4_REQUIRES(lock) {
  if (span->End() == arena::Boundary()) return nullptr;
  Span* after = page_map::SpanOf(reinterpret_cast<void*>(span->End()));
  return after != nullptr && after->InPageHeap() && after->start == span->End() ? after : nullptr;
}

// Merges with free neighbours of the same state and inserts the result.
void MergeAndInsert(Span* span) HZ4_REQUIRES(lock) {
  Span* before = page_map::SpanOf(reinterpret_cast<void*>(span->start - 1));
  if (before != nullptr && before->state == span->state && before->End() == span->start) {
    SetOf(before->state).Remove(before);
    span->start = before->start;
    span->pages += before->pages;
    descriptors::DeleteSpan(before);
  }
  Span* after = After(span);
  if (after != nullptr && after->state == span->state) {
    SetOf(after->state).Remove(after);
    span->pages += after->pages;
    descriptors::DeleteSpan(after);
  }
  InsertFree(span);
}

// Cuts the pages behind the first `pages` off into a span of their own, of the same state and not
// inserted. nullptr: no memory for its descriptor, nothing changed.
Span* SplitTail(Span* span, uint32_t pages) HZ4_REQUIRES(lock) {
  Span* tail = descriptors::NewSpan();
  if (tail == nullptr) return nullptr;
  tail->start = span->start + (size_t{pages} << kPageShift);
  tail->pages = span->pages - pages;
  tail->state = span->state;
  span->pages = pages;
  return tail;
}

// Takes a free span out of its set for use, cut to `pages` if it could be split.
void TakeOut(Span* span, size_t pages) HZ4_REQUIRES(lock) {
  SetOf(span->state).Remove(span);
  if (span->pages > pages) {
    if (Span* tail = SplitTail(span, static_cast<uint32_t>(pages))) InsertFree(tail);
  }
  NoteFree();
  if (span->state == SpanState::kReleased) brought_back += span->pages;
  in_use_pages += span->pages;
}

// The last page of a free span, without needing a descriptor for it. It counts as in use for good.
void* CutPage(FreeSpans& spans) HZ4_REQUIRES(lock) {
  Span* span = spans.Largest();
  if (span == nullptr) return nullptr;
  spans.Remove(span);
  NoteFree();
  span->pages -= 1;
  void* page = reinterpret_cast<void*>(span->End());
  ++in_use_pages;
  ++descriptor_pages;
  if (span->pages > 0) {
    InsertFree(span);
  } else {
    descriptors::DeleteSpan(span);
  }
  return page;
}

bool Grow(size_t pages, huge_pages::Use use) HZ4_REQUIRES(lock) {
  Span* span = descriptors::NewSpan();
  if (span == nullptr) return false;
  uintptr_t start;
  size_t got;
  if (!arena::Grow(pages, use, &start, &got)) {
    descriptors::DeleteSpan(span);
    return false;
  }
  span->start = start;
  span->pages = static_cast<uint32_t>(got);
  span->state = SpanState::kReleased;
  mapped_pages.store(mapped_pages.load(std::memory_order_relaxed) + got, std::memory_order_relaxed);
  MergeAndInsert(span);
  return true;
}

// Where the heap is of separate mappings, address space is scarce: a released span goes back whole,
// for others to use or for a mapping of another shape. `span` is inserted. False: it stays.
bool Unmap(Span* span) HZ4_REQUIRES(lock) {
  if (arena::Direct()) return false;
  released.Remove(span);
  page_map::Forget(span);
  if (!arena::Shrink(span->start, span->pages)) {
    InsertFree(span);
    return false;
  }
  mapped_pages.store(mapped_pages.load(std::memory_order_relaxed) - span->pages,
                     std::memory_order_relaxed);
  descriptors::DeleteSpan(span);
  return true;
}

void ReturnPages(Span* span, SpanState state) HZ4_REQUIRES(lock) {
  in_use_pages -= span->pages;
  span->state = state;
  span->size_class = kNoClass;
  MergeAndInsert(span);
}

void DropBits(Span* span) HZ4_REQUIRES(lock) {
  const uint32_t words = span->BitWords();
  if (span->free_bits != nullptr) descriptors::DeleteBits(span->free_bits, words);
  if (span->remote_bits != nullptr) {
    descriptors::DeleteBits(reinterpret_cast<uint64_t*>(span->remote_bits), words);
  }
  span->free_bits = nullptr;
  span->remote_bits = nullptr;
  span->objects = 0;
}

void Unpark(Span* span) HZ4_REQUIRES(lock) {
  in_use_pages += span->pages;
  page_map::ClearClasses(span);
  ReturnPages(span, SpanState::kFree);
}
void UnparkAll() HZ4_REQUIRES(lock) {
  while (Span* span = parked.TakeOldest()) Unpark(span);
}

// False: it is too large to be parked.
bool Park(Span* span) HZ4_REQUIRES(lock) {
  if (!ParkedSpans::MayHold(span->pages)) return false;
  while (!parked.HasRoom(span->pages)) Unpark(parked.TakeOldest());
  in_use_pages -= span->pages;
  parked.Add(span);
  return true;
}

// Ends the use of a span by objects or a large block.
void FreeLocked(Span* span) HZ4_REQUIRES(lock) {
  if (span->state == SpanState::kLarge && Park(span)) return;
  page_map::ClearClasses(span);
  DropBits(span);
  ReturnPages(span, SpanState::kFree);
}

// Turns all free pages into released ones, so that neighbours of both kinds merge. The system calls
// happen under the lock: this is the last step before out of memory.
void ReleaseAllLocked() HZ4_REQUIRES(lock) {
  UnparkAll();
  while (Span* span = dirty.Largest()) {
    uintptr_t start = span->start;
    size_t bytes = span->Bytes();
    (void)Table().heap_release(&start, &bytes, /*must=*/true);
    if (!os::Decommit(reinterpret_cast<void*>(span->start), span->Bytes())) return;
    dirty.Remove(span);
    NoteFree();
    span->state = SpanState::kReleased;
    MergeAndInsert(span);
  }
}

void TakeInLimbo() HZ4_REQUIRES(lock) {
  if (HZ4_LIKELY(limbo.load(std::memory_order_relaxed) == nullptr)) return;
  Span* span = limbo.exchange(nullptr, std::memory_order_acquire);
  while (span != nullptr) {
    Span* next = span->next;
    FreeLocked(span);
    span = next;
  }
}

// A free span of at least `pages` out of the sets, of exactly `pages` if it could be split. Its
// state is kUnused, so that no neighbour merges with it; *was says what it was.
Span* TakePages(size_t pages, huge_pages::Use use, PageSource source, SpanState* was)
    HZ4_REQUIRES(lock) {
  TakeInLimbo();
  Span* span = dirty.Find(pages);
  if (span == nullptr && source == PageSource::kKept) return nullptr;
  if (span == nullptr && parked.pages() > 0) {
    UnparkAll();
    span = dirty.Find(pages);
  }
  if (span == nullptr) span = released.Find(pages);
  if (span == nullptr && Grow(pages, use)) span = released.Find(pages);
  if (span == nullptr) {
    ReleaseAllLocked();
    span = released.Find(pages);
  }
  if (span == nullptr) {
    while (Span* largest = released.Largest()) {
      if (!Unmap(largest)) break;
    }
    if (Grow(pages, use)) span = released.Find(pages);
  }
  if (span == nullptr) return nullptr;
  TakeOut(span, pages);
  *was = span->state;
  span->state = SpanState::kUnused;
  return span;
}

// Trims `span` (taken out of its set, larger than needed) to `pages` from `start` on; what is cut
// off is as the span was. False: no memory for a descriptor, nothing changed.
bool Trim(Span* span, SpanState was, uintptr_t start, uint32_t pages) HZ4_REQUIRES(lock) {
  const uint32_t lead = static_cast<uint32_t>((start - span->start) >> kPageShift);
  if (lead > 0) {
    Span* rest = SplitTail(span, lead);
    if (rest == nullptr) return false;
    // `span` keeps the part behind: exchange the ranges of the two descriptors.
    const uintptr_t lead_start = span->start;
    span->start = rest->start;
    span->pages = rest->pages;
    rest->start = lead_start;
    rest->pages = lead;
    ReturnPages(rest, was);
  }
  if (span->pages > pages) {
    if (Span* tail = SplitTail(span, pages)) {
      ReturnPages(tail, was);
    }
  }
  return true;
}

// Gives the pages of a large block behind the first `pages` back.
void CutTail(Span* span, uint32_t pages) HZ4_REQUIRES(lock) {
  if (pages >= span->pages) return;
  if (Span* tail = SplitTail(span, pages)) {
    page_map::SetLarge(span);
    ReturnPages(tail, SpanState::kFree);
  }
}

// Takes free pages behind a large block until it has `pages`. False: it may have got some.
bool GrowInPlace(Span* span, size_t pages) HZ4_REQUIRES(lock) {
  while (pages > span->pages) {
    const size_t more = pages - span->pages;
    Span* after = After(span);
    if (after != nullptr && after->state == SpanState::kParked) {
      UnparkAll();
      continue;
    }
    if (after == nullptr) {
      // Behind the last page of the arena: move the boundary, the new pages adjoin.
      if (span->End() != arena::Boundary() || !Grow(more, huge_pages::Use::kBlock)) return false;
      continue;
    }
    TakeOut(after, more);
    span->zeroed = false;
    span->pages += after->pages;
    descriptors::DeleteSpan(after);
    page_map::SetLarge(span);
  }
  return true;
}

// How many dirty pages may stay now; SIZE_MAX before the period is over.
size_t PagesToKeep() HZ4_REQUIRES(lock) {
  const size_t retain = in_use_pages / kRetainShare + kRetainPages;
  if (FreePages() <= retain) return SIZE_MAX;
  const uint64_t now = CoarseNowNs();
  if (now - period_start < kPeriodNs) return SIZE_MAX;
  const size_t unneeded = low_water > brought_back ? low_water - brought_back : 0;
  period_start = now;
  low_water = FreePages();
  brought_back = 0;
  const size_t keep = FreePages() - unneeded;
  return keep > retain ? keep : retain;
}

// Cuts a span that is out of its set down to what of it goes back to the kernel; `all`: everything
// shall. False: nothing of it does.
bool TrimForRelease(Span* span, bool all) HZ4_REQUIRES(lock) {
  uintptr_t start = span->start;
  size_t bytes = span->Bytes();
  if (!Table().heap_release(&start, &bytes, all)) {
    if (dirty.pages() <= in_use_pages / kLeftoverShare + kRetainPages) return false;
    (void)Table().heap_release(&start, &bytes, /*must=*/true);
  }
  // Where it cannot be cut, all of it goes.
  (void)Trim(span, SpanState::kFree, start, static_cast<uint32_t>(bytes >> kPageShift));
  return true;
}

// Gives the largest free spans back to the kernel until `keep` pages are left. The lock is not held
// during the system calls: a span on its way counts as in use.
size_t ReleaseDownTo(size_t keep) HZ4_NO_TSA {
  size_t bytes = 0;
  while (lock.Acquire()) {
    UnparkAll();
    Span* span = dirty.pages() > keep ? dirty.Largest() : nullptr;
    if (span == nullptr) {
      lock.Release();
      break;
    }
    dirty.Remove(span);
    NoteFree();
    in_use_pages += span->pages;
    span->state = SpanState::kUnused;  // no neighbour merges with it
    if (!TrimForRelease(span, /*all=*/keep == 0)) {
      ReturnPages(span, SpanState::kFree);
      lock.Release();
      break;
    }
    lock.Release();
    const bool done = os::Decommit(reinterpret_cast<void*>(span->start), span->Bytes());
    if (done) bytes += span->Bytes();
    if (!lock.Acquire()) {  // a fork began meanwhile
      PushLimbo(span);
      break;
    }
    ReturnPages(span, done ? SpanState::kReleased : SpanState::kFree);
    if (done && span->pages >= kUnmapPages) Unmap(span);
    lock.Release();
    if (!done) break;
  }
  return bytes;
}

// `span` has its pages, objects and bits.
void BindToClass(Span* span, unsigned cls) {
  span->state = SpanState::kObjects;
  span->size_class = static_cast<uint8_t>(cls);
  span->carved = span->free_count = span->hint = 0;
  span->owner.store(0, std::memory_order_relaxed);
  span->next = span->prev = nullptr;
  span->list = 0;
  page_map::Set(span);
}

void ReturnRest(PageRun* run) HZ4_REQUIRES(lock) {
  Span* rest = run->rest;
  run->rest = nullptr;
  if (rest == nullptr) return;
  if (rest->pages == 0) {
    descriptors::DeleteSpan(rest);
  } else {
    ReturnPages(rest, rest->zeroed ? SpanState::kReleased : SpanState::kFree);
  }
}

// One more descriptor with a word of each bitmap.
bool AddBlank(PageRun* run) HZ4_REQUIRES(lock) {
  Span* span = descriptors::NewSpan();
  if (span == nullptr) return false;
  span->objects = 64;
  span->free_bits = descriptors::NewBits(1);
  span->remote_bits = reinterpret_cast<std::atomic<uint64_t>*>(descriptors::NewBits(1));
  if (span->free_bits == nullptr || span->remote_bits == nullptr) {
    DropBits(span);
    descriptors::DeleteSpan(span);
    return false;
  }
  span->next = run->blanks;
  run->blanks = span;
  ++run->blank_count;
  return true;
}

}  // namespace

void* descriptors::PageFromHeap() HZ4_NO_TSA {  // called with the lock held, by way of descriptors
  void* page = CutPage(released);
  if (page != nullptr) return page;
  page = CutPage(dirty);
  return page != nullptr ? memset(page, 0, kPageSize) : nullptr;
}

void PageHeap::Init() { lock.Init(LockRank::kPageHeap); }

Span* PageHeap::NewObjectSpan(unsigned cls, bool with_remote, PageSource source) {
  if (!lock.Acquire()) return nullptr;
  SpanState was;
  Span* span = TakePages(Class(cls).span_pages, huge_pages::Use::kObjects, source, &was);
  if (span != nullptr) {
    span->objects = Class(cls).objects;
    span->free_bits = descriptors::NewBits(span->BitWords());
    if (with_remote) {
      span->remote_bits =
          reinterpret_cast<std::atomic<uint64_t>*>(descriptors::NewBits(span->BitWords()));
    }
    if (span->free_bits == nullptr || (with_remote && span->remote_bits == nullptr)) {
      DropBits(span);
      ReturnPages(span, was);
      span = nullptr;
    } else {
      BindToClass(span, cls);
    }
  }
  lock.Release();
  return span;
}

bool PageHeap::Reserve(PageRun* run, size_t pages, uint32_t cuts) {
  if (!lock.Acquire()) return false;
  ReturnRest(run);
  SpanState was;
  run->rest = TakePages(pages, huge_pages::Use::kObjects, PageSource::kAny, &was);
  if (run->rest != nullptr) {
    run->rest->zeroed = was == SpanState::kReleased;
    page_map::Set(run->rest);  // nothing stale for neighbours to find
    while (run->blank_count < cuts && AddBlank(run)) {
    }
  }
  lock.Release();
  return run->rest != nullptr;
}

Span* PageHeap::Cut(PageRun* run, unsigned cls) {
  Span* rest = run->rest;
  Span* span = run->blanks;
  const uint32_t pages = Class(cls).span_pages;
  if (rest == nullptr || span == nullptr || rest->pages < pages) return nullptr;
  run->blanks = span->next;
  --run->blank_count;
  span->start = rest->start;
  span->pages = pages;
  rest->start += span->Bytes();
  rest->pages -= pages;
  span->objects = Class(cls).objects;
  BindToClass(span, cls);
  return span;
}

void PageHeap::Unreserve(PageRun* run) {
  if ((run->rest == nullptr && run->blanks == nullptr) || !lock.Acquire()) return;
  ReturnRest(run);
  while (Span* span = run->blanks) {
    run->blanks = span->next;
    DropBits(span);
    descriptors::DeleteSpan(span);
  }
  run->blank_count = 0;
  lock.Release();
}

Span* PageHeap::NewLargeSpan(size_t bytes, size_t align, huge_pages::Use use) {
  const size_t pages = CeilDiv(bytes, kPageSize);
  const size_t extra = align > kPageSize ? (align >> kPageShift) - 1 : 0;
  if (pages + extra > UINT32_MAX / 2) return nullptr;
  if (!lock.Acquire()) return nullptr;
  SpanState was;
  Span* span = extra == 0 ? parked.Take(pages) : nullptr;
  if (span != nullptr) {
    span->zeroed = false;
    in_use_pages += span->pages;
    NoteFree();
  } else if ((span = TakePages(pages + extra, use, PageSource::kAny, &was)) != nullptr) {
    if (extra > 0 && !Trim(span, was, AlignUp(span->start, align), static_cast<uint32_t>(pages))) {
      ReturnPages(span, was);
      span = nullptr;
    } else {
      span->zeroed = was == SpanState::kReleased;
      span->state = SpanState::kLarge;
      span->size_class = static_cast<uint8_t>(kLargeClass);
      page_map::SetLarge(span);
    }
  }
  lock.Release();
  return span;
}

void PageHeap::Free(Span* span) {
  if (!lock.Acquire()) {
    PushLimbo(span);
    return;
  }
  TakeInLimbo();
  FreeLocked(span);
  const size_t keep = PagesToKeep();
  lock.Release();
  if (keep != SIZE_MAX) ReleaseDownTo(keep);
}

bool PageHeap::ResizeInPlace(Span* span, size_t bytes) {
  const size_t pages = CeilDiv(bytes, kPageSize);
  if (pages > UINT32_MAX / 2 || !lock.Acquire()) return false;
  const uint32_t before = span->pages;
  const bool done = pages <= before || GrowInPlace(span, pages);
  // Shrinks, or undoes what a failed growth took already.
  CutTail(span, done ? static_cast<uint32_t>(pages) : before);
  const size_t keep = PagesToKeep();
  lock.Release();
  if (keep != SIZE_MAX) ReleaseDownTo(keep);
  return done;
}

size_t PageHeap::ReleaseFree() {
  const size_t bytes = ReleaseDownTo(0);
  if (!lock.Acquire()) return bytes;
  released.ForEach([](const Span* span) { page_map::ReleaseInner(span); });
  const size_t of_descriptors = descriptors::ReleaseUnused();
  lock.Release();
  return bytes + of_descriptors;
}

size_t PageHeap::MappedBytes() {
  return mapped_pages.load(std::memory_order_relaxed) << kPageShift;
}

PageHeapTotals PageHeap::Totals() {
  PageHeapTotals t = {};
  if (!lock.Acquire()) return t;
  t = {mapped_pages, in_use_pages,     descriptor_pages,
       FreePages(),  released.pages(), descriptors::MappedBytes()};
  lock.Release();
  return t;
}

const char* PageHeap::Check() {
  if (!lock.Acquire()) return nullptr;
  const char* wrong = dirty.Check(SpanState::kFree);
  if (wrong == nullptr) wrong = released.Check(SpanState::kReleased);
  if (wrong == nullptr) wrong = parked.Check();
  if (wrong == nullptr && low_water > FreePages()) wrong = "page heap: low water > free pages";
  if (wrong == nullptr && mapped_pages != in_use_pages + FreePages() + released.pages()) {
    wrong = "page heap: mapped != in use + free + released";
  }
  lock.Release();
  return wrong;
}

}  // namespace hz4
