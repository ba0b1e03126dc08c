// SPDX-License-Identifier: Apache-2.0
//
// Box HZ4_MID_ALLOC_RUN_CACHE (L1): a stack of free objects per thread and class. The lock path
// fills it from the page it chose; the free batch fills it when it is consumed.
#ifndef HZ4_MID_ALLOC_RUN_H_
#define HZ4_MID_ALLOC_RUN_H_

#include "hz4/mid/bins.h"
#include "hz4/mid/state.h"

namespace hz4 {
namespace mid {

// Step of a malloc.
template <class Stats>
void* AllocRunPop(MidThread* t, unsigned cls) {
  ClassCache& c = t->Of(cls);
  if (c.run == 0) return nullptr;
  Stats::Add(CounterId::kMidMallocAllocCacheHit);
  return t->Run(c)[--c.run];
}

// How the lock path refills the alloc run: all of it under the class lock. (B74 stage B does it in
// another way, outlock_refill.h.)
template <class Stats>
struct RefillInside {
  // Class lock held; t may be null.
  void Detach(MidThread* t, unsigned cls, Span* page) {
    if (t == nullptr) return;
    ClassCache& c = t->Of(cls);
    const uint64_t limit = EffectiveKnobs().mid_alloc_run_limit;
    uint32_t n = 0;
    while (c.run < limit) {
      void* p = Take(page);
      if (p == nullptr) break;
      t->Run(c)[c.run++] = p;
      ++n;
    }
    if (n == 0) return;
    Stats::Add(CounterId::kMidMallocAllocCacheRefill);
    Stats::Add(CounterId::kMidMallocAllocCacheRefillObjs, n);
  }
  // Class lock released.
  void Link(MidThread*, unsigned) {}
};

// Not at all: without the box, and where the thread owns the page instead.
struct RefillNothing {
  void Detach(MidThread*, unsigned, Span*) {}
  void Link(MidThread*, unsigned) {}
};

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_ALLOC_RUN_H_
