// SPDX-License-Identifier: Apache-2.0
//
// The per-thread front: one FrontCache per thread, plain loads and stores. While the thread is at
// work on its cache it shows the one that is always busy: a signal handler that allocates meanwhile
// misses and goes to the middle, or, when the thread is in a slow path, the side way.
#ifndef HZ4_FRONT_THREAD_H_
#define HZ4_FRONT_THREAD_H_

#include <cstring>

#include "hz4/base/platform.h"
#include "hz4/base/tls.h"
#include "hz4/front/cache.h"
#include "hz4/thread_state.h"

namespace hz4 {

// The calling thread's cache, made when there is none; one that misses without memory, after the
// thread's exit, and in a signal handler that interrupted work on the cache.
FrontCache* ThreadCacheMine();
// Moves the cache's contents to the middle; the cache stays with the state, for the next thread.
void ThreadCacheExit(ThreadState* t, void (*take)(unsigned cls, void* const* objects, uint32_t n));
// The calling thread's cache only: others cannot be stopped. Bytes moved.
size_t ThreadCacheFlush(void (*take)(unsigned cls, void* const* objects, uint32_t n));
// In a child of fork: forgets the caches of all other threads, which may have been at work.
void ThreadCacheForkChild();
uint64_t ThreadCacheCachedBytes();
const char* ThreadCacheCheck();

struct ThreadFront {
  static HZ4_ALWAYS_INLINE void* Pop(size_t cls) {
    FrontCache* cache = Hide();
    void* p = PopFrom(cache, cls);
    Show(cache);
    return p;
  }
  static HZ4_ALWAYS_INLINE PushResult Push(void* p, size_t cls) {
    FrontCache* cache = Hide();
    const PushResult result = PushTo(cache, p, cls);
    Show(cache);
    return result;
  }

  class Session {
   public:
    Session() : cache_(ThreadCacheMine()) { Show(FrontCache::Busy()); }
    ~Session() { Show(cache_); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    unsigned Grow(unsigned cls) { return cache_->Grow(cls); }
    uint32_t Room(unsigned cls) { return cache_->IsMiss() ? 0 : cache_->Room(cls); }
    uint32_t Count(unsigned cls) { return cache_->IsMiss() ? 0 : cache_->Count(cls); }
    // What was pushed last, oldest first.
    uint32_t PopBatch(unsigned cls, void** out, size_t max) {
      const uint32_t count = Count(cls);
      if (count == 0) return 0;
      const auto n = static_cast<uint32_t>(max < count ? max : count);
      void** top = cache_->headers.top[cls] -= n;
      memcpy(out, top, n * sizeof(void*));
      return n;
    }
    uint32_t PushBatch(unsigned cls, void* const* in, size_t max) {
      void**& top = cache_->headers.top[cls];
      void** const limit = cache_->headers.limit[cls];
      if (top >= limit) return 0;
      const auto room = static_cast<size_t>(limit - top);
      const auto n = static_cast<uint32_t>(max < room ? max : room);
      memcpy(top, in, n * sizeof(void*));
      top += n;
      return n;
    }

   private:
    FrontCache* cache_;
  };

 private:
  // The compiler must keep these stores around what is between them; the processor does, for its
  // own thread's signal handlers.
  static HZ4_ALWAYS_INLINE FrontCache* Hide() {
    FrontCache* cache = tls.cache;
    Show(FrontCache::Busy());
    return cache;
  }
  static HZ4_ALWAYS_INLINE void Show(FrontCache* cache) {
    __asm__ volatile("" ::: "memory");
    tls.cache = cache;
    __asm__ volatile("" ::: "memory");
  }

  static HZ4_ALWAYS_INLINE PushResult PushTo(FrontCache* cache, void* p, size_t cls) {
    FrontCache::Headers& h = cache->headers;
    void** top = h.top[cls];
    if (HZ4_UNLIKELY(top >= h.limit[cls])) return PushResult::kFull;
    if (HZ4_UNLIKELY(top[-1] == p)) return PushResult::kTwice;
    *top = p;
    h.top[cls] = top + 1;
    return PushResult::kDone;
  }
  static HZ4_ALWAYS_INLINE void* PopFrom(FrontCache* cache, size_t cls) {
    void**& top = cache->headers.top[cls];
    void* p = top[-1];
    if (HZ4_LIKELY(p != nullptr)) top -= 1;
    return p;
  }
};

// HZ4_FRONT=none: every call goes to the middle.
struct NoFront {
  static HZ4_ALWAYS_INLINE void* Pop(size_t) { return nullptr; }
  static HZ4_ALWAYS_INLINE PushResult Push(void*, size_t) { return PushResult::kFull; }
  struct Session {
    unsigned Grow(unsigned) { return kNoClass; }
    uint32_t Room(unsigned) { return 0; }
    uint32_t Count(unsigned) { return 0; }
    uint32_t PopBatch(unsigned, void**, size_t) { return 0; }
    uint32_t PushBatch(unsigned, void* const*, size_t) { return 0; }
  };
};

}  // namespace hz4

#endif  // HZ4_FRONT_THREAD_H_
