// SPDX-License-Identifier: Apache-2.0
#include "hz4/mid/check.h"

#include "hz4/base/bits.h"
#include "hz4/base/os.h"
#include "hz4/mid/bins.h"
#include "hz4/mid/state.h"
#include "hz4/mid/transfer.h"

namespace hz4 {
namespace mid {
namespace {

// A set of pointers beside the heap: open addressing in memory of its own.
class PointerSet {
 public:
  explicit PointerSet(size_t expected)
      : slots_(NextPowerOfTwo(expected * 2 + kOsPage / sizeof(void*))),
        bytes_(AlignUp(slots_ * sizeof(void*), kOsPage)),
        table_(static_cast<const void**>(os::Map(bytes_, kOsPage))) {}
  ~PointerSet() {
    if (table_ != nullptr) os::Unmap(table_, bytes_);
  }
  PointerSet(const PointerSet&) = delete;
  PointerSet& operator=(const PointerSet&) = delete;

  bool ok() const { return table_ != nullptr; }
  // False: it is in there already.
  bool Insert(const void* p) {
    size_t i = (reinterpret_cast<uintptr_t>(p) * 0x9E3779B97F4A7C15u >> 20) & (slots_ - 1);
    for (; table_[i] != nullptr; i = (i + 1) & (slots_ - 1)) {
      if (table_[i] == p) return false;
    }
    table_[i] = p;
    return true;
  }

 private:
  size_t slots_;
  size_t bytes_;
  const void** table_;
};

template <class Visit>
void EachThread(const Visit& visit) {
  for (ThreadState* s = ThreadRegistry::First(); s != nullptr; s = s->next_all) {
    if (s->mid != nullptr) visit(s->mid);
  }
}
template <class Visit>
void EachClass(const Visit& visit) {
  for (unsigned cls = kFirstClass; cls < kFirstClass + kClasses; ++cls) visit(cls);
}
template <class Visit>
void EachList(unsigned cls, const Visit& visit) {
  const TransferClass& transfer = TransferCache::Of(cls);
  for (uint32_t n = transfer.published.Top(); n != NumberStack<StdAtomic>::kNone;
       n = TransferCache::List(cls, n).next.load(std::memory_order_acquire) - 1) {
    visit(TransferCache::List(cls, n));
  }
}

// What is wrong, the first finding wins.
class Finding {
 public:
  void Unless(bool holds, const char* what) {
    if (!holds && first_ == nullptr) first_ = what;
  }
  void Add(const char* what) {
    if (first_ == nullptr) first_ = what;
  }
  const char* first() const { return first_; }

