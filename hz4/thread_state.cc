// SPDX-License-Identifier: Apache-2.0
#include "hz4/thread_state.h"

#include <pthread.h>

#include "hz4/base/bits.h"
#include "hz4/base/lock.h"
#include "hz4/base/os.h"
#include "hz4/base/scope.h"
#include "hz4/dispatch.h"
#include "hz4/stats/blocks.h"

namespace hz4 {
namespace {

constexpr size_t kChunk = 16384;

Lock lock;
char* bump HZ4_GUARDED_BY(lock) = nullptr;
char* bump_end HZ4_GUARDED_BY(lock) = nullptr;
uint64_t last_serial HZ4_GUARDED_BY(lock) = 0;
// Every state ever made; release in Make, acquire in First.
std::atomic<ThreadState*> all{nullptr};
// States without a thread. Pushed by anyone (release), popped under the lock only (acquire), so a
// state that is seen at the head cannot have left and come back.
std::atomic<ThreadState*> unused{nullptr};

pthread_key_t exit_key;
bool exit_key_made = false;

ThreadState* PopUnused() HZ4_REQUIRES(lock) {
  ThreadState* t = unused.load(std::memory_order_acquire);
  while (t != nullptr &&
         !unused.compare_exchange_weak(t, t->next_free, std::memory_order_acquire)) {
  }
  return t;
}

ThreadState* Make() HZ4_REQUIRES(lock) {
  if (bump == nullptr || bump + sizeof(ThreadState) > bump_end) {
    bump = static_cast<char*>(os::Map(kChunk, kOsPage));
    if (bump == nullptr) return nullptr;
    bump_end = bump + kChunk;
  }
  ThreadState* t = reinterpret_cast<ThreadState*>(bump);  // zeroed: its initial state
  bump += sizeof(ThreadState);
  t->next_all = all.load(std::memory_order_relaxed);
  all.store(t, std::memory_order_release);
  return t;
}

void OnThreadExit(void*) { ThreadRegistry::ExitThread(); }

}  // namespace

void ThreadRegistry::Init() { lock.Init(LockRank::kThreadRegistry); }

void ThreadRegistry::InitExitHandling() {
  exit_key_made = pthread_key_create(&exit_key, &OnThreadExit) == 0;
  if (exit_key_made && (tls.thread != nullptr || tls.stats != nullptr)) Watch();
}

bool ThreadRegistry::Watch() { return exit_key_made && pthread_setspecific(exit_key, &tls) == 0; }

ThreadState* ThreadRegistry::Create() {
  if (tls.exited || !lock.Acquire()) return nullptr;
  ThreadState* t = PopUnused();
  if (t == nullptr) t = Make();
  if (t != nullptr) {
    t->serial = ++last_serial;
    t->in_use.store(true, std::memory_order_release);
  }
  lock.Release();
  if (t == nullptr) return nullptr;
  tls.thread = t;
  Watch();
  return t;
}

ThreadState* ThreadRegistry::First() { return all.load(std::memory_order_acquire); }

void ThreadRegistry::ExitThread() {
  tls.exited = true;
  if (ThreadState* t = tls.thread) {
    SlowScope scope;
    Table().mid_thread_exit(t);
    Table().front_thread_exit(t);
    tls.thread = nullptr;
    t->in_use.store(false, std::memory_order_release);
    t->next_free = unused.load(std::memory_order_relaxed);
    while (!unused.compare_exchange_weak(t->next_free, t, std::memory_order_release)) {
    }
  }
  ReleaseStatsBlock();
}

}  // namespace hz4
