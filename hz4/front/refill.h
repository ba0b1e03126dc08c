// SPDX-License-Identifier: Apache-2.0
//
// Between a front and the middle (central): what happens on a miss and on an overflow. Front is one
// of PerCpuFront<>, ThreadFront, NoFront; Stats is Counting or NotCounting.
#ifndef HZ4_FRONT_REFILL_H_
#define HZ4_FRONT_REFILL_H_

#include "hz4/base/print.h"
#include "hz4/base/scope.h"
#include "hz4/central.h"
#include "hz4/front/cache.h"
#include "hz4/side_arena.h"

namespace hz4 {

// Lets the class grow; what another class holds above its lowered limit goes to the middle.
template <class Stats, class Session>
void GrowClass(Session& session, unsigned cls, void** batch) {
  const unsigned victim = session.Grow(cls);
  if (HZ4_LIKELY(victim == kNoClass)) return;
  const uint32_t room = session.Room(victim);
  for (uint32_t count = session.Count(victim); count > room;) {
    const uint32_t want = count - room < kStackBatch ? count - room : kStackBatch;
    const uint32_t n = session.PopBatch(victim, batch, want);
    if (n == 0) break;
    central::Return<Stats>(victim, batch, n);
    count -= n;
  }
}

// central::Mover: an array's objects into the cache, one of them for the caller.
template <class Session>
struct IntoCache {
  Session* session;
  void* object;
  static uint32_t Move(void* context, unsigned cls, void** at, uint32_t n) {
    auto* self = static_cast<IntoCache*>(context);
    const uint32_t pushed = n > 1 ? self->session->PushBatch(cls, at, n - 1) : 0;
    self->object = at[pushed];
    return pushed + 1;
  }
};
// central::Mover: what the cache got last into an array.
template <class Session>
uint32_t OutOfCache(void* context, unsigned cls, void** at, uint32_t n) {
  return static_cast<Session*>(context)->PopBatch(cls, at, n);
}

// Seam {small,mid,big}_alloc. nullptr: out of memory, or not now (a fork, a signal handler).
template <class Front, class Stats>
void* Refill(unsigned cls) {
  SlowScope scope;
  if (!scope.entered()) return nullptr;
  void* batch[kStackBatch];
  using Session = typename Front::Session;
  Session session;
  GrowClass<Stats>(session, cls, batch);
  const uint32_t room = session.Room(cls);
  uint32_t want = room != 0 ? BatchOf(cls, room) : 1;
  IntoCache<Session> into = {&session, nullptr};
  uint32_t got = central::Withdraw(cls, want, &IntoCache<Session>::Move, &into);
  if (HZ4_UNLIKELY(got == 0)) {
    if (want > kStackBatch) want = kStackBatch;
    got = central::Fetch<Stats>(cls, batch, want);
    if (HZ4_UNLIKELY(got == 0)) return nullptr;
    const uint32_t moved = into.Move(&into, cls, batch, got);
    if (HZ4_UNLIKELY(moved < got)) central::Return<Stats>(cls, batch + moved, got - moved);
  }
  Stats::Add(CounterId::kFrontRefill);
  Stats::Add(CounterId::kFrontRefillObjs, got);
  return into.object;
}

// Seam {small,mid,big}_free. Always takes p.
template <class Front, class Stats>
void Spill(void* p, unsigned cls) {
  SlowScope scope;
  if (!scope.entered()) {
    Stats::Add(CounterId::kDeferredFree);
    return side::DeferFree(p);
  }
  void* batch[kStackBatch];
  using Session = typename Front::Session;
  Session session;
  GrowClass<Stats>(session, cls, batch);
  if (session.PushBatch(cls, &p, 1) == 1) return;
  const uint32_t want = BatchOf(cls, session.Room(cls));
  uint32_t n = 0;
  if (session.Count(cls) > 0) {
    n = central::Deposit<Stats>(cls, want, &OutOfCache<Session>, &session);
    if (HZ4_UNLIKELY(n == 0)) {
      n = session.PopBatch(cls, batch, want < kStackBatch ? want : kStackBatch);
      central::Return<Stats>(cls, batch, n);
    }
  }
  Stats::Add(CounterId::kFrontSpill);
  Stats::Add(CounterId::kFrontSpillObjs, n + 1);
  if (n == 0 || session.PushBatch(cls, &p, 1) == 0) central::Return<Stats>(cls, &p, 1);
}

// What flushing a cache does with the objects of one class.
template <class Stats>
void ReturnInBatches(unsigned cls, void* const* objects, uint32_t n) {
  for (uint32_t i = 0; i < n; i += kMaxBatch) {
    central::Return<Stats>(cls, objects + i, n - i < kMaxBatch ? n - i : kMaxBatch);
  }
}

}  // namespace hz4

#endif  // HZ4_FRONT_REFILL_H_
