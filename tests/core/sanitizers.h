// SPDX-License-Identifier: Apache-2.0
//
// Which sanitizer this was built with: some things a test does (limit address space, start a thread
// in a child of fork) a sanitizer does not bear.
#ifndef HZ4_TESTS_CORE_SANITIZERS_H_
#define HZ4_TESTS_CORE_SANITIZERS_H_

// g++ defines __SANITIZE_*__, clang answers __has_feature.
#ifndef __has_feature
#define __has_feature(x) 0
#endif

namespace hz4 {
namespace test {

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
inline constexpr bool kUnderAsan = true;
#else
inline constexpr bool kUnderAsan = false;
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
inline constexpr bool kUnderTsan = true;
#else
inline constexpr bool kUnderTsan = false;
#endif

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_CORE_SANITIZERS_H_
