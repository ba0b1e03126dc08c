// SPDX-License-Identifier: Apache-2.0
#include "hz4/front/thread.h"

namespace hz4 {

FrontCache* ThreadCacheMine() {
  if (HZ4_LIKELY(tls.cache != FrontCache::Miss())) return tls.cache;
  ThreadState* t = ThreadRegistry::Current();
  if (t == nullptr) return FrontCache::Miss();
  if (t->cache == nullptr) t->cache = FrontCache::New();
  return t->cache != nullptr ? t->cache : FrontCache::Miss();
}

namespace {

size_t Empty(FrontCache* cache, void (*take)(unsigned cls, void* const* objects, uint32_t n)) {
  size_t bytes = 0;
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    const uint32_t n = cache->Count(cls);
    if (n == 0) continue;
    cache->headers.ends[cls].top = FrontCache::BeginOffset(cls);
    take(cls, cache->Begin(cls), n);
    bytes += size_t{n} * Class(cls).size;
  }
  return bytes;
}

}  // namespace

void ThreadCacheExit(ThreadState* t, void (*take)(unsigned cls, void* const* objects, uint32_t n)) {
  tls.cache = FrontCache::Miss();
  if (t->cache != nullptr) Empty(t->cache, take);
}

size_t ThreadCacheFlush(void (*take)(unsigned cls, void* const* objects, uint32_t n)) {
  FrontCache* cache = tls.cache;
  if (cache->IsMiss()) return 0;
  tls.cache = FrontCache::Busy();
  const size_t bytes = Empty(cache, take);
  tls.cache = cache;
  return bytes;
}

void ThreadCacheForkChild() {
  for (ThreadState* t = ThreadRegistry::First(); t != nullptr; t = t->next_all) {
    if (t != tls.thread && t->cache != nullptr) t->cache->Forget();
  }
}

uint64_t ThreadCacheCachedBytes() {
  uint64_t bytes = 0;
  for (ThreadState* t = ThreadRegistry::First(); t != nullptr; t = t->next_all) {
    if (t->cache != nullptr) bytes += t->cache->CachedBytes();
  }
  return bytes;
}

const char* ThreadCacheCheck() {
  for (ThreadState* t = ThreadRegistry::First(); t != nullptr; t = t->next_all) {
    const char* wrong = t->cache != nullptr ? t->cache->Check() : nullptr;
    if (wrong != nullptr) return wrong;
  }
  return nullptr;
}

}  // namespace hz4
