// SPDX-License-Identifier: Apache-2.0
//
// The memory mappings of this process, as /proc/self/smaps shows them.
#ifndef HZ4_TESTS_SUPPORT_MAPPINGS_H_
#define HZ4_TESTS_SUPPORT_MAPPINGS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hz4 {
namespace test {

struct Mapping {
  uintptr_t start = 0;
  uintptr_t end = 0;
  std::string rights;  // "r--p"
  bool huge = false;   // MADV_HUGEPAGE
  bool small = false;  // MADV_NOHUGEPAGE
};

// By address.
std::vector<Mapping> Mappings();
// Those that have a byte of [from, to).
std::vector<Mapping> MappingsIn(uintptr_t from, uintptr_t to);
// Whether the kernel can be asked for transparent huge pages.
bool KernelHasHugePages();
// How many bytes of [from, to) are asked to be in huge pages.
size_t HugeBytesIn(uintptr_t from, uintptr_t to);
// Of the mapping that p points into; "": there is none.
std::string RightsAt(const void* p);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_SUPPORT_MAPPINGS_H_
