// SPDX-License-Identifier: Apache-2.0
//
// The ladder (HZ4_MID_ROUTE=ladder). Which steps there are is decided by resolve_mid.cc; a step
// that is off is not in the list.
//
//   Alloc(cls)                                       Free(p, cls)
//     mid_alloc_steps, the first that has an object    mid_free_own_steps, of the thread's own page
//       local stack    B57, B58, B77                     local stack   B57, B58, B77
//       L0             B46                               own page
//       alloc run      L1                              mid_free_steps, of all other pages
//       free batch     moved into the alloc run          remote list   the page is another thread's
//       own page       drained first when due            free batch    nobody's: wait for company
//       transfer       B73                               transfer      B73: a full batch goes on
//     mid_lock_path, under the class lock                batch flush   ... or goes to its pages
//                                                      mid_put_back, under the class lock
//
// A malloc that may not wait (in a signal handler that interrupted hz4, or a fork is pending) gets
// nothing, and the caller goes the side way; such a free is deferred. A thread without state (no
// memory for it, or it has exited) goes straight to the class lock.
#ifndef HZ4_MID_PATH_H_
#define HZ4_MID_PATH_H_

#include "hz4/base/platform.h"

namespace hz4 {

struct ThreadState;

namespace mid {

// Seams mid_alloc and mid_free. Stats: Counting or NotCounting.
template <class Stats>
void* Alloc(unsigned cls);
template <class Stats>
void Free(void* p, unsigned cls);

// Seam mid_thread_exit: gives everything back that the ladder keeps for the thread. Inside a
// SlowScope, no lock held. While a fork is pending the rest stays for the next thread.
void ThreadExit(ThreadState* state);

// Seam mid_flush: the calling thread's caches and the transfer cache go to their pages, wholly free
// pages to the page heap. Returns the bytes of these.
template <class Stats>
size_t Flush();

// Seam mid_fork_child: in a child the other threads' objects and pages stay with them, lost; they
// may have been in the middle of a step.
void ForkChild();

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_PATH_H_
