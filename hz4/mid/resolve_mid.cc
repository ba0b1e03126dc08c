// SPDX-License-Identifier: Apache-2.0
#include "hz4/mid/resolve_mid.h"

#include "hz4/function_name.h"
#include "hz4/mid/alloc_run.h"
#include "hz4/mid/check.h"
#include "hz4/mid/dual_tier.h"
#include "hz4/mid/free_batch.h"
#include "hz4/mid/local_stack.h"
#include "hz4/mid/lock_path.h"
#include "hz4/mid/outlock_refill.h"
#include "hz4/mid/owner_page.h"
#include "hz4/mid/page_supply.h"
#include "hz4/mid/path.h"
#include "hz4/mid/put_back.h"
#include "hz4/mid/transfer.h"

namespace hz4 {
namespace mid {
namespace {

// The boxes that are on: what the knobs say, less those whose need is off. (ParseKnobs sees to
// needs; a Knobs made by hand may be anything.)
struct Boxes {
  bool run, batch, consume, owner, stack, gate, adaptive, l0, outside, reserve, transfer, outlock;

  explicit Boxes(const Knobs& k)
      : run(k.mid_alloc_run_cache),
        batch(k.mid_free_batch),
        consume(k.mid_free_batch_consume && batch && run),
        owner(k.mid_owner_remote_queue),
        stack(k.mid_owner_local_stack && owner),
        gate(k.mid_owner_local_stack_remote_gate && stack),
        adaptive(k.mid_owner_local_stack_adaptive && stack),
        l0(k.mid_dual_tier_alloc && run),
        outside(k.mid_page_create_outside_sc_lock),
        reserve(k.mid_page_supply_resv),
        transfer(k.mid_transfer_cache && batch),
        outlock(k.mid_lockpath_outlock_refill && run) {}
};

// Appends to the list of steps of that name.
struct Steps {
  int alloc = 0;
  int free_own = 0;
  int free = 0;
};
#define HZ4_ADD_ALLOC_STEP(...)                        \
  do {                                                 \
    HZ4_BIND(mid_alloc_steps[at->alloc], __VA_ARGS__); \
    ++at->alloc;                                       \
  } while (false)
#define HZ4_ADD_FREE_OWN_STEP(...)                           \
  do {                                                       \
    HZ4_BIND(mid_free_own_steps[at->free_own], __VA_ARGS__); \
    ++at->free_own;                                          \
  } while (false)
#define HZ4_ADD_FREE_STEP(...)                       \
  do {                                               \
    HZ4_BIND(mid_free_steps[at->free], __VA_ARGS__); \
    ++at->free;                                      \
  } while (false)

template <class Stats, class Gate, class Throttle>
void AddLocalStack(Steps* at, Resolution* r) {
  HZ4_ADD_ALLOC_STEP(LocalStackPop<Stats, Gate, Throttle>);
  HZ4_ADD_FREE_OWN_STEP(LocalStackPush<Stats, Gate, Throttle>);
}

template <class Stats>
void AddLocalStack(const Boxes& on, Steps* at, Resolution* r) {
  if (on.gate && on.adaptive) {
    AddLocalStack<Stats, RemoteGate, AdaptiveThrottle<Stats>>(at, r);
  } else if (on.gate) {
    AddLocalStack<Stats, RemoteGate, NoThrottle>(at, r);
  } else if (on.adaptive) {
    AddLocalStack<Stats, NoGate, AdaptiveThrottle<Stats>>(at, r);
  } else {
    AddLocalStack<Stats, NoGate, NoThrottle>(at, r);
  }
}

// The ladder, top to bottom; see path.h.
template <class Stats>
void AddSteps(const Boxes& on, Resolution* r) {
  Steps steps;
  Steps* at = &steps;
  if (on.stack) AddLocalStack<Stats>(on, at, r);
  if (on.l0) HZ4_ADD_ALLOC_STEP(DualTierPop<Stats>);
  if (on.run) HZ4_ADD_ALLOC_STEP(AllocRunPop<Stats>);
  if (on.consume) HZ4_ADD_ALLOC_STEP(FreeBatchConsume<Stats>);
  if (on.owner) HZ4_ADD_ALLOC_STEP(OwnerAlloc<Stats>);
  if (on.transfer) HZ4_ADD_ALLOC_STEP(TransferTake<Stats>);

  if (on.owner) HZ4_ADD_FREE_OWN_STEP(OwnerPut<Stats>);
  if (on.owner) HZ4_ADD_FREE_STEP(OwnerPush<Stats>);
  if (on.batch) HZ4_ADD_FREE_STEP(FreeBatchPush<Stats>);
  if (on.transfer) HZ4_ADD_FREE_STEP(TransferPublish<Stats>);
  if (on.batch) HZ4_ADD_FREE_STEP(FreeBatchFlush<Stats>);
}

template <class Stats, class Timing, class Owners, class Create>
void BindLockPath(const Boxes& on, Resolution* r) {
  if (on.outlock) {
    HZ4_BIND(mid_lock_path, LockPath<Stats, Timing, Owners, Create, RefillOutside<Stats>>);
  } else if (on.run && !on.owner) {
    HZ4_BIND(mid_lock_path, LockPath<Stats, Timing, Owners, Create, RefillInside<Stats>>);
  } else {
    HZ4_BIND(mid_lock_path, LockPath<Stats, Timing, Owners, Create, RefillNothing>);
  }
}

template <class Stats, class Timing, class Owners>
void BindLocked(const Boxes& on, Resolution* r) {
  if (on.outside) {
    BindLockPath<Stats, Timing, Owners, CreateOutside<Stats, Timing>>(on, r);
  } else {
    BindLockPath<Stats, Timing, Owners, CreateInside<Stats, Timing>>(on, r);
  }
  HZ4_BIND(mid_put_back, PutBack<Stats, Timing, Owners>);
  if (on.reserve) {
    HZ4_BIND(mid_page_supply, SupplyFromRun<Stats, Owners>);
  } else {
    HZ4_BIND(mid_page_supply, SupplyOne<Stats, Owners>);
  }
}

template <class Stats, class Timing>
void Bind(const Boxes& on, Resolution* r) {
  HZ4_BIND(mid_alloc, Alloc<Stats>);
  HZ4_BIND(mid_free, Free<Stats>);
  HZ4_BIND(mid_flush, Flush<Stats>);
  HZ4_BIND(mid_thread_exit, ThreadExit);
  HZ4_BIND(mid_fork_child, ForkChild);
  HZ4_BIND(mid_totals, Totals);
  HZ4_BIND(mid_check, Check);
  AddSteps<Stats>(on, r);
  if (on.owner) {
    BindLocked<Stats, Timing, OwnedPages>(on, r);
    HZ4_BIND(mid_release_page, ReleasePage<Stats, Timing>);
  } else {
    BindLocked<Stats, Timing, NoOwners>(on, r);
    HZ4_BIND(mid_release_page, ReleaseNothing);
  }
  if (on.reserve) {
    HZ4_BIND(mid_unreserve, UnreserveRun);
  } else {
    HZ4_BIND(mid_unreserve, UnreserveNothing);
  }
  if (on.transfer) {
    HZ4_BIND(mid_transfer_flush, TransferFlush);
  } else {
    HZ4_BIND(mid_transfer_flush, TransferFlushNothing);
  }
}

}  // namespace

void ResolveMid(const Knobs& knobs, Resolution* r) {
  const Boxes on(knobs);
  if (knobs.mid_lock_time_stats) {
    Bind<Counting, Timed>(on, r);
  } else if (knobs.mid_stats_b1 || knobs.stats != StatsFormat::kOff) {
    Bind<Counting, Untimed>(on, r);
  } else {
    Bind<NotCounting, Untimed>(on, r);
  }
}

void Init() {
  InitBins();
  if (Boxes(EffectiveKnobs()).transfer) TransferCache::Init();
}

}  // namespace mid
}  // namespace hz4
