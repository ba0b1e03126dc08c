// SPDX-License-Identifier: Apache-2.0
//
// HZ4_THP: which parts of the heap's reservation the kernel is asked to back with transparent huge
// pages of 2 MiB. A heap that is written in full takes one page fault for each of them instead of
// 512; of one that is not, all that lies beside what is written comes into memory too.
//
// advise, which needs one reservation, and measured, which asks for less of it where huge pages
// come slowly (huge_pages_price.h):
//   - Steps of the heap for large blocks are asked for, but not where the block shall read as zero:
//     a table that comes from calloc often stays sparse.
//   - Of steps for objects probes tell: 2 MiB that start in small pages, so that the kernel can say
//     how much of what was handed out of them is in memory when the next step is opened.
//
//       | probe | asked for: kLeastAsked | probe | twice as much | probe | ...
//
//     At least half of it is: twice as much as the last time is asked for until the next probe, at
//     most a quarter of the heap where that is more than kLeastAsked. Less: nothing, and the next
//     step is a probe again, judged with the one before.
//   - The probes of a young heap that were written are moved into huge pages themselves, once at
//     least a quarter of them is in memory.
//   - The page map of a large heap is asked for: 2 MiB of it stand for 8 GiB. So are its
//   descriptors.
//   - Huge pages go back to the kernel whole. Where that is not enough, or everything is to go
//     back, the heap is not asked for any more: else the kernel would fill the holes again
//     (khugepaged).
#ifndef HZ4_HUGE_PAGES_H_
#define HZ4_HUGE_PAGES_H_

#include "hz4/base/platform.h"
#include "hz4/dispatch.h"
#include "hz4/huge_pages_price.h"

namespace hz4 {
namespace huge_pages {

inline constexpr size_t kHugePage = size_t{2} << 20;

// What a step of the heap is opened for.
enum class Use : uint8_t {
  kObjects,      // spans of objects, and blocks that fit into a step as it comes
  kBlock,        // one large block
  kZeroedBlock,  // one that reads as zero: likely to stay sparse
  kMap,          // not of the heap: its page map or descriptors, which are written all over
};

// The seam heap_open: makes [start, start+bytes) of the heap, multiples of kOsPage, readable and
// writable. False: refused, nothing changed. Caller holds the page heap's lock.
bool OpenStep(uintptr_t start, size_t bytes, Use use);
template <bool kHuge>
bool OpenStepAs(uintptr_t start, size_t bytes, Use use);
// start and bytes are multiples of kHugePage, but for kMap. Steps adjoin; the same one may be
// opened again.
template <class Price>
bool OpenStepAdvised(uintptr_t start, size_t bytes, Use use);

// The seam heap_release: free pages [*start, *start+*bytes) need not be kept; narrows them down to
// what goes back to the kernel. `must`: all of them do. False: nothing. Caller holds the page
// heap's lock.
bool ReleaseAll(uintptr_t* start, size_t* bytes, bool must);
bool ReleaseWhole(uintptr_t* start, size_t* bytes, bool must);

// Modes that ask for parts of the heap and remember which.
constexpr bool AsksForParts(ThpMode mode) {
  return mode == ThpMode::kAdvise || mode == ThpMode::kMeasured;
}

constexpr void Bind(ThpMode mode, Resolution* r) {
  if (AsksForParts(mode)) {
    HZ4_BIND(heap_release, ReleaseWhole);
  } else {
    HZ4_BIND(heap_release, ReleaseAll);
  }
  switch (mode) {
    case ThpMode::kSystem:
      HZ4_BIND(heap_open, OpenStep);
      break;
    case ThpMode::kNever:
      HZ4_BIND(heap_open, OpenStepAs<false>);
      break;
    case ThpMode::kAlways:
      HZ4_BIND(heap_open, OpenStepAs<true>);
      break;
    case ThpMode::kAdvise:
      HZ4_BIND(heap_open, OpenStepAdvised<AnyPrice>);
      break;
    case ThpMode::kMeasured:
      HZ4_BIND(heap_open, OpenStepAdvised<MeasuredPrice>);
      break;
  }
}

}  // namespace huge_pages
}  // namespace hz4

#endif  // HZ4_HUGE_PAGES_H_
