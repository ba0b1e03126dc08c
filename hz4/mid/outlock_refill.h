// SPDX-License-Identifier: Apache-2.0
//
// Box HZ4_MID_LOCKPATH_OUTLOCK_REFILL (B74 stage B): under the class lock the lock path detaches up
// to BUDGET more objects from the page it chose into a list of its own, and links them into the
// alloc run when the lock is released. It detaches no more than the alloc run has room for; should
// there be less room when it links them, the rest goes back into its page under the lock.
#ifndef HZ4_MID_OUTLOCK_REFILL_H_
#define HZ4_MID_OUTLOCK_REFILL_H_

#include "hz4/mid/bins.h"
#include "hz4/mid/state.h"
#include "hz4/side_arena.h"

namespace hz4 {
namespace mid {

template <class Stats>
class RefillOutside {
 public:
  // Class lock held; t may be null.
  void Detach(MidThread* t, unsigned cls, Span* page) {
    if (t == nullptr) return;
    const uint64_t room = EffectiveKnobs().mid_alloc_run_limit - t->Of(cls).run;
    const uint64_t budget = EffectiveKnobs().mid_lockpath_outlock_refill_budget;
    const uint64_t most = room < budget ? room : budget;
    while (n_ < most) {
      void* p = Take(page);
      if (p == nullptr) break;
      objects_[n_++] = p;
    }
  }

  // Class lock released.
  void Link(MidThread* t, unsigned cls) {
    if (n_ == 0) return;
    Stats::Add(CounterId::kMidOutlockRefillCalls);
    ClassCache& c = t->Of(cls);
    const uint64_t limit = EffectiveKnobs().mid_alloc_run_limit;
    uint32_t linked = 0;
    while (linked < n_ && c.run < limit) t->Run(c)[c.run++] = objects_[linked++];
    Stats::Add(CounterId::kMidOutlockRefillObjs, linked);
    if (linked < n_) DropBack(t, cls, linked);
  }

 private:
  HZ4_COLD void DropBack(MidThread* t, unsigned cls, uint32_t from) {
    Stats::Add(CounterId::kMidOutlockRefillDropBack, n_ - from);
    if (Table().mid_put_back(t, cls, objects_ + from, n_ - from)) return;
    for (uint32_t i = from; i < n_; ++i) side::DeferFree(objects_[i]);
  }

  static constexpr uint32_t kMostBudget = 64;  // the knob's range
  uint32_t n_ = 0;
  void* objects_[kMostBudget];
};

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_OUTLOCK_REFILL_H_
