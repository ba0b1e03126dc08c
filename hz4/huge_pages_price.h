// SPDX-License-Identifier: Apache-2.0
//
// Whether huge pages are worth asking for here and now, in time alone. Where the host of a virtual
// machine has taken free memory back (free page reporting), or the kernel has to move pages first,
// one takes milliseconds: seven times as long as the small pages it stands for, of which the guest
// has warm ones. Elsewhere it takes a tenth. Only a clock tells which.
//
// All under the page heap's lock. `heap`: bytes of the heap that were opened so far.
#ifndef HZ4_HUGE_PAGES_PRICE_H_
#define HZ4_HUGE_PAGES_PRICE_H_

#include "hz4/base/platform.h"

namespace hz4 {
namespace huge_pages {

// HZ4_THP=advise: always.
struct AnyPrice {
  static constexpr bool Worth(size_t) { return true; }
  static constexpr bool Pay(uintptr_t, size_t, size_t, bool) { return true; }
};

// HZ4_THP=measured: the first one is tried when the heap's page faults so far took as long as a
// cold huge page, one in each kTryEvery after it, and where one was dear the next when those that
// were take an eighth of the page faults' time. So both ways of being wrong are bounded: what is
// tried in vain costs an eighth of what a heap of small pages does, and 5 ms at first.
class MeasuredPrice {
 public:
  static bool Worth(size_t heap);
  // [start, start+bytes), fresh, was asked for. False: it is dear; not again until it is Worth.
  // To try is to touch: a block, which may never be written to, is tried in a heap that has doubled
  // since the last time.
  static bool Pay(uintptr_t start, size_t bytes, size_t heap, bool block);

  static constexpr uint64_t kColdNs = 5'000'000;  // 512 pages of 9 to 10 us from the host
  static constexpr uint64_t kDear = 2;            // times as long as the small pages
  static constexpr uint64_t kTryShare = 8;
  static constexpr size_t kTryEvery = size_t{8} << 20;
};

}  // namespace huge_pages
}  // namespace hz4

#endif  // HZ4_HUGE_PAGES_PRICE_H_
