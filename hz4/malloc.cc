// SPDX-License-Identifier: Apache-2.0
//
// The doors of the C library: each is one indirect jump through the table, or a check of arguments
// and then the jump. Alignment rules are glibc's.
#include <errno.h>
#include <malloc.h>
#include <unistd.h>

#include "hz4/api_impl.h"
#include "hz4/base/bits.h"
#include "hz4/doors.h"

using hz4::Doors;

namespace {

// The largest power of two that an address can be a multiple of.
constexpr size_t kMaxAlign = size_t{1} << 63;

void* NoMemory() {
  errno = ENOMEM;
  return nullptr;
}

void* Memalign(size_t align, size_t size) {
  if (align > kMaxAlign || size > static_cast<size_t>(PTRDIFF_MAX)) return NoMemory();
  return Doors().memalign(hz4::NextPowerOfTwo(align), size);
}

void* Pvalloc(size_t size) {
  if (size > static_cast<size_t>(PTRDIFF_MAX)) return NoMemory();
  return Doors().memalign(hz4::kOsPage, hz4::AlignUp(size, hz4::kOsPage));
}

int PosixMemalign(void** out, size_t align, size_t size) {
  if (align < sizeof(void*) || !hz4::IsPowerOfTwo(align)) return EINVAL;
  const int saved = errno;
  void* p = Memalign(align, size);
  errno = saved;
  if (p == nullptr) return ENOMEM;
  *out = p;
  return 0;
}

}  // namespace

#define EXPORT extern "C" HZ4_EXPORT

EXPORT void* malloc(size_t size) noexcept { return Doors().malloc(size); }
EXPORT void free(void* p) noexcept { Doors().free(p); }
EXPORT void* calloc(size_t n, size_t size) noexcept { return Doors().calloc(n, size); }
EXPORT void* realloc(void* p, size_t size) noexcept { return Doors().realloc(p, size); }
EXPORT void* reallocarray(void* p, size_t n, size_t size) noexcept {
  size_t bytes;
  if (__builtin_mul_overflow(n, size, &bytes)) return NoMemory();
  return Doors().realloc(p, bytes);
}
EXPORT void* memalign(size_t align, size_t size) noexcept { return Memalign(align, size); }
EXPORT void* aligned_alloc(size_t align, size_t size) noexcept {
  if (!hz4::IsPowerOfTwo(align)) {
    errno = EINVAL;
    return nullptr;
  }
  return Memalign(align, size);
}
EXPORT int posix_memalign(void** out, size_t align, size_t size) noexcept {
  return PosixMemalign(out, align, size);
}
EXPORT void* valloc(size_t size) noexcept { return Memalign(hz4::kOsPage, size); }
EXPORT void* pvalloc(size_t size) noexcept { return Pvalloc(size); }
EXPORT void cfree(void* p) noexcept { Doors().free(p); }
EXPORT void free_sized(void* p, size_t size) noexcept { Doors().free_sized(p, size); }
EXPORT void free_aligned_sized(void* p, size_t, size_t size) noexcept {
  Doors().free_sized(p, size);
}
EXPORT size_t malloc_usable_size(void* p) noexcept { return Doors().usable_size(p); }

EXPORT int malloc_trim(size_t) noexcept { return hz4::api::Trim(); }
EXPORT int mallopt(int param, int value) noexcept { return hz4::api::Mallopt(param, value); }
EXPORT struct mallinfo mallinfo() noexcept { return hz4::api::Mallinfo(); }
EXPORT struct mallinfo2 mallinfo2() noexcept { return hz4::api::Mallinfo2(); }
EXPORT int malloc_info(int options, FILE* file) noexcept {
  return hz4::api::MallocInfo(options, file);
}
EXPORT void malloc_stats() noexcept { hz4::api::MallocStats(); }

// Programs and libraries that go around malloc to libc's own names come here as well.
EXPORT void* __libc_malloc(size_t size) noexcept { return Doors().malloc(size); }
EXPORT void __libc_free(void* p) noexcept { Doors().free(p); }
EXPORT void* __libc_calloc(size_t n, size_t size) noexcept { return Doors().calloc(n, size); }
EXPORT void* __libc_realloc(void* p, size_t size) noexcept { return Doors().realloc(p, size); }
EXPORT void* __libc_memalign(size_t align, size_t size) noexcept { return Memalign(align, size); }
EXPORT void* __libc_valloc(size_t size) noexcept { return Memalign(hz4::kOsPage, size); }
EXPORT void* __libc_pvalloc(size_t size) noexcept { return Pvalloc(size); }
EXPORT int __posix_memalign(void** out, size_t align, size_t size) noexcept {
  return PosixMemalign(out, align, size);
}

// A jump without a frame: libc's vfork and the system call return twice.
extern "C" HZ4_EXPORT __attribute__((naked)) int vfork() noexcept {
  __asm__("jmp *%c0+_ZN3hz46sealedE(%%rip)" : : "i"(offsetof(hz4::Sealed, table.vfork)));
}
