// SPDX-License-Identifier: Apache-2.0
//
// ThreadState: what hz4 keeps of a thread beyond its static TLS line. Made on the first need (a box
// with per-thread state, the thread front), given back at the thread's exit, its memory reused for
// later threads; the serial is never reused.
#ifndef HZ4_THREAD_STATE_H_
#define HZ4_THREAD_STATE_H_

#include <atomic>

#include "hz4/base/platform.h"
#include "hz4/base/tls.h"

namespace hz4 {

struct MidThread;  // hz4/mid/state.h

struct alignas(kCacheLine) ThreadState {
  uint64_t serial;         // 1, 2, 3, ... : the identity of this thread as an owner
  MidThread* mid;          // ladder: created by hz4/mid on first use, kept for the next thread
  FrontCache* cache;       // HZ4_FRONT=thread: created on first use, kept for the next thread
  ThreadState* next_all;   // all states ever made; never unlinked
  ThreadState* next_free;  // registry: states without a thread
  std::atomic<bool> in_use;
};

class ThreadRegistry {
 public:
  static void Init();
  // From when on the exit of threads is handled: once the C library is up.
  static void InitExitHandling();
  // Has the calling thread's exit handled. False: it cannot be.
  static bool Watch();
  // The calling thread ends: gives back all it holds. Destructors that run later still may allocate
  // and free; they get no state any more.
  static void ExitThread();

  // The calling thread's state, made when there is none. Call inside a SlowScope. nullptr: no
  // memory, a fork pending, or the thread has exited (destructors that run after ours): the caller
  // then works without per-thread state.
  static ThreadState* Current() {
    return HZ4_LIKELY(tls.thread != nullptr) ? tls.thread : Create();
  }
  // Visits every state ever made, in use or not.
  static ThreadState* First();

 private:
  static ThreadState* Create();
};

}  // namespace hz4

#endif  // HZ4_THREAD_STATE_H_
