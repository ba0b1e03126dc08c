// SPDX-License-Identifier: Apache-2.0
//
// Box HZ4_MID_DUAL_TIER_ALLOC (B46): L0, a few objects before the alloc run. A miss moves up to
// REFILL_BATCH objects from the alloc run, and from nowhere else; they leave it, so no object is in
// both tiers.
#ifndef HZ4_MID_DUAL_TIER_H_
#define HZ4_MID_DUAL_TIER_H_

#include <cstring>

#include "hz4/mid/bins.h"
#include "hz4/mid/state.h"

namespace hz4 {
namespace mid {

// Step of a malloc, before the alloc run.
template <class Stats>
void* DualTierPop(MidThread* t, unsigned cls) {
  ClassCache& c = t->Of(cls);
  if (c.l0 == 0) {
    const uint64_t batch = EffectiveKnobs().mid_dual_tier_l0_refill_batch;
    const uint8_t n = static_cast<uint8_t>(c.run < batch ? c.run : batch);
    if (n == 0) return nullptr;
    c.run = static_cast<uint16_t>(c.run - n);
    memcpy(t->L0(c), t->Run(c) + c.run, n * sizeof(void*));
    c.l0 = n;
    Stats::Add(CounterId::kMidMallocL0RefillCalls);
    Stats::Add(CounterId::kMidMallocL0RefillObjs, n);
  }
  Stats::Add(CounterId::kMidMallocL0Hit);
  return t->L0(c)[--c.l0];
}

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_DUAL_TIER_H_
