// SPDX-License-Identifier: Apache-2.0
//
// The bins: per class the unowned pages that have a free object, under the class's lock. Classes
// share HZ4_MID_LOCK_SHARDS locks.
//
//   page list   partly free pages, the last one to get a free object first; wholly free ones behind
//   whole_free  how many of them are wholly free: one is kept, further ones go to the page heap
//   pages       how many pages the class has: in the bin, owned, or fully handed out
//
// A page without a free object is in no list; the first object that comes back puts it here.
#ifndef HZ4_MID_BINS_H_
#define HZ4_MID_BINS_H_

#include "hz4/base/lock.h"
#include "hz4/dispatch.h"
#include "hz4/mid/page.h"
#include "hz4/mid/state.h"
#include "hz4/stats/blocks.h"

namespace hz4 {
namespace mid {

// Span::list of a page.
inline constexpr uint8_t kInNoList = 0;
inline constexpr uint8_t kInBin = 1;

// Pages on their way to the page heap: collected under a class lock, freed without it.
class LeavingPages {
 public:
  void Add(Span* page) {
    page->next = first_;
    first_ = page;
  }
  // Returns how many bytes.
  template <class Stats>
  size_t Free() {
    size_t bytes = 0;
    while (Span* page = first_) {
      first_ = page->next;
      bytes += page->Bytes();
      PageHeap::Free(page);
      Stats::Add(CounterId::kSpanReleased);
    }
    return bytes;
  }

 private:
  Span* first_ = nullptr;
};

// Every member is called with the class lock held.
class alignas(kCacheLine) Bin {
 public:
  // The first page, taken out; nullptr: none. Every page in the bin has a free object.
  Span* TakeFirst() {
    Span* page = list_.front();
    if (page != nullptr) Remove(page);
    return page;
  }

  // An unowned page that is in no list.
  void Add(Span* page) {
    if (!page->HasFree()) return;
    if (page->AllFree()) {
      list_.PushBack(page);
      ++whole_free_;
    } else {
      list_.PushFront(page);
    }
    page->list = kInBin;
  }

  // The same, but a second wholly free page leaves.
  void AddOrLeave(Span* page, LeavingPages* leaving) {
    if (page->AllFree() && whole_free_ > 0) {
      --pages;
      leaving->Add(page);
    } else {
      Add(page);
    }
  }

  // Object p of an unowned page comes back.
  void PutBack(Span* page, const void* p, LeavingPages* leaving) {
    Put(page, p);
    if (HZ4_LIKELY(page->list == kInBin && !page->AllFree())) return;
    if (page->list == kInBin) {
      list_.Remove(page);  // was partly free, is wholly free
      page->list = kInNoList;
    }
    AddOrLeave(page, leaving);
  }

  // All wholly free pages leave.
  void TakeWholeFree(LeavingPages* leaving) {
    for (Span* page = list_.front(); whole_free_ > 0 && page != nullptr;) {
      Span* next = page->next;
      if (page->AllFree()) {
        Remove(page);
        --pages;
        leaving->Add(page);
      }
      page = next;
    }
  }

  Span* first() const { return list_.front(); }
  uint32_t listed() const { return list_.size(); }
  uint32_t whole_free() const { return whole_free_; }

  uint32_t pages = 0;

 private:
  void Remove(Span* page) {
    if (page->AllFree()) --whole_free_;
    list_.Remove(page);
    page->list = kInNoList;
  }

  SpanList list_;
  uint32_t whole_free_ = 0;
};

inline constexpr unsigned kMaxShards = 256;
extern Bin bins[kClasses];
extern Lock class_locks[kMaxShards];

inline Bin& BinOf(unsigned cls) { return bins[cls - kFirstClass]; }
inline Lock& LockOf(unsigned cls) {
  return class_locks[(cls - kFirstClass) & (EffectiveKnobs().mid_lock_shards - 1)];
}

// Readies the locks; call once, before the first mid call.
void InitBins();

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_BINS_H_
