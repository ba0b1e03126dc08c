// SPDX-License-Identifier: Apache-2.0
#include "hz4/front/cache.h"

#include <cstddef>
#include <new>

#include "hz4/base/bits.h"
#include "hz4/base/os.h"
#include "hz4/base/tls.h"
#include "hz4/dispatch.h"

namespace hz4 {

constexpr FrontCache::FrontCache() : headers{} {
  // Empty and full at once: top == limit, and the slot below is null.
  constexpr uint32_t kNothing = offsetof(Headers, null) + sizeof(void*);
  for (Ends& ends : headers.ends) ends = {kNothing, kNothing};
}

HZ4_CONSTINIT CacheDirectory cache_directory = {};
HZ4_CONSTINIT FrontCache busy_cache;

__thread Tls tls = {&cache_directory.miss, nullptr, nullptr, 0, 0, false};

FrontCache* FrontCache::New() {
  const size_t bytes = sizeof(FrontCache) + kSlotLayout.total * sizeof(void*);
  void* memory = os::Map(AlignUp(bytes, kOsPage), kOsPage);
  if (memory == nullptr) return nullptr;
  FrontCache* cache = new (memory) FrontCache;
  cache->lock_.Init(LockRank::kFrontBudget);
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    cache->headers.ends[cls] = {BeginOffset(cls), BeginOffset(cls)};
  }
  return cache;
}

void FrontCache::SetLimit(unsigned cls, uint32_t slots) {
  const auto bytes = static_cast<uint32_t>(slots * sizeof(void*));
  __atomic_store_n(&headers.ends[cls].limit, BeginOffset(cls) + bytes, __ATOMIC_RELAXED);
}

unsigned FrontCache::Grow(unsigned cls) {
  if (IsMiss() || Class(cls).size > EffectiveKnobs().front_max_size) return kNoClass;
  if (misses_[cls] < 255) ++misses_[cls];
  if (Room(cls) >= MaxSlots(cls) || !lock_.TryAcquire()) return kNoClass;
  // Again: another thread of this CPU may have let the class grow until the lock was ours.
  const uint32_t room = Room(cls);
  uint32_t step = room / 2 > FirstBatch(cls) ? room / 2 : FirstBatch(cls);
  if (step > MaxSlots(cls) - room) step = MaxSlots(cls) - room;
  const uint64_t size = Class(cls).size;
  const uint64_t budget = EffectiveKnobs().front_budget;
  unsigned victim = kNoClass;
  if (bytes_ + step * size > budget) {
    victim = Reclaim(cls, bytes_ + step * size - budget);
    const uint64_t left = (budget - bytes_) / size;
    if (step > left) step = static_cast<uint32_t>(left);
  }
  bytes_ += step * size;
  SetLimit(cls, room + step);
  lock_.Release();
  return victim;
}

unsigned FrontCache::Reclaim(unsigned for_cls, uint64_t bytes) {
  for (unsigned looks = 0; looks < kNumClasses; ++looks) {
    hand_ = hand_ % kNumClasses + 1;
    const unsigned cls = hand_;
    const uint32_t room = Room(cls);
    if (cls == for_cls || room == 0) continue;
    if (misses_[cls] > 0) {
      misses_[cls] /= 2;
      continue;
    }
    const uint64_t wanted = CeilDiv(bytes, Class(cls).size);
    const uint32_t give = wanted < room ? static_cast<uint32_t>(wanted) : room;
    SetLimit(cls, room - give);
    bytes_ -= uint64_t{give} * Class(cls).size;
    return cls;
  }
  return kNoClass;
}

void FrontCache::Forget() {
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) headers.ends[cls].top = BeginOffset(cls);
}

uint64_t FrontCache::CachedBytes() {
  uint64_t sum = 0;
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) sum += uint64_t{Count(cls)} * Class(cls).size;
  return sum;
}

const char* FrontCache::Check() {
  uint64_t sum = 0;
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    void** const top = At(headers.ends[cls].top);
    void** const limit = At(headers.ends[cls].limit);
    void** const begin = Begin(cls);
    void** const end = begin + MaxSlots(cls);
    if (top < begin || top > end) return "front: top outside of the class's slots";
    if (limit < begin || limit > end) return "front: limit outside of the class's slots";
    if (begin[-1] != nullptr) return "front: a slot ran over into the next class";
    for (void** p = begin; p < top; ++p) {
      if (*p == nullptr) return "front: null among the cached objects";
    }
    sum += uint64_t{Room(cls)} * Class(cls).size;
  }
  if (!lock_.Acquire()) return nullptr;
  const bool equal = sum == bytes_;
  lock_.Release();
  return equal ? nullptr : "front: bytes != sum of the capacities";
}

}  // namespace hz4
