// SPDX-License-Identifier: Apache-2.0
#include "hz4/mid/state.h"

#include "hz4/base/bits.h"
#include "hz4/base/os.h"
#include "hz4/dispatch.h"

namespace hz4 {

mid::Layout mid::Layout::For(const Knobs& knobs) {
  Layout l;
  size_t at = knobs.mid_owner_local_stack ? knobs.mid_owner_local_stack_slots : 0;
  const auto place = [&at](uint16_t* where, bool on, uint64_t slots) {
    *where = static_cast<uint16_t>(at);
    if (on) at += slots;
  };
  place(&l.run_at, knobs.mid_alloc_run_cache, knobs.mid_alloc_run_limit);
  place(&l.l0_at, knobs.mid_dual_tier_alloc, knobs.mid_dual_tier_l0_limit);
  place(&l.batch_at, knobs.mid_free_batch, knobs.mid_free_batch_limit);
  l.batch_slots = static_cast<uint16_t>(at - l.batch_at);
  l.stride = static_cast<uint16_t>(AlignUp(at, kCacheLine / sizeof(void*)));
  return l;
}

MidThread* MidThread::Create(ThreadState* state) {
  const mid::Layout layout = mid::Layout::For(EffectiveKnobs());
  const size_t bytes = sizeof(MidThread) + mid::kClasses * layout.stride * sizeof(void*);
  void* memory = os::Map(AlignUp(bytes, kOsPage), kOsPage);
  if (memory == nullptr) return nullptr;
  MidThread* t = static_cast<MidThread*>(memory);  // all zero: nothing cached, nothing owned
  t->layout = layout;
  void** slots = reinterpret_cast<void**>(t + 1);
  for (mid::ClassCache& c : t->caches) {
    c.slots = slots;
    slots += layout.stride;
  }
  state->mid = t;
  return t;
}

}  // namespace hz4
