// SPDX-License-Identifier: Apache-2.0
//
// What the platform is: Linux on x86-64, 4 KiB OS pages, 64-byte cache lines; and the compiler's
// spellings of a few attributes. Nothing here is policy.
#ifndef HZ4_BASE_PLATFORM_H_
#define HZ4_BASE_PLATFORM_H_

#include <cstddef>
#include <cstdint>

#if !defined(__x86_64__) || !defined(__linux__)
#error "hz4 supports Linux on x86-64 only"
#endif

#define HZ4_LIKELY(x) __builtin_expect(!!(x), 1)
#define HZ4_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define HZ4_NOINLINE __attribute__((noinline))
#define HZ4_ALWAYS_INLINE inline __attribute__((always_inline))
// On variables: the compiler must be able to initialise them, because malloc runs before
// constructors do.
#if defined(__clang__)
#define HZ4_CONSTINIT [[clang::require_constant_initialization]]
#else
#define HZ4_CONSTINIT __constinit
#endif
#define HZ4_COLD __attribute__((cold, noinline))
// Begins with a cache line: how fast it is must not depend on what the linker puts before it.
#define HZ4_HIT_PATH __attribute__((aligned(::hz4::kCacheLine)))
// On declarations of variables that hit paths read: without it the compiler must assume that
// another module defines them and goes through the global offset table.
#define HZ4_HIDDEN __attribute__((visibility("hidden")))
// A symbol of the public API: everything else is hidden.
#define HZ4_EXPORT __attribute__((visibility("default")))

// Thread-safety annotations; clang -Wthread-safety checks them, g++ ignores them.
#if defined(__clang__)
#define HZ4_TSA(x) __attribute__((x))
#else
#define HZ4_TSA(x)
#endif
#define HZ4_CAPABILITY(x) HZ4_TSA(capability(x))
#define HZ4_GUARDED_BY(x) HZ4_TSA(guarded_by(x))
#define HZ4_REQUIRES(...) HZ4_TSA(requires_capability(__VA_ARGS__))
#define HZ4_TRY_ACQUIRE(...) HZ4_TSA(try_acquire_capability(__VA_ARGS__))
#define HZ4_RELEASE(...) HZ4_TSA(release_capability(__VA_ARGS__))
#define HZ4_NO_TSA HZ4_TSA(no_thread_safety_analysis)

namespace hz4 {

inline constexpr size_t kCacheLine = 64;
inline constexpr size_t kOsPage = 4096;
inline constexpr size_t kMinAlign = 16;  // of every object of 16 bytes and more

}  // namespace hz4

#endif  // HZ4_BASE_PLATFORM_H_
