// SPDX-License-Identifier: Apache-2.0
//
// The 20 replaceable operators of C++. The size and alignment that a delete claims are not trusted:
// the page map says what a pointer is.
#include <new>

#include "hz4/doors.h"
#include "hz4/new_handler.h"

using hz4::Doors;
using std::align_val_t;
using std::nothrow_t;

namespace {

void* AlignedNew(size_t size, align_val_t align) {
  void* p = Doors().memalign(static_cast<size_t>(align), size);
  return HZ4_LIKELY(p != nullptr) ? p : hz4::NewFailed(size, static_cast<size_t>(align));
}
void* NothrowNew(size_t size) noexcept {
  void* p = Doors().malloc(size);
  return HZ4_LIKELY(p != nullptr) ? p : hz4::NewFailedNothrow(size, 0);
}
void* NothrowAlignedNew(size_t size, align_val_t align) noexcept {
  void* p = Doors().memalign(static_cast<size_t>(align), size);
  return HZ4_LIKELY(p != nullptr) ? p : hz4::NewFailedNothrow(size, static_cast<size_t>(align));
}

}  // namespace

#define EXPORT HZ4_EXPORT

EXPORT void* operator new(size_t n) { return Doors().op_new(n); }
EXPORT void* operator new[](size_t n) { return Doors().op_new(n); }
EXPORT void* operator new(size_t n, const nothrow_t&) noexcept { return NothrowNew(n); }
EXPORT void* operator new[](size_t n, const nothrow_t&) noexcept { return NothrowNew(n); }
EXPORT void* operator new(size_t n, align_val_t a) { return AlignedNew(n, a); }
EXPORT void* operator new[](size_t n, align_val_t a) { return AlignedNew(n, a); }
EXPORT void* operator new(size_t n, align_val_t a, const nothrow_t&) noexcept {
  return NothrowAlignedNew(n, a);
}
EXPORT void* operator new[](size_t n, align_val_t a, const nothrow_t&) noexcept {
  return NothrowAlignedNew(n, a);
}

EXPORT void operator delete(void* p) noexcept { Doors().free(p); }
EXPORT void operator delete[](void* p) noexcept { Doors().free(p); }
EXPORT void operator delete(void* p, const nothrow_t&) noexcept { Doors().free(p); }
EXPORT void operator delete[](void* p, const nothrow_t&) noexcept { Doors().free(p); }
EXPORT void operator delete(void* p, size_t n) noexcept { Doors().free_sized(p, n); }
EXPORT void operator delete[](void* p, size_t n) noexcept { Doors().free_sized(p, n); }
EXPORT void operator delete(void* p, align_val_t) noexcept { Doors().free(p); }
EXPORT void operator delete[](void* p, align_val_t) noexcept { Doors().free(p); }
EXPORT void operator delete(void* p, align_val_t, const nothrow_t&) noexcept { Doors().free(p); }
EXPORT void operator delete[](void* p, align_val_t, const nothrow_t&) noexcept { Doors().free(p); }
EXPORT void operator delete(void* p, size_t n, align_val_t) noexcept { Doors().free_sized(p, n); }
EXPORT void operator delete[](void* p, size_t n, align_val_t) noexcept { Doors().free_sized(p, n); }
