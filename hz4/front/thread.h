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
      uint32_t& top = cache_->headers.ends[cls].top;
      top -= static_cast<uint32_t>(n * sizeof(void*));
      memcpy(out, cache_->At(top), n * sizeof(void*));
      return n;
    }
    uint32_t PushBatch(unsigned cls, void* const* in, size_t max) {
      FrontCache::Ends& ends = cache_->headers.ends[cls];
      if (ends.top >= ends.limit) return 0;
      const size_t room = (ends.limit - ends.top) / sizeof(void*);
      const auto n = static_cast<uint32_t>(max < room ? max : room);
      memcpy(cache_->At(ends.top), in, n * sizeof(void*));
      ends.top += static_cast<uint32_t>(n * sizeof(void*));
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
    FrontCache::Ends& ends = *cache->EndsOf(cls);
    const size_t top = ends.top;
    if (HZ4_UNLIKELY(top >= ends.limit)) return PushResult::kFull;
    if (HZ4_UNLIKELY(*cache->At(top - sizeof p) == p)) return PushResult::kTwice;
    *cache->At(top) = p;
    ends.top = static_cast<uint32_t>(top + sizeof p);
    return PushResult::kDone;
  }
  static HZ4_ALWAYS_INLINE void* PopFrom(FrontCache* cache, size_t cls) {
    uint32_t& top = cache->EndsOf(cls)->top;
    const size_t below = size_t{top} - sizeof(void*);
    void* p = *cache->At(below);
    if (HZ4_LIKELY(p != nullptr)) top = static_cast<uint32_t>(below);
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
