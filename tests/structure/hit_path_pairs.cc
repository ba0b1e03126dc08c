// SPDX-License-Identifier: Apache-2.0
//
// hit_path_pairs SIZE COUNT: COUNT times malloc(SIZE) and free, and nothing else, so that two runs
// differ by their pairs only. Compiled so that the compiler does not take a pair for nothing.

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  const long size = argc == 3 ? std::atol(argv[1]) : 0;
  const long count = argc == 3 ? std::atol(argv[2]) : 0;
  if (size <= 0 || count <= 0) {
    std::fputs("usage: hit_path_pairs SIZE COUNT, both 1 or more\n", stderr);
    return 2;
  }
  for (long i = 0; i < count; ++i) {
    void* const p = std::malloc(static_cast<std::size_t>(size));
    if (p == nullptr) return 1;
    std::free(p);
  }
  return 0;
}
