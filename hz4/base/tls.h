// SPDX-License-Identifier: Apache-2.0
//
// The static thread-local storage of hz4: one cache line, so that libhz4.so can be dlopened (the
// loader keeps little static TLS in reserve) and so that a thread costs nothing until it misses.
#ifndef HZ4_BASE_TLS_H_
#define HZ4_BASE_TLS_H_

#include "hz4/base/platform.h"

namespace hz4 {

class FrontCache;
struct StatsBlock;
struct ThreadState;

struct Tls {
  // The calling thread's cache (HZ4_FRONT=thread); initially, and whenever there is none, the cache
  // that always misses, so that the hit path needs no null test.
  FrontCache* cache;
  // The calling thread's record; null until a box or the statistics need one, and again after the
  // thread's exit has been handled.
  ThreadState* thread;
  // The calling thread's counters; null until it counts, and again after its exit was handled.
  StatsBlock* stats;
  // > 0 while the thread is inside code that must not be re-entered by a signal handler of its
  // own: see SlowScope (hz4/base/scope.h).
  uint32_t busy;
  // Restartable sequences of this thread that the kernel aborted (hz4/front/percpu.h).
  uint32_t rseq_aborts;
  // Set once the thread's exit was handled: no ThreadState is created for it any more.
  bool exited;
};
static_assert(sizeof(Tls) <= 64, "the static TLS budget of libhz4.so");

// __thread, not thread_local: other files then need not ask whether it must be constructed first.
HZ4_HIDDEN extern __thread Tls tls __attribute__((tls_model("initial-exec")));

// The address of the thread control block: the identity of a running thread, kept by fork in the
// child. Never 0, a multiple of 16.
inline uintptr_t SelfId() {
  uintptr_t id;
  __asm__("mov %%fs:0, %0" : "=r"(id));
  return id;
}

}  // namespace hz4

#endif  // HZ4_BASE_TLS_H_
