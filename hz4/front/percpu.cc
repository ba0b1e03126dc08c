// SPDX-License-Identifier: Apache-2.0
#include "hz4/front/percpu.h"

#include <linux/membarrier.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "hz4/base/bits.h"
#include "hz4/base/os.h"
#include "hz4/base/scope.h"
#include "hz4/base/syscall.h"

extern "C" {
// glibc 2.35 and later; weak, so that the library loads elsewhere too.
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
extern char __libc_single_threaded __attribute__((weak));
}

namespace hz4 {

PerCpuView percpu_view = {};

namespace {

constexpr unsigned kLeastRseqSize = 16;  // up to and including rseq_cs
constexpr unsigned long kCidFeatureSize = 28;
constexpr unsigned kAtRseqFeatureSize = 27;  // AT_RSEQ_FEATURE_SIZE of linux/auxvec.h

Lock lock;  // making, stopping and draining caches
CpuIndex index_used;
// By CPU index the caches that exist, else null: release in PerCpuMine, acquire in Existing.
FrontCache** caches;
bool threads_at_fork;

bool RegisterMembarrier() {
  return !SyscallFailed(
      Syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0));
}

// UINT32_MAX: the calling thread is not registered.
uint32_t IndexNow() {
  const volatile RseqArea* area = RseqAt(percpu_view.rseq_offset);
  const uint32_t cpu_id = area->cpu_id;
  if (static_cast<int32_t>(cpu_id) < 0) return UINT32_MAX;
  return index_used == CpuIndex::kCid ? area->mm_cid : cpu_id;
}

FrontCache* Existing(uint32_t i) { return __atomic_load_n(&caches[i], __ATOMIC_ACQUIRE); }

// Puts the cache into the directory, or takes it out (null). Release: what the cache holds first.
void Serve(uint32_t i, const FrontCache* cache) HZ4_REQUIRES(lock) {
  const ptrdiff_t distance = cache != nullptr ? cache_directory.DistanceTo(cache) : 0;
  __atomic_store_n(&cache_directory.distance[CacheDirectory::kNoNumber + i], distance,
                   __ATOMIC_RELEASE);
}

}  // namespace

CpuIndex ChooseIndex(FrontIndex asked, bool cid_offered, uint32_t cpus, ptrdiff_t rseq_offset) {
  const bool wanted = asked == FrontIndex::kAuto ? cpus > kFewCpus : asked == FrontIndex::kMmCid;
  if (wanted && cid_offered) return CpuIndex::kCid;
  return rseq_offset == kUsualRseqOffset ? CpuIndex::kCpuIdUsual : CpuIndex::kCpuId;
}

const char* PerCpuUnavailable() {
  if (&__rseq_offset == nullptr || &__rseq_size == nullptr) return "this libc has no rseq";
  if (__rseq_size < kLeastRseqSize) return "rseq is not registered for this thread";
  const volatile RseqArea* area = RseqAt(__rseq_offset);
  if (static_cast<int32_t>(area->cpu_id) < 0) return "rseq is not registered for this thread";
  if (!RegisterMembarrier()) return "the kernel has no membarrier for rseq";
  return nullptr;
}

bool PerCpuInit(FrontIndex asked) {
  const uint32_t cpus = os::CpuCount();
  const bool cid_offered = getauxval(kAtRseqFeatureSize) >= kCidFeatureSize;
  const uint32_t count = cpus < CacheDirectory::kMaxCpus ? cpus : CacheDirectory::kMaxCpus;
  caches =
      static_cast<FrontCache**>(os::Map(AlignUp(count * sizeof(FrontCache*), kOsPage), kOsPage));
  if (caches == nullptr) return false;
  index_used = ChooseIndex(asked, cid_offered, cpus, __rseq_offset);
  percpu_view = {__rseq_offset, count};
  lock.Init(LockRank::kFrontStop);
  return true;
}

CpuIndex PerCpuIndex() { return index_used; }

FrontCache* PerCpuMine() {
  const uint32_t i = IndexNow();
  if (i >= percpu_view.count) return FrontCache::Miss();
  FrontCache* cache = Existing(i);
  if (HZ4_LIKELY(cache != nullptr)) return cache;
  if (!lock.TryAcquire()) return FrontCache::Miss();
  cache = Existing(i);
  if (cache == nullptr && (cache = FrontCache::New()) != nullptr) {
    __atomic_store_n(&caches[i], cache, __ATOMIC_RELEASE);
    Serve(i, cache);
  }
  lock.Release();
  return cache != nullptr ? cache : FrontCache::Miss();
}

size_t PerCpuFlush(void (*take)(unsigned cls, void* const* objects, uint32_t n)) {
  SlowScope scope;
  if (!scope.entered() || !lock.Acquire()) return 0;
  for (uint32_t i = 0; i < percpu_view.count; ++i) {
    if (Existing(i) != nullptr) Serve(i, nullptr);
  }
  size_t bytes = 0;
  const bool stopped =
      !SyscallFailed(Syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0));
  for (uint32_t i = 0; i < percpu_view.count; ++i) {
    FrontCache* cache = Existing(i);
    if (cache == nullptr) continue;
    for (unsigned cls = 1; stopped && cls <= kNumClasses; ++cls) {
      const uint32_t n = cache->Count(cls);
      if (n == 0) continue;
      cache->headers.ends[cls].top = FrontCache::BeginOffset(cls);
      take(cls, cache->Begin(cls), n);
      bytes += size_t{n} * Class(cls).size;
    }
    Serve(i, cache);
  }
  lock.Release();
  return bytes;
}

void PerCpuForkPrepare() {
  threads_at_fork = &__libc_single_threaded == nullptr || !__libc_single_threaded;
}

void PerCpuForkChild() HZ4_NO_TSA {  // no other thread yet
  RegisterMembarrier();
  for (uint32_t i = 0; i < percpu_view.count; ++i) {
    FrontCache* cache = Existing(i);
    if (cache == nullptr) continue;
    if (threads_at_fork) cache->Forget();
    Serve(i, cache);
  }
}

uint64_t PerCpuCachedBytes() {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < percpu_view.count; ++i) {
    if (FrontCache* cache = Existing(i)) bytes += cache->CachedBytes();
  }
  return bytes;
}

const char* PerCpuCheck() {
  for (uint32_t i = 0; i < percpu_view.count; ++i) {
    FrontCache* cache = Existing(i);
    const char* wrong = cache == nullptr ? nullptr : cache->Check();
    if (wrong != nullptr) return wrong;
  }
  return nullptr;
}

}  // namespace hz4
