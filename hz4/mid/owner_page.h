// SPDX-License-Identifier: Apache-2.0
//
// Box HZ4_MID_OWNER_REMOTE_QUEUE: a thread owns one page per class and allocates from and frees
// into it without a lock; others push what they free there on the page's remote list, a bit each
// (the hand-over word of page.h).
//
//   The lock path claims the page it takes, and releases the thread's previous one first: owner
//   none, remote list drained, back into the bin if it has a free object. Objects of it that are in
//   caches stay there and go the way of their page's owner of then when they come up.
//
//   The owner drains the remote list when it looks at its page in a malloc and finds
//   DRAIN_THRESHOLD objects there, or finds any for the DRAIN_PERIOD-th time.
//
// Which page is mine is a fact of the thread alone, ClassCache::page, so there is no owner's
// identity that could be reused; Span::owner is the MidThread for Check, and spares others a look
// at the word.
#ifndef HZ4_MID_OWNER_PAGE_H_
#define HZ4_MID_OWNER_PAGE_H_

#include "hz4/mid/class_section.h"

namespace hz4 {
namespace mid {

// What boxes behind the class lock ask about owners; every function with the class lock held.
struct OwnedPages {
  static constexpr bool kOn = true;
  // Frees p into `page` when that is owned, by this thread or another. False: nobody owns it.
  static bool PutOwned(MidThread* t, unsigned cls, Span* page, const void* p) {
    if (!PageHandOver::Owned(WordOf(page))) return false;
    if (t != nullptr && t->Of(cls).page == page) {
      Put(page, p);
      return true;
    }
    return PushRemote(page, p);  // succeeds: pages change hands under this lock
  }

  // Gives up the thread's page of the class, if it has one. Returns the objects drained.
  static uint32_t Release(MidThread* t, unsigned cls, LeavingPages* leaving) {
    ClassCache& c = t->Of(cls);
    Span* page = c.page;
    if (page == nullptr) return 0;
    c.ClearPage();
    page->owner.store(0, std::memory_order_relaxed);
    const uint32_t drained = PutDrained(page, PageHandOver::Release(WordOf(page)));
    BinOf(cls).AddOrLeave(page, leaving);
    return drained;
  }

  // Makes `page`, in no list, the thread's page. False: it stays unowned.
  static bool Claim(MidThread* t, unsigned cls, Span* page) {
    if (t == nullptr) return false;
    t->Of(cls).SetPage(page);
    // relaxed: a hint for OwnerPush of other threads; the word decides.
    page->owner.store(reinterpret_cast<uintptr_t>(t), std::memory_order_relaxed);
    PageHandOver::Claim(WordOf(page));
    return true;
  }
};

struct NoOwners {
  static constexpr bool kOn = false;
  static bool PutOwned(MidThread*, unsigned, Span*, const void*) { return false; }
  static uint32_t Release(MidThread*, unsigned, LeavingPages*) { return 0; }
  static bool Claim(MidThread*, unsigned, Span*) { return false; }
};

template <class Stats>
HZ4_NOINLINE void DrainOwned(ClassCache& c) {
  c.looks = 0;
  Stats::Add(CounterId::kMidMallocOwnerDrain);
  Stats::Add(CounterId::kMidMallocOwnerDrainObjs, PutDrained(c.page, PageHandOver::Drain(*c.word)));
}

// Step of a malloc.
template <class Stats>
void* OwnerAlloc(MidThread* t, unsigned cls) {
  ClassCache& c = t->Of(cls);
  if (c.page == nullptr) return nullptr;
  const uint64_t waiting = PageHandOver::Waiting(*c.word);
  if (HZ4_UNLIKELY(waiting != 0)) {
    const Knobs& k = EffectiveKnobs();
    const auto count = static_cast<uint64_t>(__builtin_popcountll(waiting));
    if (count >= k.mid_owner_remote_queue_drain_threshold ||
        ++c.looks >= k.mid_owner_remote_queue_drain_period) {
      DrainOwned<Stats>(c);
    }
  }
  void* p = Take(c.page);
  if (p != nullptr) Stats::Add(CounterId::kMidMallocOwnerFast);
  return p;
}

// Step of a free of the thread's own page.
template <class Stats>
bool OwnerPut(MidThread*, Span* page, void* p, unsigned) {
  Put(page, p);
  Stats::Add(CounterId::kMidFreeOwnerLocal);
  return true;
}

// Step of a free of another page.
template <class Stats>
bool OwnerPush(MidThread*, Span* page, void* p, unsigned) {
  // A hint that is out of date is harmless: unowned pages' objects meet the word again under the
  // lock.
  if (page->owner.load(std::memory_order_relaxed) == 0) return false;
  if (!PushRemote(page, p)) return false;
  Stats::Add(CounterId::kMidFreeOwnerRemote);
  return true;
}

// Seam mid_release_page: a leaving thread's page of the class becomes nobody's. False: a fork is
// pending, the thread still owns it.
template <class Stats, class Timing>
bool ReleasePage(MidThread* t, unsigned cls) {
  if (t->Of(cls).page == nullptr) return true;
  LeavingPages leaving;
  ClassSection<Timing> section(t, cls);
  if (!section.Enter()) return false;
  section.timing().Drained(OwnedPages::Release(t, cls, &leaving));
  section.Leave();
  leaving.Free<Stats>();
  return true;
}

// The same without the box: there are no owned pages.
inline bool ReleaseNothing(MidThread*, unsigned) { return true; }

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_OWNER_PAGE_H_
