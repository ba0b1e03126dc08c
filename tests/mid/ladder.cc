// SPDX-License-Identifier: Apache-2.0
#include "tests/mid/ladder.h"

#include <gtest/gtest.h>

#include "hz4/arena.h"
#include "hz4/base/scope.h"
#include "hz4/huge_pages.h"
#include "hz4/mid/bins.h"
#include "hz4/mid/check.h"
#include "hz4/mid/resolve_mid.h"
#include "hz4/mid/transfer.h"
#include "hz4/page_heap.h"
#include "hz4/page_map.h"
#include "hz4/side_arena.h"

namespace hz4 {

// In place of the assembly's: tests write to it.
Sealed sealed = {};

namespace test {
namespace {

void FrontThreadExit(ThreadState*) {}

// Once a process. Locks for the largest number of shards: a Ladder uses as many as its knobs say.
void BuildHeap() {
  static bool built = false;
  if (built) return;
  built = true;
  arena::Init(size_t{8} << 30, /*allow_direct=*/true);
  const arena::Region side_region = arena::SideRegion();
  side::Init(side_region.start, side_region.bytes);
  PageHeap::Init();
  ThreadRegistry::Init();
  sealed.knobs.value.mid_lock_shards = mid::kMaxShards;
  mid::InitBins();
}

// Deferred frees come back through the door.
void FreeDoor(void* p) { Table().mid_free(p, page_map::ClassOf(p)); }

}  // namespace

Ladder::Ladder(const Knobs& knobs) {
  BuildHeap();
  sealed.knobs.value = knobs;
  sealed.knobs.value.mid_stats_b1 = true;
  Resolution resolution = {};
  mid::ResolveMid(sealed.knobs.value, &resolution);
  sealed.table = resolution.table;
  sealed.table.heap_open = &huge_pages::OpenStep;
  sealed.table.heap_release = &huge_pages::ReleaseAll;
  sealed.table.front_thread_exit = &FrontThreadExit;
  sealed.table.free = &FreeDoor;
  if (knobs.mid_transfer_cache) {
    EXPECT_TRUE(mid::TransferCache::Init());
  }
  before_ = MergeStats();
  Become(0);
}

Ladder::~Ladder() {
  for (int i = 0; i < static_cast<int>(actors_.size()); ++i) Exit(i);
  Become(kNobody);
  Table().mid_flush();
  tls.exited = false;
  for (unsigned cls = mid::kFirstClass; cls < mid::kFirstClass + mid::kClasses; ++cls) {
    EXPECT_EQ(mid::BinOf(cls).pages, 0u) << "pages of class " << cls << " are left";
  }
  // The next Ladder's knobs may want other arrays.
  for (ThreadState* s = ThreadRegistry::First(); s != nullptr; s = s->next_all) s->mid = nullptr;
}

void Ladder::Become(int actor) {
  tls.exited = actor == kNobody;
  tls.thread = nullptr;
  if (actor == kNobody) return;
  if (static_cast<int>(actors_.size()) <= actor) actors_.resize(static_cast<size_t>(actor) + 1);
  ThreadState*& state = actors_[static_cast<size_t>(actor)];
  tls.thread = state;
  if (state != nullptr) return;
  SlowScope scope;
  state = ThreadRegistry::Current();
  ASSERT_NE(state, nullptr);
  ASSERT_NE(MidThread::Current(), nullptr);
}

void Ladder::Exit(int actor) {
  ThreadState*& state = actors_[static_cast<size_t>(actor)];
  if (state != nullptr) {
    tls.thread = state;
    ThreadRegistry::ExitThread();
    state = nullptr;
    tls.exited = false;
  }
  Become(0);
}

void Ladder::Free(void* p) { Table().mid_free(p, page_map::ClassOf(p)); }

MidThread* Ladder::Thread() { return tls.thread == nullptr ? nullptr : tls.thread->mid; }

uint64_t Ladder::Count(CounterId id) const { return MergeStats()[id] - before_[id]; }

Knobs BareLadder() {
  Knobs k;
  k.mid_route = MidRoute::kLadder;
  k.mid_alloc_run_cache = false;
  k.mid_free_batch = false;
  k.mid_free_batch_consume = false;
  k.mid_page_supply_resv = false;
  return k;
}

Knobs B46Base() {
  Knobs k;
  k.mid_route = MidRoute::kLadder;
  k.mid_page_supply_resv = false;
  return k;
}

Knobs B7xBase() {
  Knobs k;
  k.mid_route = MidRoute::kLadder;
  k.mid_owner_remote_queue = true;
  k.mid_owner_local_stack = true;
  k.mid_owner_local_stack_slots = 8;
  k.mid_owner_local_stack_remote_gate = true;
  return k;
}

const char* CheckLadder() {
  SlowScope scope;
  const char* wrong = mid::Check();
  return wrong != nullptr ? wrong : PageHeap::Check();
}

}  // namespace test
}  // namespace hz4
