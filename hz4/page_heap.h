// SPDX-License-Identifier: Apache-2.0
//
// The page heap: all pages that hz4 holds, in use or free. Free neighbours of the same state are
// merged; small requests take the best fit; the arena grows in steps of 2 MiB.
//
//   mapped = in_use + free (dirty, parked) + released          (Check, in pages)
//
// Large blocks that were freed last are parked: they wait as they are for a request of exactly
// their size, and are merged when others push them out or when there is no free span for a request.
//
// Every function is called inside a SlowScope and takes its own lock (rank kPageHeap). nullptr /
// false from an allocation: out of memory, or a fork is pending (Fork::Pending tells which).
#ifndef HZ4_PAGE_HEAP_H_
#define HZ4_PAGE_HEAP_H_

#include "hz4/base/platform.h"
#include "hz4/huge_pages.h"
#include "hz4/span.h"

namespace hz4 {

struct PageHeapTotals {
  size_t mapped_pages;
  size_t in_use_pages;
  size_t descriptor_pages;  // of them: what describes spans
  size_t free_pages;
  size_t released_pages;
  size_t descriptor_bytes;  // mapped beside the pages
};

// Pages set aside for one holder, who makes object spans of them without the page heap's lock:
//
//   | cut off | cut off | rest ................ |     blanks: descriptors for further spans
//
// For classes with at most 64 objects in a span. All zero: nothing is set aside.
struct PageRun {
  Span* rest;
  Span* blanks;  // linked by next
  uint32_t blank_count;
};

// Which pages a new span may be of.
enum class PageSource : uint8_t {
  kAny,
  kKept,  // free ones that did not go back to the kernel: they cost no memory more
};

class PageHeap {
 public:
  static void Init();

  // A span for objects of `cls`, nothing carved, bits cleared, page map set. `with_remote`: also
  // remote_bits (ladder). nullptr: none to be had, or a fork is pending.
  static Span* NewObjectSpan(unsigned cls, bool with_remote, PageSource source = PageSource::kAny);
  // Sets `pages` aside, with descriptors for `cuts` spans; what is left of the run goes back first.
  // False: nothing is set aside. rest->zeroed: nobody has used the pages before.
  [[nodiscard]] static bool Reserve(PageRun* run, size_t pages, uint32_t cuts);
  // As NewObjectSpan with_remote, from the front of the run and without a lock. nullptr: too short.
  static Span* Cut(PageRun* run, unsigned cls);
  // Gives back what is left of the run. Keeps it while a fork is pending.
  static void Unreserve(PageRun* run);
  // A span of at least `bytes` (1..2^47), its start a multiple of `align` (power of two; >=
  // kPageSize is honoured, less is free of charge). span->zeroed says whether it reads as zero.
  static Span* NewLargeSpan(size_t bytes, size_t align,
                            huge_pages::Use use = huge_pages::Use::kBlock);
  // Gives a span back, of either kind. Nobody else may know it any more. Always succeeds.
  static void Free(Span* span);
  // Tries to make a kLarge span hold `bytes` where it is. Shrinking gives the tail back.
  [[nodiscard]] static bool ResizeInPlace(Span* span, size_t bytes);
  // Gives all free pages back to the kernel; returns bytes released.
  static size_t ReleaseFree();
  // All zero while a fork is pending.
  static PageHeapTotals Totals();
  // mapped pages in bytes; takes no lock.
  static size_t MappedBytes();
  // nullptr, or what does not hold. Takes the lock; false negatives while a fork is pending.
  static const char* Check();
};

}  // namespace hz4

#endif  // HZ4_PAGE_HEAP_H_
