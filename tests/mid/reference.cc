// SPDX-License-Identifier: Apache-2.0
#include "tests/mid/reference.h"

#include <algorithm>

#include "hz4/size_class.h"

namespace hz4 {
namespace test {
namespace {

template <class T>
T PopBack(std::vector<T>* v) {
  T last = v->back();
  v->pop_back();
  return last;
}

// Moves the last n of `from` to the end of `to`, in their order.
template <class T>
void MoveLast(std::vector<T>* from, std::vector<T>* to, size_t n) {
  to->insert(to->end(), from->end() - static_cast<std::ptrdiff_t>(n), from->end());
  from->resize(from->size() - n);
}

}  // namespace

// --- malloc ---

Reference::Object Reference::Alloc(int actor, unsigned cls) {
  Object p = {-1, 0};
  bool served = false;
  if (actor != kNobody) {
    Cache& c = threads_[actor].caches[cls];
    served = PopStack(actor, cls, &p) || PopL0(c, &p) || PopRun(c, &p) || ConsumeBatch(c, &p) ||
             TakeFromOwnPage(c, &p) || TakeTransfer(c, cls, &p);
  }
  if (!served) p = LockPath(actor, cls);
  Add(CounterId::kMidMallocCalls);
  return p;
}

bool Reference::PopStack(int actor, unsigned cls, Object* out) {
  Cache& c = threads_[actor].caches[cls];
  while (!c.stack.empty()) {
    const Object p = PopBack(&c.stack);
    Page& page = pages_.at(p.page);
    if (p.page != c.page && page.owner != kNobody) {
      page.remote.insert(p.index);
      Add(CounterId::kMidMallocOwnerLocalStackStaleRemote);
      PopWentWrong(c);
    } else if (p.page != c.page) {
      PutBackUnowned(p);
      Add(CounterId::kMidMallocOwnerLocalStackStaleUnowned);
      PopWentWrong(c);
    } else if (k_.mid_owner_local_stack_remote_gate && !page.remote.empty()) {
      page.free.insert(p.index);
      Add(CounterId::kMidMallocOwnerLocalStackPopGatedRemote);
      PopWentWrong(c);
    } else {
      if (k_.mid_owner_local_stack_adaptive) {
        c.hot = std::min(c.hot + 2, 255u);
        Add(CounterId::kMidAdaptiveHotPromote);
      }
      Add(CounterId::kMidMallocOwnerLocalStackHit);
      *out = p;
      return true;
    }
  }
  return false;
}

void Reference::PopWentWrong(Cache& c) {
  if (!k_.mid_owner_local_stack_adaptive) return;
  c.hot = 0;
  c.cooldown = static_cast<unsigned>(k_.mid_owner_local_stack_adaptive_cooldown);
  Add(CounterId::kMidAdaptiveHotReset);
}

bool Reference::PopL0(Cache& c, Object* out) {
  if (!k_.mid_dual_tier_alloc) return false;
  if (c.l0.empty() && !c.run.empty()) {
    const size_t n = std::min<size_t>(c.run.size(), k_.mid_dual_tier_l0_refill_batch);
    MoveLast(&c.run, &c.l0, n);
    Add(CounterId::kMidMallocL0RefillCalls);
    Add(CounterId::kMidMallocL0RefillObjs, n);
  }
  if (c.l0.empty()) return false;
  *out = PopBack(&c.l0);
  Add(CounterId::kMidMallocL0Hit);
  return true;
}

bool Reference::PopRun(Cache& c, Object* out) {
  if (c.run.empty()) return false;
  *out = PopBack(&c.run);
  Add(CounterId::kMidMallocAllocCacheHit);
  return true;
}

bool Reference::ConsumeBatch(Cache& c, Object* out) {
  if (!k_.mid_free_batch_consume || c.batch.size() < k_.mid_free_batch_consume_min) return false;
  const size_t n = std::min<size_t>(c.batch.size(), k_.mid_alloc_run_limit);
  MoveLast(&c.batch, &c.run, n);
  Add(CounterId::kMidFreeBatchRefill);
  Add(CounterId::kMidFreeBatchRefillObjs, n);
  Add(CounterId::kMidMallocFreeBatchHit);
  *out = PopBack(&c.run);
  return true;
}

bool Reference::TakeFromOwnPage(Cache& c, Object* out) {
  if (c.page < 0) return false;
  Page& page = pages_.at(c.page);
  if (!page.remote.empty()) {
    bool due = page.remote.size() >= k_.mid_owner_remote_queue_drain_threshold;
    if (!due) due = ++c.looks >= k_.mid_owner_remote_queue_drain_period;
    if (due) {
      c.looks = 0;
      Add(CounterId::kMidMallocOwnerDrain);
      Add(CounterId::kMidMallocOwnerDrainObjs, page.remote.size());
      Drain(c.page);
    }
  }
  if (!TakeFrom(c.page, out)) return false;
  Add(CounterId::kMidMallocOwnerFast);
  return true;
}

bool Reference::TakeTransfer(Cache& c, unsigned cls, Object* out) {
  if (!k_.mid_transfer_cache || published_[cls].empty()) return false;
  std::vector<Object> list = PopBack(&published_[cls]);
  const size_t before = list.size();
  *out = PopBack(&list);
  const size_t run_limit = k_.mid_alloc_run_cache ? k_.mid_alloc_run_limit : 0;
  while (!list.empty() && c.run.size() < run_limit) c.run.push_back(PopBack(&list));
  while (!list.empty() && c.batch.size() < k_.mid_free_batch_limit) {
    c.batch.push_back(PopBack(&list));
  }
  Add(CounterId::kMidTransferPop);
  Add(CounterId::kMidTransferPopObjs, before - list.size());
  if (!list.empty()) published_[cls].push_back(list);
  return true;
}

Reference::Object Reference::LockPath(int actor, unsigned cls) {
  Add(CounterId::kMidMallocLockPath);
  const bool has_state = actor != kNobody;
  if (has_state) {
    Cache& c = threads_[actor].caches[cls];
    if (!c.batch.empty()) {
      Add(CounterId::kMidFreeBatchFlush);
      Add(CounterId::kMidFreeBatchFlushObjs, c.batch.size());
      PutBack(actor, cls, c.batch);
      c.batch.clear();
    }
    ReleasePage(actor, cls);
  }
  int page;
  if (!bins_[cls].empty()) {
    Add(CounterId::kMidMallocBinHit);
    page = bins_[cls].front();
    RemoveFromBin(page);
  } else {
    Add(CounterId::kMidMallocBinMiss);
    Add(CounterId::kMidMallocPageCreate);
    if (k_.mid_page_create_outside_sc_lock) {
      Add(CounterId::kMidPageCreateOutlockCalls);
      Add(CounterId::kMidPageCreateOutlockCreated);
    }
    page = NewPage(actor, cls);
  }
  Object p;
  TakeFrom(page, &p);
  if (has_state && k_.mid_alloc_run_cache) {
    Cache& c = threads_[actor].caches[cls];
    const bool outside = k_.mid_lockpath_outlock_refill;
    size_t most = k_.mid_alloc_run_limit - c.run.size();
    if (outside) most = std::min<size_t>(most, k_.mid_lockpath_outlock_refill_budget);
    if (!outside && k_.mid_owner_remote_queue) most = 0;
    size_t n = 0;
    for (Object more; n < most && TakeFrom(page, &more); ++n) c.run.push_back(more);
    if (n > 0) {
      Add(outside ? CounterId::kMidOutlockRefillCalls : CounterId::kMidMallocAllocCacheRefill);
      Add(outside ? CounterId::kMidOutlockRefillObjs : CounterId::kMidMallocAllocCacheRefillObjs,
          n);
    }
  }
  if (has_state && k_.mid_owner_remote_queue) {
    pages_.at(page).owner = actor;
    threads_[actor].caches[cls].page = page;
    threads_[actor].caches[cls].looks = 0;
  } else {
    AddToBin(page);
  }
  return p;
}

// --- free ---

void Reference::Free(int actor, Object p) {
  Add(CounterId::kMidFreeCalls);
  const unsigned cls = pages_.at(p.page).cls;
  if (actor != kNobody) {
    Cache& c = threads_[actor].caches[cls];
    Page& page = pages_.at(p.page);
    if (c.page == p.page) {
      if (PushStack(c, p)) return;
      page.free.insert(p.index);
      Add(CounterId::kMidFreeOwnerLocal);
      return;
    }
    if (page.owner != kNobody) {
      page.remote.insert(p.index);
      Add(CounterId::kMidFreeOwnerRemote);
      return;
    }
    if (k_.mid_free_batch && FreeToBatch(actor, cls, p)) return;
  }
  PutBack(actor, cls, {p});
  Add(CounterId::kMidFreeLocked);
}

bool Reference::PushStack(Cache& c, Object p) {
  if (!k_.mid_owner_local_stack) return false;
  if (k_.mid_owner_local_stack_adaptive) {
    if (c.cooldown > 0) {
      --c.cooldown;
      Add(CounterId::kMidFreeAdaptivePushSkipCooldown);
      return false;
    }
    if (c.hot == 0) {
      const unsigned every = 1u << k_.mid_owner_local_stack_adaptive_probe_shift;
      c.probe_tick = (c.probe_tick + 1) % every;
      if (c.probe_tick != 0) {
        Add(CounterId::kMidFreeAdaptivePushSkipCold);
        return false;
      }
    }
  }
  if (c.stack.size() >= k_.mid_owner_local_stack_slots) {
    Add(CounterId::kMidFreeOwnerLocalStackOverflow);
    return false;
  }
  if (k_.mid_owner_local_stack_remote_gate && !pages_.at(p.page).remote.empty()) {
    Add(CounterId::kMidFreeOwnerLocalStackPushGatedRemote);
    if (k_.mid_owner_local_stack_adaptive) {
      c.cooldown = static_cast<unsigned>(k_.mid_owner_local_stack_adaptive_cooldown);
    }
    return false;
  }
  c.stack.push_back(p);
  if (k_.mid_owner_local_stack_adaptive) c.hot = std::min(c.hot + 1, 255u);
  Add(CounterId::kMidFreeOwnerLocalStackHit);
  return true;
}

bool Reference::FreeToBatch(int actor, unsigned cls, Object p) {
  Cache& c = threads_[actor].caches[cls];
  if (c.batch.size() >= k_.mid_free_batch_limit) {
    const uint64_t most = k_.mid_transfer_cache_batch_max;
    const uint64_t lists = (k_.mid_transfer_cache_soft_limit + most - 1) / most;
    if (k_.mid_transfer_cache && c.batch.size() >= k_.mid_transfer_cache_publish_min &&
        published_[cls].size() < lists) {
      const auto n = static_cast<std::ptrdiff_t>(std::min<uint64_t>(c.batch.size(), most));
      published_[cls].emplace_back(c.batch.begin(), c.batch.begin() + n);
      c.batch.erase(c.batch.begin(), c.batch.begin() + n);
      Add(CounterId::kMidTransferPublish);
    } else {
      Add(CounterId::kMidFreeBatchFlush);
      Add(CounterId::kMidFreeBatchFlushObjs, c.batch.size());
      PutBack(actor, cls, c.batch);
      c.batch.clear();
    }
  }
  c.batch.push_back(p);
  Add(CounterId::kMidFreeBatchEnq);
  return true;
}

// --- under the class lock ---

int Reference::NewPage(int actor, unsigned cls) {
  Add(CounterId::kSpanCreated);
  if (k_.mid_page_supply_resv && actor != kNobody) {
    Thread& t = threads_[actor];
    const unsigned need = Class(cls).span_pages;
    if (!t.has_run || t.reserved < need) {
      const auto chunk =
          static_cast<unsigned>(k_.mid_page_supply_resv_chunk_pages * 65536 >> kPageShift);
      t.has_run = true;
      t.reserved = std::max(chunk, need);
      Add(CounterId::kMidSupplyResvRefill);
      Add(CounterId::kMidSupplyResvPages, (size_t{t.reserved} << kPageShift) / 65536);
    }
    t.reserved -= need;
    Add(CounterId::kMidSupplyResvHit);
  }
  Page page;
  page.cls = cls;
  page.objects = Class(cls).objects;
  pages_[next_page_] = page;
  return next_page_++;
}

void Reference::PutBack(int actor, unsigned cls, const std::vector<Object>& objects) {
  for (const Object& p : objects) {
    Page& page = pages_.at(p.page);
    if (page.owner == kNobody) {
      PutBackUnowned(p);
    } else if (actor != kNobody && threads_[actor].caches[cls].page == p.page) {
      page.free.insert(p.index);
    } else {
      page.remote.insert(p.index);
    }
  }
}

void Reference::PutBackUnowned(Object p) {
  Page& page = pages_.at(p.page);
  const bool was_in_bin = page.HasFree();
  page.free.insert(p.index);
  if (was_in_bin && !page.WholeFree()) return;
  if (was_in_bin) {
    std::deque<int>& bin = bins_[page.cls];
    bin.erase(std::find(bin.begin(), bin.end(), p.page));
  }
  AddToBinOrLeave(p.page);
}

void Reference::ReleasePage(int actor, unsigned cls) {
  Cache& c = threads_[actor].caches[cls];
  if (c.page < 0) return;
  const int page = c.page;
  c.page = -1;
  pages_.at(page).owner = kNobody;
  Drain(page);
  AddToBinOrLeave(page);
}

bool Reference::HasWholeFree(unsigned cls) const {
  const auto bin = bins_.find(cls);
  return bin != bins_.end() && std::any_of(bin->second.begin(), bin->second.end(),
                                           [this](int p) { return pages_.at(p).WholeFree(); });
}

void Reference::AddToBin(int page) {
  const Page& p = pages_.at(page);
  if (!p.HasFree()) return;
  if (p.WholeFree()) {
    bins_[p.cls].push_back(page);
  } else {
    bins_[p.cls].push_front(page);
  }
}

void Reference::AddToBinOrLeave(int page) {
  const Page& p = pages_.at(page);
  if (p.WholeFree() && HasWholeFree(p.cls)) {
    pages_.erase(page);
    Add(CounterId::kSpanReleased);
  } else {
    AddToBin(page);
  }
}

void Reference::RemoveFromBin(int page) {
  std::deque<int>& bin = bins_[pages_.at(page).cls];
  bin.erase(std::find(bin.begin(), bin.end(), page));
}

bool Reference::TakeFrom(int page, Object* out) {
  Page& p = pages_.at(page);
  if (!p.free.empty()) {
    *out = {page, *p.free.begin()};
    p.free.erase(p.free.begin());
    return true;
  }
  if (p.carved == p.objects) return false;
  *out = {page, p.carved++};
  return true;
}

void Reference::Drain(int page) {
  Page& p = pages_.at(page);
  p.free.insert(p.remote.begin(), p.remote.end());
  p.remote.clear();
}

// --- the end of a thread, and of memory ---

void Reference::EmptyThread(int actor) {
  Thread& t = threads_[actor];
  for (unsigned cls = kLastSmallClass + 1; cls <= kLastMidClass; ++cls) {
    const auto found = t.caches.find(cls);
    if (found == t.caches.end()) continue;
    Cache& c = found->second;
    for (std::vector<Object>* array : {&c.stack, &c.l0, &c.run, &c.batch}) {
      PutBack(actor, cls, *array);
      array->clear();
    }
    ReleasePage(actor, cls);
    c = Cache();
  }
  t.reserved = 0;
  t.has_run = false;
}

void Reference::Exit(int actor) { EmptyThread(actor); }

void Reference::Flush(int actor) {
  if (actor != kNobody) EmptyThread(actor);
  for (auto& [cls, lists] : published_) {
    while (!lists.empty()) PutBack(kNobody, cls, PopBack(&lists));
  }
  for (auto& [cls, bin] : bins_) {
    const std::deque<int> pages = bin;
    for (int page : pages) {
      if (!pages_.at(page).WholeFree()) continue;
      RemoveFromBin(page);
      pages_.erase(page);
      Add(CounterId::kSpanReleased);
    }
  }
}

}  // namespace test
}  // namespace hz4
