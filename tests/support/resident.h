// SPDX-License-Identifier: Apache-2.0
//
// What of a mapping is in memory, as libc asks the kernel: not by way of what is tested.
#ifndef HZ4_TESTS_SUPPORT_RESIDENT_H_
#define HZ4_TESTS_SUPPORT_RESIDENT_H_

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "hz4/base/platform.h"

namespace hz4 {
namespace test {

// Whether each page of [p, p + bytes) is there.
inline std::vector<bool> ResidentPages(const void* p, size_t bytes) {
  std::vector<unsigned char> there(bytes / kOsPage);
  EXPECT_EQ(mincore(const_cast<void*>(p), bytes, there.data()), 0);
  std::vector<bool> pages;
  for (unsigned char page : there) pages.push_back((page & 1) != 0);
  return pages;
}
// How many are.
inline size_t PagesPresent(const void* p, size_t bytes) {
  const std::vector<bool> pages = ResidentPages(p, bytes);
  return static_cast<size_t>(std::count(pages.begin(), pages.end(), true));
}

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_SUPPORT_RESIDENT_H_
