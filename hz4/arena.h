// SPDX-License-Identifier: Apache-2.0
//
// The arena: where pages come from. Either one reservation of address space, opened by moving one
// boundary in steps of 2 MiB (so the whole heap is one mapping), or, where address space is scarce,
// separate mappings of at least 1 MiB.
#ifndef HZ4_ARENA_H_
#define HZ4_ARENA_H_

#include "hz4/base/platform.h"
#include "hz4/huge_pages.h"

namespace hz4 {
namespace arena {

inline constexpr size_t kGrowStep = huge_pages::kHugePage;

// Decides between the two shapes; call once, before anything else of the heap. `reserve`: bytes of
// address space to ask for, a multiple of kGrowStep; less is taken when so much is refused, down to
// 1 GiB. `allow_direct` false, or a limit on address space (RLIMIT_AS) below four times `reserve`:
// separate mappings.
void Init(size_t reserve, bool allow_direct);

// True: DirectMap is valid for every page. Constant after Init.
bool Direct();

// New pages: at least `pages`, reading as zero, their page map entries writable; *start and *got
// say which. Successive results adjoin where possible. False: out of memory. Caller holds the page
// heap's lock.
bool Grow(size_t pages, huge_pages::Use use, uintptr_t* start, size_t* got);
// Gives pages that Grow returned back as address space; any part of a result, also across results
// that adjoin. False: nothing happened (one reservation, or the kernel has no room for one mapping
// more). Caller holds the page heap's lock; nothing in the page map refers to the pages any more.
bool Shrink(uintptr_t start, size_t pages);
// Address space set aside for the side arena, its page map entries writable; bytes 0: none.
struct Region {
  uintptr_t start;
  size_t bytes;
};
Region SideRegion();
// First address behind the open part of the reservation; 0 without one.
uintptr_t Boundary();

}  // namespace arena
}  // namespace hz4

#endif  // HZ4_ARENA_H_
