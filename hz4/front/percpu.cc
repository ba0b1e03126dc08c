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
// The caches that exist; percpu_view.caches shows them, or Miss() while they are stopped.
FrontCache** owned HZ4_GUARDED_BY(lock);
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

void Show(uint32_t i, FrontCache* cache) {
  // release: the cache's headers first; read inside the sequences by a plain load (x86: acquire).
  __atomic_store_n(&percpu_view.caches[i], cache, __ATOMIC_RELEASE);
}
FrontCache* Shown(uint32_t i) { return __atomic_load_n(&percpu_view.caches[i], __ATOMIC_ACQUIRE); }

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

bool PerCpuInit(CpuIndex index) HZ4_NO_TSA {
  const uint32_t count = os::CpuCount();
  const size_t bytes = AlignUp(count * sizeof(FrontCache*), kOsPage);
  FrontCache** shown = static_cast<FrontCache**>(os::Map(bytes, kOsPage));
  owned = static_cast<FrontCache**>(os::Map(bytes, kOsPage));
  if (shown == nullptr || owned == nullptr) return false;
  for (uint32_t i = 0; i < count; ++i) shown[i] = FrontCache::Miss();
  index_used = index;
  percpu_view = {__rseq_offset, shown, count};
  lock.Init(LockRank::kFrontStop);
  return true;
}

FrontCache* PerCpuMine() HZ4_NO_TSA {
  const uint32_t i = IndexNow();
  if (i >= percpu_view.count) return FrontCache::Miss();
  FrontCache* cache = Shown(i);
  if (HZ4_LIKELY(!cache->IsMiss()) || !lock.TryAcquire()) return cache;
  // Nobody is stopping caches: this one does not exist yet.
  if (owned[i] == nullptr) owned[i] = FrontCache::New();
  if (owned[i] != nullptr) Show(i, cache = owned[i]);
  lock.Release();
  return cache;
}

size_t PerCpuFlush(void (*take)(unsigned cls, void* const* objects, uint32_t n)) HZ4_NO_TSA {
  SlowScope scope;
  if (!scope.entered() || !lock.Acquire()) return 0;
  for (uint32_t i = 0; i < percpu_view.count; ++i) Show(i, FrontCache::Miss());
  size_t bytes = 0;
  const bool stopped =
      !SyscallFailed(Syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0));
  for (uint32_t i = 0; i < percpu_view.count; ++i) {
    FrontCache* cache = owned[i];
    if (cache == nullptr) continue;
    for (unsigned cls = 1; stopped && cls <= kNumClasses; ++cls) {
      const uint32_t n = cache->Count(cls);
      if (n == 0) continue;
      cache->headers.top[cls] = cache->Begin(cls);
      take(cls, cache->Begin(cls), n);
      bytes += size_t{n} * Class(cls).size;
    }
    Show(i, cache);
  }
  lock.Release();
  return bytes;
}

void PerCpuForkPrepare() {
  threads_at_fork = &__libc_single_threaded == nullptr || !__libc_single_threaded;
}

void PerCpuForkChild() HZ4_NO_TSA {
  RegisterMembarrier();
  for (uint32_t i = 0; i < percpu_view.count; ++i) {
    if (owned[i] == nullptr) continue;
    if (threads_at_fork) owned[i]->Forget();
    Show(i, owned[i]);
  }
}

uint64_t PerCpuCachedBytes() HZ4_NO_TSA {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < percpu_view.count; ++i) {
    FrontCache* cache = Shown(i);
    if (!cache->IsMiss()) bytes += cache->CachedBytes();
  }
  return bytes;
}

const char* PerCpuCheck() HZ4_NO_TSA {
  for (uint32_t i = 0; i < percpu_view.count; ++i) {
    FrontCache* cache = Shown(i);
    const char* wrong = cache->IsMiss() ? nullptr : cache->Check();
    if (wrong != nullptr) return wrong;
  }
  return nullptr;
}

}  // namespace hz4
