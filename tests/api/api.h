// SPDX-License-Identifier: Apache-2.0
//
// What the API tests share: entries looked up by name, blocks filled with a pattern that belongs to
// them, and the sizes worth trying.
#ifndef HZ4_TESTS_API_API_H_
#define HZ4_TESTS_API_API_H_

#include <gtest/gtest.h>
#include <stddef.h>
#include <stdint.h>

#include <cerrno>
#include <vector>

namespace hz4 {
namespace test {

// True when hz4 is this process's allocator. Without TEST_ALLOCATOR=any, the absence is a failure
// (interposition_test.cc).
bool RunsOnHz4();

// The address of an exported function: of the program when it is linked with hz4, of a preloaded
// library, or of libc. nullptr: there is none of that name.
void* FindEntry(const char* name);

template <class Function>
Function* Entry(const char* name) {
  void* found = FindEntry(name);
  EXPECT_TRUE(found != nullptr || !RunsOnHz4()) << name << " is not exported";
  return reinterpret_cast<Function*>(found);
}

// An error number no call sets: "errno was not touched".
inline constexpr int kUntouched = 12345;

// Evaluates `expression` (a pointer) with errno kUntouched before: must fail with ENOMEM.
#define EXPECT_ENOMEM(expression)                             \
  do {                                                        \
    errno = ::hz4::test::kUntouched;                          \
    EXPECT_EQ(static_cast<const void*>(expression), nullptr); \
    EXPECT_EQ(errno, ENOMEM) << #expression;                  \
  } while (false)

inline bool Aligned(const void* p, size_t align) {
  return (reinterpret_cast<uintptr_t>(p) & (align - 1)) == 0;
}

// Hides a value from the optimiser: a pointer that is compared, a size that must not be folded.
template <class T>
T Opaque(T value) {
  __asm__ volatile("" : "+r"(value) : : "memory");
  return value;
}

// Fills [p, p + size) with bytes that depend on the address, and tells whether they still stand.
void Fill(void* p, size_t size, uint64_t salt = 0);
bool Filled(const void* p, size_t size, uint64_t salt = 0);
bool IsZero(const void* p, size_t size);

// 0, 1, ..., every class boundary and its neighbours, powers of two and their neighbours up to
// `limit`.
std::vector<size_t> InterestingSizes(size_t limit);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_API_API_H_
