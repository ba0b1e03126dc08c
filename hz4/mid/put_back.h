// SPDX-License-Identifier: Apache-2.0
//
// Free objects back into their pages, under the class lock: what full or leaving caches end in.
// Owners: OwnedPages, or NoOwners, its off type (owner_page.h).
#ifndef HZ4_MID_PUT_BACK_H_
#define HZ4_MID_PUT_BACK_H_

#include "hz4/mid/class_section.h"

namespace hz4 {
namespace mid {

// Class lock held.
template <class Owners>
void PutBackLocked(MidThread* t, unsigned cls, void* const* objects, uint32_t n,
                   LeavingPages* leaving) {
  Bin& bin = BinOf(cls);
  for (uint32_t i = 0; i < n; ++i) {
    Span* page = PageOf(objects[i]);
    if (!Owners::PutOwned(t, cls, page, objects[i])) bin.PutBack(page, objects[i], leaving);
  }
}

// Seam mid_put_back.
template <class Stats, class Timing, class Owners>
bool PutBack(MidThread* t, unsigned cls, void* const* objects, uint32_t n) {
  LeavingPages leaving;
  ClassSection<Timing> section(t, cls);
  if (!section.Enter()) return false;
  PutBackLocked<Owners>(t, cls, objects, n, &leaving);
  section.Leave();
  leaving.Free<Stats>();
  return true;
}

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_PUT_BACK_H_
