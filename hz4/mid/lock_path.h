// SPDX-License-Identifier: Apache-2.0
//
// The lock path, the last step of a mid malloc: under the class lock
//
//   the thread's free batch goes back into its pages              (free_batch.h)
//   Owners   the thread's page is released                        (owner_page.h)
//            the first page of the bin is taken, each has a free object;
//   Create   none: a page is created, here or with the lock released
//            one object is popped
//   Refill   more objects of the page go to the alloc run         (alloc_run.h, outlock_refill.h)
//   Owners   the page becomes the thread's; or, with a free object left, goes back into the bin
//
// The page released first may well be the page taken: it went to the front of the bin if its remote
// list gave it free objects.
#ifndef HZ4_MID_LOCK_PATH_H_
#define HZ4_MID_LOCK_PATH_H_

#include "hz4/mid/put_back.h"

namespace hz4 {
namespace mid {

// On a bin miss. nullptr: no memory or a fork is pending; the section may have been left then.
template <class Stats, class Timing>
struct CreateInside {
  static Span* NewPage(ClassSection<Timing>* section, MidThread* t, unsigned cls) {
    section->timing().CreateBegins();
    Span* page = Table().mid_page_supply(t, cls);
    section->timing().CreatedInside();
    if (page == nullptr) return nullptr;
    Stats::Add(CounterId::kMidMallocPageCreate);
    ++BinOf(cls).pages;
    return page;
  }
};

// Box HZ4_MID_PAGE_CREATE_OUTSIDE_SC_LOCK (B47, B74 stage A, B82 stage B): the lock is released
// meanwhile. A page that serves by then is preferred, the new one joins it in the bin.
template <class Stats, class Timing>
struct CreateOutside {
  static Span* NewPage(ClassSection<Timing>* section, MidThread* t, unsigned cls) {
    section->Leave();
    Stats::Add(CounterId::kMidPageCreateOutlockCalls);
    section->timing().CreateBegins();
    Span* page = Table().mid_page_supply(t, cls);
    section->timing().CreatedOutside();
    if (page != nullptr) {
      Stats::Add(CounterId::kMidPageCreateOutlockCreated);
      Stats::Add(CounterId::kMidMallocPageCreate);
    }
    if (!section->Enter()) {
      LeavingPages leaving;
      if (page != nullptr) leaving.Add(page);
      leaving.Free<Stats>();
      return nullptr;
    }
    Bin& bin = BinOf(cls);
    if (page != nullptr) ++bin.pages;
    Span* other = bin.TakeFirst();
    section->timing().LookedAt(other != nullptr ? 1 : 0);
    if (other == nullptr) return page;
    Stats::Add(CounterId::kMidPageCreateOutlockRaceHit);
    if (page != nullptr) bin.Add(page);
    return other;
  }
};

template <class Stats, class Owners>
void FlushBatchLocked(MidThread* t, unsigned cls, LeavingPages* leaving) {
  ClassCache& c = t->Of(cls);
  if (c.batch == 0) return;
  PutBackLocked<Owners>(t, cls, t->Batch(c), c.batch, leaving);
  Stats::Add(CounterId::kMidFreeBatchFlush);
  Stats::Add(CounterId::kMidFreeBatchFlushObjs, c.batch);
  c.batch = 0;
}

// Seam mid_lock_path. t may be null: a thread without state.
template <class Stats, class Timing, class Owners, class Create, class Refill>
void* LockPath(MidThread* t, unsigned cls) {
  LeavingPages leaving;
  Refill refill;
  ClassSection<Timing> section(t, cls);
  if (!section.Enter()) return nullptr;
  Stats::Add(CounterId::kMidMallocCalls);
  Stats::Add(CounterId::kMidMallocLockPath);
  if (HZ4_LIKELY(t != nullptr)) {
    FlushBatchLocked<Stats, Owners>(t, cls, &leaving);
    section.timing().Drained(Owners::Release(t, cls, &leaving));
  }
  Bin& bin = BinOf(cls);
  Span* page = bin.TakeFirst();
  section.timing().LookedAt(page != nullptr ? 1 : 0);
  Stats::Add(page != nullptr ? CounterId::kMidMallocBinHit : CounterId::kMidMallocBinMiss);
  if (page == nullptr) page = Create::NewPage(&section, t, cls);
  void* p = nullptr;
  if (HZ4_LIKELY(page != nullptr)) {
    p = Take(page);
    refill.Detach(t, cls, page);
    if (!Owners::Claim(t, cls, page)) bin.Add(page);
  }
  section.Leave();
  refill.Link(t, cls);
  leaving.Free<Stats>();
  return p;
}

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_LOCK_PATH_H_
