// SPDX-License-Identifier: Apache-2.0
#include "hz4/mid/path.h"

#include "hz4/base/scope.h"
#include "hz4/dispatch.h"
#include "hz4/mid/bins.h"
#include "hz4/mid/state.h"
#include "hz4/side_arena.h"
#include "hz4/stats/blocks.h"

namespace hz4 {
namespace mid {

template <class Stats>
void* Alloc(unsigned cls) {
  SlowScope scope;
  if (HZ4_UNLIKELY(!scope.entered())) return nullptr;
  MidThread* t = MidThread::Current();
  if (HZ4_LIKELY(t != nullptr)) {
    for (const MidAllocStep* step = Table().mid_alloc_steps; *step != nullptr; ++step) {
      if (void* p = (*step)(t, cls)) {
        Stats::Add(CounterId::kMidMallocCalls);
        return p;
      }
    }
  }
  return Table().mid_lock_path(t, cls);
}

template <class Stats>
void Free(void* p, unsigned cls) {
  SlowScope scope;
  if (HZ4_UNLIKELY(!scope.entered())) return side::DeferFree(p);
  MidThread* t = MidThread::Current();
  if (HZ4_LIKELY(t != nullptr)) {
    const ClassCache& c = t->Of(cls);
    const bool mine = c.IsMine(p);
    Span* page = mine ? c.page : PageOf(p);
    ObjectIndex(mine ? c.start : page->start, cls, p);  // dies of a pointer that is no object's
    const MidFreeStep* step = mine ? Table().mid_free_own_steps : Table().mid_free_steps;
    for (; *step != nullptr; ++step) {
      if ((*step)(t, page, p, cls)) {
        Stats::Add(CounterId::kMidFreeCalls);
        return;
      }
    }
  }
  if (!Table().mid_put_back(t, cls, &p, 1)) return side::DeferFree(p);
  Stats::Add(CounterId::kMidFreeCalls);
  Stats::Add(CounterId::kMidFreeLocked);
}

namespace {

// An array of the thread's cache to its pages. False: a fork is pending.
template <class Count>
bool EmptyArray(MidThread* t, unsigned cls, void** slots, Count* count) {
  if (*count == 0) return true;
  if (!Table().mid_put_back(t, cls, slots, *count)) return false;
  *count = 0;
  return true;
}

bool EmptyThread(MidThread* t) {
  for (unsigned cls = kFirstClass; cls < kFirstClass + kClasses; ++cls) {
    ClassCache& c = t->Of(cls);
    if (!EmptyArray(t, cls, t->Stack(c), &c.stack) || !EmptyArray(t, cls, t->L0(c), &c.l0) ||
        !EmptyArray(t, cls, t->Run(c), &c.run) || !EmptyArray(t, cls, t->Batch(c), &c.batch) ||
        !Table().mid_release_page(t, cls)) {
      return false;
    }
    c.Forget();
  }
  Table().mid_unreserve(t);
  return true;
}

}  // namespace

void ThreadExit(ThreadState* state) {
  if (state->mid != nullptr) EmptyThread(state->mid);
}

template <class Stats>
size_t Flush() {
  SlowScope scope;
  if (!scope.entered()) return 0;
  if (tls.thread != nullptr && tls.thread->mid != nullptr) EmptyThread(tls.thread->mid);
  Table().mid_transfer_flush();
  size_t bytes = 0;
  for (unsigned cls = kFirstClass; cls < kFirstClass + kClasses; ++cls) {
    LeavingPages leaving;
    Lock& lock = LockOf(cls);
    if (!lock.Acquire()) break;
    BinOf(cls).TakeWholeFree(&leaving);
    lock.Release();
    bytes += leaving.Free<Stats>();
  }
  return bytes;
}

void ForkChild() {
  for (ThreadState* s = ThreadRegistry::First(); s != nullptr; s = s->next_all) {
    if (s != tls.thread) s->mid = nullptr;
  }
}

template void* Alloc<Counting>(unsigned);
template void* Alloc<NotCounting>(unsigned);
template void Free<Counting>(void*, unsigned);
template void Free<NotCounting>(void*, unsigned);
template size_t Flush<Counting>();
template size_t Flush<NotCounting>();

}  // namespace mid
}  // namespace hz4
