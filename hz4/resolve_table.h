// SPDX-License-Identifier: Apache-2.0
//
// How the entries of the table are bound: constant expressions, so that the table can be computed
// when the process starts (resolve.cc) and, in the build kind that measures what the table costs,
// by the compiler (doors.h).
#ifndef HZ4_RESOLVE_TABLE_H_
#define HZ4_RESOLVE_TABLE_H_

#include <unistd.h>

#include "hz4/central.h"
#include "hz4/front/entry.h"
#include "hz4/front/refill.h"
#include "hz4/front/thread.h"
#include "hz4/huge_pages.h"
#include "hz4/large/path.h"
#include "hz4/page_heap.h"
#include "hz4/page_map.h"
#include "hz4/resolve.h"
#include "hz4/vfork.h"

namespace hz4 {
namespace resolve_internal {

template <class Front, class Map, class Stats>
constexpr void BindDoors(Resolution* r) {
  using E = Entry<Front, Map, Stats>;
  HZ4_BIND(malloc, E::Malloc);
  HZ4_BIND(free, E::Free);
  HZ4_BIND(free_sized, E::FreeSized);
  HZ4_BIND(calloc, E::Calloc);
  HZ4_BIND(realloc, E::Realloc);
  HZ4_BIND(memalign, E::Memalign);
  HZ4_BIND(usable_size, E::UsableSize);
  HZ4_BIND(op_new, E::OpNew);
}

template <class Stats>
size_t ReleaseMemory() {
  Table().front_flush();
  Table().mid_flush();
  SlowScope scope;
  if (!scope.entered()) return 0;
  central::GiveBackAll<Stats>();
  return PageHeap::ReleaseFree();
}

inline void NothingAtThreadExit(ThreadState*) {}
inline void NothingInForkChild() {}
inline size_t NothingFlushed() { return 0; }
inline uint64_t NothingCached() { return 0; }
inline const char* NothingWrong() { return nullptr; }
inline MidTotals NoMidTotals() { return {}; }

template <class Stats>
size_t FlushPerCpu() {
  return PerCpuFlush(&ReturnInBatches<Stats>);
}
template <class Stats>
size_t FlushThread() {
  SlowScope scope;
  return scope.entered() ? ThreadCacheFlush(&ReturnInBatches<Stats>) : 0;
}
template <class Stats>
void ExitThreadCache(ThreadState* t) {
  ThreadCacheExit(t, &ReturnInBatches<Stats>);
}

template <class Front, class Stats>
constexpr void BindArrayRoute(Resolution* r) {
  HZ4_BIND(small_alloc, Refill<Front, Stats>);
  HZ4_BIND(mid_alloc, Refill<Front, Stats>);
  HZ4_BIND(big_alloc, Refill<Front, Stats>);
  HZ4_BIND(small_free, Spill<Front, Stats>);
  HZ4_BIND(mid_free, Spill<Front, Stats>);
  HZ4_BIND(big_free, Spill<Front, Stats>);
}

template <class Front, class Stats>
constexpr void BindFront(const Facts& facts, Resolution* r) {
  if (facts.direct_map) {
    BindDoors<Front, DirectMap, Stats>(r);
  } else {
    BindDoors<Front, RadixMap, Stats>(r);
  }
  BindArrayRoute<Front, Stats>(r);
}

template <class Stats>
constexpr void BindAll(const Knobs& knobs, const Facts& facts, Resolution* r) {
  HZ4_BIND(large_alloc, LargeAlloc<Stats>);
  HZ4_BIND(large_free, LargeFree<Stats>);
  HZ4_BIND(large_usable, LargeUsable);
  HZ4_BIND(large_resize, LargeResize);
  HZ4_BIND(release_memory, ReleaseMemory<Stats>);
  huge_pages::Bind(knobs.thp, r);
  if (knobs.vfork == VforkMode::kFork) {
    HZ4_BIND(vfork, fork);
  } else {
    HZ4_BIND(vfork, NativeVfork);
  }
  switch (knobs.front) {
    case FrontKind::kPercpu:
      if (facts.cpu_index == CpuIndex::kCpuIdUsual) {
        BindFront<PerCpuFront<CpuIndex::kCpuIdUsual>, Stats>(facts, r);
      } else if (facts.cpu_index == CpuIndex::kCpuId) {
        BindFront<PerCpuFront<CpuIndex::kCpuId>, Stats>(facts, r);
      } else {
        BindFront<PerCpuFront<CpuIndex::kCid>, Stats>(facts, r);
      }
      HZ4_BIND(front_flush, FlushPerCpu<Stats>);
      HZ4_BIND(front_thread_exit, NothingAtThreadExit);
      HZ4_BIND(front_fork_child, PerCpuForkChild);
      HZ4_BIND(front_cached, PerCpuCachedBytes);
      HZ4_BIND(front_check, PerCpuCheck);
      break;
    case FrontKind::kThread:
      BindFront<ThreadFront, Stats>(facts, r);
      HZ4_BIND(front_flush, FlushThread<Stats>);
      HZ4_BIND(front_thread_exit, ExitThreadCache<Stats>);
      HZ4_BIND(front_fork_child, ThreadCacheForkChild);
      HZ4_BIND(front_cached, ThreadCacheCachedBytes);
      HZ4_BIND(front_check, ThreadCacheCheck);
      break;
    case FrontKind::kNone:
      BindFront<NoFront, Stats>(facts, r);
      HZ4_BIND(front_flush, NothingFlushed);
      HZ4_BIND(front_thread_exit, NothingAtThreadExit);
      HZ4_BIND(front_fork_child, NothingInForkChild);
      HZ4_BIND(front_cached, NothingCached);
      HZ4_BIND(front_check, NothingWrong);
      break;
  }
  HZ4_BIND(mid_thread_exit, NothingAtThreadExit);
  HZ4_BIND(mid_flush, NothingFlushed);
  HZ4_BIND(mid_totals, NoMidTotals);
  HZ4_BIND(mid_check, NothingWrong);
  HZ4_BIND(mid_fork_child, NothingInForkChild);
}

}  // namespace resolve_internal

// Everything but the ladder.
constexpr Resolution ResolveArrayRoute(const Knobs& knobs, const Facts& facts) {
  Resolution r = {};
  if (knobs.stats != StatsFormat::kOff || knobs.mid_stats_b1) {
    resolve_internal::BindAll<Counting>(knobs, facts, &r);
  } else {
    resolve_internal::BindAll<NotCounting>(knobs, facts, &r);
  }
  return r;
}

// What the build kind without a table takes for granted (HZ4_CONSTEXPR_TABLE); elsewhere it ends
// the process as it starts.
inline constexpr Facts kBuiltFor = {nullptr, CpuIndex::kCpuIdUsual, /*direct_map=*/true};

}  // namespace hz4

#endif  // HZ4_RESOLVE_TABLE_H_
