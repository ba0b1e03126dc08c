// SPDX-License-Identifier: Apache-2.0
//
// The benchmark of the lanes: threads that allocate and free blocks of random size and hand some of
// them to their neighbour to free. It is linked with no allocator; LD_PRELOAD decides which one is
// measured, and all that the process allocates comes from it.

#include <cstdlib>

#include "bench/random_mixed_mt_remote_main.h"

namespace {

class Malloc {
 public:
  Malloc(const hz4::RandomMixedArgs&, int) {}
  bool Ready() const { return true; }
  void* Allocate(std::size_t size) { return std::malloc(size); }
  void Free(void* block) { std::free(block); }
};

}  // namespace

int main(int argc, char** argv) {
  return hz4::RandomMixedMain<Malloc>("random_mixed_mt_remote", argc, argv);
}