 private:
  const char* first_ = nullptr;
};

void CheckPage(Span* page, unsigned cls, Finding* wrong) {
  wrong->Unless(page->state == SpanState::kObjects, "mid: a page without objects");
  wrong->Unless(page->size_class == cls, "mid: a page of another class");
  wrong->Add(page->Check());
}

void CheckBin(unsigned cls, Finding* wrong) {
  const Bin& bin = BinOf(cls);
  uint32_t whole_free = 0;
  for (Span* page = bin.first(); page != nullptr; page = page->next) {
    CheckPage(page, cls, wrong);
    wrong->Unless(page->list == kInBin, "mid: a page in the bin that does not know it");
    wrong->Unless(page->HasFree(), "mid: a page in the bin without a free object");
    wrong->Unless(page->owner.load(std::memory_order_relaxed) == 0,
                  "mid: an owned page in the bin");
    if (page->remote_bits != nullptr) {
      wrong->Unless(WordOf(page).load(std::memory_order_relaxed) == 0,
                    "mid: an unowned page with remote frees");
    }
    if (page->AllFree()) ++whole_free;
    wrong->Unless(page->AllFree() || whole_free == 0,
                  "mid: a partly free page behind a wholly free one");
  }
  wrong->Unless(whole_free == bin.whole_free(), "mid: a bin's count of wholly free pages");
  wrong->Unless(bin.listed() <= bin.pages, "mid: a bin with more pages than its class has");
}

void CheckCached(const void* p, unsigned cls, PointerSet* seen, Finding* wrong) {
  wrong->Unless(seen->Insert(p), "mid: an object in two places");
  Span* page = PageOf(p);
  if (page == nullptr || page->state != SpanState::kObjects || page->size_class != cls) {
    return wrong->Add("mid: a cached object outside its class's pages");
  }
  if (!page->IsObjectStart(p)) return wrong->Add("mid: a cached pointer that is no object");
  const uint64_t bit = uint64_t{1} << page->IndexOf(p);
  wrong->Unless((page->free_bits[0] & bit) == 0, "mid: an object cached and free in its page");
  if (page->remote_bits != nullptr) {
    wrong->Unless((PageHandOver::Waiting(WordOf(page)) & bit) == 0,
                  "mid: an object cached and freed remotely");
  }
}

void CheckThread(MidThread* t, unsigned cls, PointerSet* seen, Finding* wrong) {
  ClassCache& c = t->Of(cls);
  wrong->Unless(c.stack <= t->layout.StackSlots() && c.run <= t->layout.RunSlots() &&
                    c.l0 <= t->layout.L0Slots() && c.batch <= t->layout.BatchSlots(),
                "mid: an array with more objects than slots");
  if (wrong->first() != nullptr) return;
  for (unsigned i = 0; i < c.stack; ++i) CheckCached(t->Stack(c)[i], cls, seen, wrong);
  for (unsigned i = 0; i < c.run; ++i) CheckCached(t->Run(c)[i], cls, seen, wrong);
  for (unsigned i = 0; i < c.l0; ++i) CheckCached(t->L0(c)[i], cls, seen, wrong);
  for (unsigned i = 0; i < c.batch; ++i) CheckCached(t->Batch(c)[i], cls, seen, wrong);
  if (c.page == nullptr) return;
  CheckPage(c.page, cls, wrong);
  wrong->Unless(seen->Insert(c.page), "mid: a page with two owners");
  wrong->Unless(c.page->list == kInNoList, "mid: an owned page in a list");
  wrong->Unless(c.page->owner.load(std::memory_order_relaxed) == reinterpret_cast<uintptr_t>(t),
                "mid: a page whose owner is another's");
  wrong->Unless(PageHandOver::Owned(WordOf(c.page)), "mid: an owned page not marked as owned");
}

}  // namespace

const char* Check() {
  size_t cached = 0;
  EachThread([&](MidThread* t) { cached += size_t{kClasses} * (t->layout.stride + 1u); });
  EachClass([&](unsigned cls) { EachList(cls, [&](TransferList& l) { cached += l.count; }); });
  PointerSet seen(cached);
  if (!seen.ok()) return nullptr;  // no memory to look with
  Finding wrong;
  EachClass([&](unsigned cls) {
    CheckBin(cls, &wrong);
    EachThread([&](MidThread* t) { CheckThread(t, cls, &seen, &wrong); });
    EachList(cls, [&](TransferList& list) {
      wrong.Unless(list.count > 0, "mid: an empty list is published");
      for (uint32_t i = 0; i < list.count; ++i) CheckCached(list.objects[i], cls, &seen, &wrong);
    });
  });
  return wrong.first();
}

// no_sanitize: other threads change their counts and their page meanwhile; aligned words, read once
// each, and nothing follows from them but a figure.
__attribute__((no_sanitize("thread"))) static void AddThread(MidThread* t, unsigned cls,
                                                             MidTotals* totals) {
  const size_t size = Class(cls).size;
  const ClassCache& c = t->Of(cls);
  totals->thread_cached_bytes += (size_t{c.stack} + c.run + c.l0 + c.batch) * size;
  if (Span* page = c.page) {
    const auto remote =
        static_cast<size_t>(__builtin_popcountll(PageHandOver::Waiting(WordOf(page))));
    totals->thread_cached_bytes += remote * size;
    totals->span_free_bytes += (page->objects - page->carved + page->free_count) * size;
  }
}
__attribute__((no_sanitize("thread"))) static void AddReserved(MidThread* t, MidTotals* totals) {
  const Span* rest = t->reserved.rest;
  if (rest == nullptr) return;
  totals->span_bytes += rest->Bytes();
  totals->span_free_bytes += rest->Bytes();
}

MidTotals Totals() {
  MidTotals totals = {};
  uint64_t object_bytes = 0;
  EachClass([&](unsigned cls) {
    const ClassInfo& info = Class(cls);
    EachThread([&](MidThread* t) { AddThread(t, cls, &totals); });
    EachList(cls, [&](TransferList& l) { totals.shared_cached_bytes += l.count * info.size; });
    Lock& lock = LockOf(cls);
    if (!lock.Acquire()) return;
    const Bin& bin = BinOf(cls);
    totals.span_bytes += uint64_t{bin.pages} * info.span_pages * kPageSize;
    object_bytes += uint64_t{bin.pages} * info.objects * info.size;
    for (Span* page = bin.first(); page != nullptr; page = page->next) {
      totals.span_free_bytes += (page->objects - page->carved + page->free_count) * info.size;
    }
    lock.Release();
  });
  totals.handed_out_bytes =
      object_bytes > totals.span_free_bytes ? object_bytes - totals.span_free_bytes : 0;
  EachThread([&](MidThread* t) { AddReserved(t, &totals); });
  return totals;
}

}  // namespace mid
}  // namespace hz4
