// SPDX-License-Identifier: Apache-2.0
#include "hz4/base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstring>

#include "hz4/base/bits.h"
#include "hz4/base/syscall.h"

namespace hz4 {
namespace os {
namespace {

std::atomic<uint64_t> calls{0};
std::atomic<uint64_t> fail_at{0};  // absolute call number, 0: never
std::atomic<bool> fail_sticky{false};

// Counts a call; true when a test wants it to fail.
bool MustFail() {
  const uint64_t n = calls.fetch_add(1, std::memory_order_relaxed) + 1;
  const uint64_t at = fail_at.load(std::memory_order_relaxed);
  if (HZ4_LIKELY(at == 0)) return false;
  return n == at || (n > at && fail_sticky.load(std::memory_order_relaxed));
}

long MapAnywhere(size_t bytes, int protection, int flags) {
  return Syscall(SYS_mmap, 0, static_cast<long>(bytes), protection,
                 MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}
// The kernel orders an unmap before the map that uses its addresses again; said here in the
// language's own terms. Release in Unmap, acquire in MapAnonymous.
std::atomic<unsigned> unmaps{0};

void UnmapPart(uintptr_t start, size_t bytes) {
  if (bytes > 0) Syscall(SYS_munmap, static_cast<long>(start), static_cast<long>(bytes));
}

void* MapAnonymous(size_t bytes, size_t align, int protection, int flags) {
  if (MustFail() || bytes == 0) return nullptr;
  long result = MapAnywhere(bytes, protection, flags);
  unmaps.load(std::memory_order_acquire);
  if (SyscallFailed(result)) return nullptr;
  uintptr_t start = static_cast<uintptr_t>(result);
  // Aligned as it came: nearly always, behind mappings of such sizes, and then they adjoin.
  if (start % align == 0) return reinterpret_cast<void*>(start);
  UnmapPart(start, bytes);
  // Over-allocate by what alignment may cost and cut both ends off again.
  const size_t extra = align - kOsPage;
  if (bytes + extra < bytes) return nullptr;
  result = MapAnywhere(bytes + extra, protection, flags);
  unmaps.load(std::memory_order_acquire);
  if (SyscallFailed(result)) return nullptr;
  const uintptr_t raw = static_cast<uintptr_t>(result);
  start = AlignUp(raw, align);
  UnmapPart(raw, start - raw);
  UnmapPart(start + bytes, raw + extra - start);
  return reinterpret_cast<void*>(start);
}

// The highest CPU number in a list such as "0-3,8-11", plus one; 0 when it is none.
unsigned HighestCpu(const char* text, long length) {
  unsigned highest = 0;
  unsigned number = 0;
  bool digits = false;
  for (long i = 0; i < length; ++i) {
    if (text[i] >= '0' && text[i] <= '9') {
      number = number * 10 + static_cast<unsigned>(text[i] - '0');
      digits = true;
      if (number + 1 > highest) highest = number + 1;
    } else {
      number = 0;
    }
  }
  return digits ? highest : 0;
}

// What is in a short file, at most `bytes` of it; negative: nothing.
long ReadFile(const char* path, char* text, size_t bytes) {
  const long fd = Syscall(SYS_openat, AT_FDCWD, SyscallArg(path), O_RDONLY | O_CLOEXEC);
  if (SyscallFailed(fd)) return -1;
  const long n = Syscall(SYS_read, fd, SyscallArg(text), static_cast<long>(bytes));
  Syscall(SYS_close, fd);
  return SyscallFailed(n) ? -1 : n;
}

}  // namespace

void* Reserve(size_t bytes, size_t align) {
  return MapAnonymous(bytes, align, PROT_NONE, MAP_NORESERVE);
}
void* ReserveReadable(size_t bytes, size_t align) {
  return MapAnonymous(bytes, align, PROT_READ, MAP_NORESERVE);
}
void* Map(size_t bytes, size_t align) {
  return MapAnonymous(bytes, align, PROT_READ | PROT_WRITE, 0);
}
bool Open(void* p, size_t bytes) {
  return !MustFail() && !SyscallFailed(Syscall(SYS_mprotect, SyscallArg(p),
                                               static_cast<long>(bytes), PROT_READ | PROT_WRITE));
}
bool Unmap(void* p, size_t bytes) {
  unmaps.fetch_add(1, std::memory_order_release);
  return !MustFail() &&
         !SyscallFailed(Syscall(SYS_munmap, SyscallArg(p), static_cast<long>(bytes)));
}
bool Decommit(void* p, size_t bytes) {
  return !MustFail() && !SyscallFailed(Syscall(SYS_madvise, SyscallArg(p), static_cast<long>(bytes),
                                               MADV_DONTNEED));
}
bool InMemory(const void* p, size_t bytes, uint8_t* in_memory) {
  return !MustFail() && !SyscallFailed(Syscall(SYS_mincore, SyscallArg(p), static_cast<long>(bytes),
                                               SyscallArg(in_memory)));
}
bool AdviseHuge(void* p, size_t bytes, bool huge) {
  return !MustFail() && !SyscallFailed(Syscall(SYS_madvise, SyscallArg(p), static_cast<long>(bytes),
                                               huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE));
}
bool Collapse(void* p, size_t bytes) {
  constexpr int kMadvCollapse = 25;  // not in the headers of glibc 2.36
  constexpr int kTries = 3;
  if (MustFail()) return false;
  long result = -EAGAIN;
  for (int i = 0; i < kTries && result == -EAGAIN; ++i) {
    result = Syscall(SYS_madvise, SyscallArg(p), static_cast<long>(bytes), kMadvCollapse);
  }
  return !SyscallFailed(result);
}
bool Protect(void* p, size_t bytes) {
  return !MustFail() &&
         !SyscallFailed(Syscall(SYS_mprotect, SyscallArg(p), static_cast<long>(bytes), PROT_READ));
}

unsigned CpuCount() {
  char text[256];
  const long n = ReadFile("/sys/devices/system/cpu/possible", text, sizeof(text));
  if (const unsigned cpus = HighestCpu(text, n)) return cpus;
  // No /sys: the CPUs this thread may use now. Later ones take the slow path.
  uint64_t mask[64] = {};
  const long bytes = Syscall(SYS_sched_getaffinity, 0, sizeof(mask), SyscallArg(mask));
  if (!SyscallFailed(bytes)) {
    for (long w = bytes / 8 - 1; w >= 0; --w) {
      if (mask[w] != 0) return static_cast<unsigned>(w) * 64 + FloorLog2(mask[w]) + 1;
    }
  }
  return 1;
}

bool HugePagesAreOff() {
  char text[64] = {};  // "always madvise [never]"
  ReadFile("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text) - 1);
  return strstr(text, "[never]") != nullptr;
}

size_t AddressSpaceLimit() {
  rlimit limit;
  const long result = Syscall(SYS_prlimit64, 0, RLIMIT_AS, 0, SyscallArg(&limit));
  return SyscallFailed(result) || limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : limit.rlim_cur;
}

size_t ResidentBytes() {
  char text[128];
  const long n = ReadFile("/proc/self/statm", text, sizeof(text));
  size_t field = 0;
  size_t value = 0;
  for (long i = 0; i < n; ++i) {
    if (text[i] == ' ') {
      if (++field == 2) return value * kOsPage;
      value = 0;
    } else if (text[i] >= '0' && text[i] <= '9') {
      value = value * 10 + static_cast<size_t>(text[i] - '0');
    }
  }
  return 0;
}

void FailNth(uint64_t n, bool sticky) {
  fail_sticky.store(sticky, std::memory_order_relaxed);
  fail_at.store(n == 0 ? 0 : calls.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}
uint64_t Calls() { return calls.load(std::memory_order_relaxed); }

}  // namespace os
}  // namespace hz4
