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

uint32_t IndexNow() {
  const char* area = reinterpret_cast<const char*>(SelfId()) + percpu_view.rseq_offset;
  const volatile uint32_t* cpu_id = reinterpret_cast<const volatile uint32_t*>(area + 4);
  const volatile uint32_t* cid = reinterpret_cast<const volatile uint32_t*>(area + 24);
  if (static_cast<int32_t>(*cpu_id) < 0) return UINT32_MAX;
  return index_used == CpuIndex::kCid ? *cid : *cpu_id;
}

FrontCache* Existing(uint32_t i) { return __atomic_load_n(&caches[i], __ATOMIC_ACQUIRE); }

// release: what the cache holds first; read inside the sequences by a plain load (x86: acquire).
void SetOwner(FrontCache* cache, uint32_t owner) HZ4_REQUIRES(lock) {
  __atomic_store_n(&cache->headers.owner, owner, __ATOMIC_RELEASE);
}

}  // namespace

const char* PerCpuUnavailable(CpuIndex* index) {
  if (&__rseq_offset == nullptr || &__rseq_size == nullptr) return "this libc has no rseq";
  if (__rseq_size < kLeastRseqSize) return "rseq is not registered for this thread";
  const uint32_t cpu_id = *reinterpret_cast<const volatile uint32_t*>(
      reinterpret_cast<const char*>(SelfId()) + __rseq_offset + 4);
  if (static_cast<int32_t>(cpu_id) < 0) return "rseq is not registered for this thread";
  if (!RegisterMembarrier()) return "the kernel has no membarrier for rseq";
  *index = getauxval(kAtRseqFeatureSize) >= kCidFeatureSize ? CpuIndex::kCid : CpuIndex::kCpuId;
  return nullptr;
}

bool PerCpuInit(CpuIndex index) {
  const uint32_t count = os::CpuCount();
  caches =
      static_cast<FrontCache**>(os::Map(AlignUp(count * sizeof(FrontCache*), kOsPage), kOsPage));
  if (caches == nullptr) return false;
  index_used = index;
  percpu_view = {__rseq_offset, count};
  lock.Init(LockRank::kFrontStop);
  return true;
}

FrontCache* PerCpuMine() {
  const uint32_t i = IndexNow();
  if (i >= percpu_view.count) return FrontCache::Miss();
  FrontCache* cache = Existing(i);
  if (HZ4_LIKELY(cache != nullptr)) return cache;
  if (!lock.TryAcquire()) return FrontCache::Miss();
  cache = Existing(i);
  if (cache == nullptr && (cache = FrontCache::New()) != nullptr) {
    SetOwner(cache, i);
    __atomic_store_n(&caches[i], cache, __ATOMIC_RELEASE);
  }
  lock.Release();
  return cache != nullptr ? cache : FrontCache::Miss();
}

bool PerCpuRebind() {
  FrontCache* const mine = PerCpuMine();
  if (mine == tls.cache) return false;
  tls.cache = mine;
  return !mine->IsMiss();
}

size_t PerCpuFlush(void (*take)(unsigned cls, void* const* objects, uint32_t n)) {
  SlowScope scope;
  if (!scope.entered() || !lock.Acquire()) return 0;
  for (uint32_t i = 0; i < percpu_view.count; ++i) {
    if (FrontCache* cache = Existing(i)) SetOwner(cache, FrontCache::kNobody);
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
    SetOwner(cache, i);
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
    SetOwner(cache, i);
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
