// SPDX-License-Identifier: Apache-2.0

#include "tests/trace/shadow.h"

#include <stdio.h>
#include <string.h>

#include <algorithm>

namespace hz4 {
namespace test {
namespace {

constexpr std::size_t kWhole = 4096;  // blocks up to here carry the pattern everywhere
constexpr std::size_t kPiece = 64;    // larger ones at the start of every kWhole bytes

std::uint64_t Word(const Block& as, std::size_t index) {
  return (reinterpret_cast<std::uintptr_t>(as.p) + as.salt + index) * 0x9e3779b97f4a7c15u;
}

// Calls visit(offset, length) for each piece of [0, usable) that carries the pattern. Offsets are
// multiples of 8, so a piece has the same bytes whoever computes it.
template <class Visitor>
void ForEachPiece(std::size_t usable, Visitor visit) {
  if (usable <= kWhole) return visit(std::size_t{0}, usable);
  for (std::size_t at = 0; at < usable; at += kWhole) visit(at, std::min(kPiece, usable - at));
  const std::size_t last = (usable - kPiece) & ~std::size_t{7};
  visit(last, usable - last);
}

std::string Format(const char* format, const void* p, std::size_t a, std::size_t b) {
  char text[256];
  snprintf(text, sizeof(text), format, p, a, b);
  return text;
}

}  // namespace

std::string Describe(const Block& block) {
  return Format("block %p, size %zu, usable %zu", block.p, block.size, block.usable) + ", align " +
         std::to_string(block.align);
}

std::string CheckFresh(const Block& block, bool zero) {
  if ((reinterpret_cast<std::uintptr_t>(block.p) & (block.align - 1)) != 0) {
    return "not aligned: " + Describe(block);
  }
  if (block.usable < block.size) return "usable size below size: " + Describe(block);
  const bool zeroed = !zero || block.size == 0 ||
                      (block.p[0] == 0 && memcmp(block.p, block.p + 1, block.size - 1) == 0);
  return zeroed ? "" : "not zero: " + Describe(block);
}

void Fill(const Block& block) {
  ForEachPiece(block.usable, [&block](std::size_t at, std::size_t length) {
    for (std::size_t i = 0; i < length; i += 8) {
      const std::uint64_t word = Word(block, at + i);
      memcpy(block.p + at + i, &word, std::min<std::size_t>(8, length - i));
    }
  });
}

std::string CheckPattern(const Block& block, const Block& as, std::size_t bytes) {
  std::string wrong;
  ForEachPiece(as.usable, [&](std::size_t at, std::size_t length) {
    for (std::size_t i = 0; i < length && at + i < bytes && wrong.empty(); i += 8) {
      const std::uint64_t word = Word(as, at + i);
      const std::size_t compared = std::min<std::size_t>({8, length - i, bytes - at - i});
      if (memcmp(block.p + at + i, &word, compared) == 0) continue;
      std::uint64_t found = 0;
      memcpy(&found, block.p + at + i, compared);
      wrong = "content changed: " + Describe(block) +
              Format(" at %p: found %zx, written %zx", block.p + at + i, found, word);
    }
  });
  return wrong;
}

std::string CheckDisjoint(std::vector<Block> blocks) {
  std::sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) { return a.p < b.p; });
  for (std::size_t i = 1; i < blocks.size(); ++i) {
    const Block& before = blocks[i - 1];
    // Blocks of no size are distinct all the same.
    if (before.p + std::max<std::size_t>(before.usable, 1) > blocks[i].p) {
      return "overlap: " + Describe(before) + " and " + Describe(blocks[i]);
    }
  }
  return "";
}

}  // namespace test
}  // namespace hz4
