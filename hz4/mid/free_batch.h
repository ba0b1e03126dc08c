// SPDX-License-Identifier: Apache-2.0
//
// Box HZ4_MID_FREE_BATCH: frees of unowned pages wait per thread and class for one trip under the
// class lock, when LIMIT of them are there or when the thread enters the class's lock path anyway.
// With HZ4_MID_FREE_BATCH_CONSUME a malloc that would enter the lock path takes them first: the
// last ones move to the (empty) alloc run.
#ifndef HZ4_MID_FREE_BATCH_H_
#define HZ4_MID_FREE_BATCH_H_

#include <cstring>

#include "hz4/mid/bins.h"
#include "hz4/mid/state.h"

namespace hz4 {
namespace mid {

// Step of a free: there is room.
template <class Stats>
bool FreeBatchPush(MidThread* t, Span*, void* p, unsigned cls) {
  ClassCache& c = t->Of(cls);
  if (c.batch >= EffectiveKnobs().mid_free_batch_limit) return false;
  t->Batch(c)[c.batch++] = p;
  Stats::Add(CounterId::kMidFreeBatchEnq);
  return true;
}

// Step of a free: the batch is full and makes room. False: a fork is pending.
template <class Stats>
bool FreeBatchFlush(MidThread* t, Span* page, void* p, unsigned cls) {
  ClassCache& c = t->Of(cls);
  if (!Table().mid_put_back(t, cls, t->Batch(c), c.batch)) return false;
  Stats::Add(CounterId::kMidFreeBatchFlush);
  Stats::Add(CounterId::kMidFreeBatchFlushObjs, c.batch);
  c.batch = 0;
  return FreeBatchPush<Stats>(t, page, p, cls);
}

// Step of a malloc, behind the alloc run, which is empty therefore.
template <class Stats>
void* FreeBatchConsume(MidThread* t, unsigned cls) {
  ClassCache& c = t->Of(cls);
  const Knobs& k = EffectiveKnobs();
  if (c.batch < k.mid_free_batch_consume_min) return nullptr;
  const uint64_t room = k.mid_alloc_run_limit - c.run;
  const uint16_t n = static_cast<uint16_t>(c.batch < room ? c.batch : room);
  c.batch = static_cast<uint16_t>(c.batch - n);
  memcpy(t->Run(c) + c.run, t->Batch(c) + c.batch, n * sizeof(void*));
  c.run = static_cast<uint16_t>(c.run + n);
  Stats::Add(CounterId::kMidFreeBatchRefill);
  Stats::Add(CounterId::kMidFreeBatchRefillObjs, n);
  Stats::Add(CounterId::kMidMallocFreeBatchHit);
  return t->Run(c)[--c.run];
}

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_FREE_BATCH_H_
