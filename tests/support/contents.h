// SPDX-License-Identifier: Apache-2.0
//
// What a block holds.
#ifndef HZ4_TESTS_SUPPORT_CONTENTS_H_
#define HZ4_TESTS_SUPPORT_CONTENTS_H_

#include <algorithm>
#include <cstddef>

namespace hz4 {
namespace test {

// Whether each byte of [p, p + size) is `value`.
inline bool All(const void* p, std::size_t size, unsigned char value) {
  const auto* bytes = static_cast<const unsigned char*>(p);
  return std::all_of(bytes, bytes + size, [value](unsigned char c) { return c == value; });
}

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_SUPPORT_CONTENTS_H_
