// SPDX-License-Identifier: Apache-2.0
//
// What a trace believes of a live block, and whether the memory agrees.
#ifndef HZ4_TESTS_TRACE_SHADOW_H_
#define HZ4_TESTS_TRACE_SHADOW_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hz4 {
namespace test {

struct Block {
  std::uint8_t* p = nullptr;
  std::size_t size = 0;    // asked for
  std::size_t usable = 0;  // what the allocator said
  std::size_t align = 16;
  std::uint64_t salt = 0;
};

// "" or what is wrong with a block just handed out; `zero`: it must read as zero.
std::string CheckFresh(const Block& block, bool zero);

// Writes the block's pattern over [0, usable): all of it up to 4 KiB, of larger blocks both ends
// and a piece of every 4 KiB.
void Fill(const Block& block);
// "" or where the first `bytes` bytes of the pattern that was written for `as` are not there: `as`
// is the block itself, or what it was before a realloc.
std::string CheckPattern(const Block& block, const Block& as, std::size_t bytes);
inline std::string CheckPattern(const Block& block) {
  return CheckPattern(block, block, block.usable);
}

// "" or which two of them overlap.
std::string CheckDisjoint(std::vector<Block> blocks);

std::string Describe(const Block& block);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_TRACE_SHADOW_H_
