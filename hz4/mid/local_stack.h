// SPDX-License-Identifier: Apache-2.0
//
// Box HZ4_MID_OWNER_LOCAL_STACK (B57): a stack per thread and class for objects of the thread's own
// page. Two policies ride on it, each a type with an off twin:
//
//   Gate        B58, REMOTE_GATE: while the page has remote frees, nothing is pushed, and what is
//               popped goes to the page's free list
//   Throttle    B77, ADAPTIVE: each class says by three bytes how much it trusts the stack
//
// A popped object's page may have changed hands since the push, when the lock path claimed another
// page: another thread's by now, the object goes to its remote list (stale_remote); nobody's, under
// the class lock into its page (stale_unowned). As long as this is the first step of a malloc the
// stack is empty whenever the lock path is reached, and neither happens: the counters say so.
#ifndef HZ4_MID_LOCAL_STACK_H_
#define HZ4_MID_LOCAL_STACK_H_

#include "hz4/mid/bins.h"
#include "hz4/mid/state.h"
#include "hz4/side_arena.h"

namespace hz4 {
namespace mid {

// --- B58 ---

struct RemoteGate {
  static bool Shut(const ClassCache& c) { return PageHandOver::Waiting(*c.word) != 0; }
};
struct NoGate {
  static bool Shut(const ClassCache&) { return false; }
};

// --- B77 ---

template <class Stats>
struct AdaptiveThrottle {
  // Whether a free may push. In the cooldown: no. Cold: every 2^PROBE_SHIFT-th attempt.
  static bool Skips(ClassCache& c) {
    if (c.cooldown > 0) {
      --c.cooldown;
      Stats::Add(CounterId::kMidFreeAdaptivePushSkipCooldown);
      return true;
    }
    if (c.hot > 0) return false;
    const unsigned shift =
        static_cast<unsigned>(EffectiveKnobs().mid_owner_local_stack_adaptive_probe_shift);
    c.probe_tick = static_cast<uint8_t>((c.probe_tick + 1) & ((1u << shift) - 1));
    if (c.probe_tick == 0) return false;
    Stats::Add(CounterId::kMidFreeAdaptivePushSkipCold);
    return true;
  }
  static void Pushed(ClassCache& c) { Heat(c, 1); }
  static void PushWasGated(ClassCache& c) { c.cooldown = Cooldown(); }
  static void OwnerHit(ClassCache& c) {
    Heat(c, 2);
    Stats::Add(CounterId::kMidAdaptiveHotPromote);
  }
  static void PopWentWrong(ClassCache& c) {
    c.hot = 0;
    c.cooldown = Cooldown();
    Stats::Add(CounterId::kMidAdaptiveHotReset);
  }

 private:
  static void Heat(ClassCache& c, unsigned by) {
    c.hot = static_cast<uint8_t>(c.hot + by < 255 ? c.hot + by : 255);
  }
  static uint8_t Cooldown() {
    return static_cast<uint8_t>(EffectiveKnobs().mid_owner_local_stack_adaptive_cooldown);
  }
};
struct NoThrottle {
  static bool Skips(ClassCache&) { return false; }
  static void Pushed(ClassCache&) {}
  static void PushWasGated(ClassCache&) {}
  static void OwnerHit(ClassCache&) {}
  static void PopWentWrong(ClassCache&) {}
};

// --- B57 ---

// A popped object whose page is not this thread's any more.
template <class Stats>
HZ4_COLD void ReturnStale(MidThread* t, void* p, unsigned cls) {
  if (PushRemote(PageOf(p), p)) {
    Stats::Add(CounterId::kMidMallocOwnerLocalStackStaleRemote);
    return;
  }
  Stats::Add(CounterId::kMidMallocOwnerLocalStackStaleUnowned);
  if (!Table().mid_put_back(t, cls, &p, 1)) side::DeferFree(p);
}

// Step of a malloc.
template <class Stats, class Gate, class Throttle>
void* LocalStackPop(MidThread* t, unsigned cls) {
  ClassCache& c = t->Of(cls);
  while (c.stack > 0) {
    void* p = t->Stack(c)[--c.stack];
    if (HZ4_UNLIKELY(!c.IsMine(p))) {
      ReturnStale<Stats>(t, p, cls);
      Throttle::PopWentWrong(c);
      continue;
    }
    if (HZ4_UNLIKELY(Gate::Shut(c))) {
      Put(c.page, p);
      Stats::Add(CounterId::kMidMallocOwnerLocalStackPopGatedRemote);
      Throttle::PopWentWrong(c);
      continue;
    }
    Throttle::OwnerHit(c);
    Stats::Add(CounterId::kMidMallocOwnerLocalStackHit);
    return p;
  }
  return nullptr;
}

// Step of a free of the thread's own page.
template <class Stats, class Gate, class Throttle>
bool LocalStackPush(MidThread* t, Span*, void* p, unsigned cls) {
  ClassCache& c = t->Of(cls);
  if (Throttle::Skips(c)) return false;
  if (c.stack >= EffectiveKnobs().mid_owner_local_stack_slots) {
    Stats::Add(CounterId::kMidFreeOwnerLocalStackOverflow);
    return false;
  }
  if (HZ4_UNLIKELY(Gate::Shut(c))) {
    Stats::Add(CounterId::kMidFreeOwnerLocalStackPushGatedRemote);
    Throttle::PushWasGated(c);
    return false;
  }
  t->Stack(c)[c.stack++] = p;
  Throttle::Pushed(c);
  Stats::Add(CounterId::kMidFreeOwnerLocalStackHit);
  return true;
}

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_LOCAL_STACK_H_
