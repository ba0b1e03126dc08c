// SPDX-License-Identifier: Apache-2.0
//
// malloc and free of one block, again and again, on one thread: where an indirect jump more or less
// would show most. Linked with no allocator. Prints one line that ends in ops/s; a pair is two ops.

#include <time.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace {

bool Read(const char* text, long most, long* number) {
  char* end = nullptr;
  errno = 0;
  *number = std::strtol(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && *number >= 1 && *number <= most;
}

double Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
  long size = 0;
  long pairs = 0;
  if (argc != 3 || !Read(argv[1], 1L << 30, &size) || !Read(argv[2], 1L << 40, &pairs)) {
    std::fputs("usage: indirection_pair size pairs   (size: 1 to 2^30, pairs: 1 to 2^40)\n",
               stderr);
    return 2;
  }
  long failed = 0;
  const double start = Now();
  for (long i = 0; i < pairs; ++i) {
    void* block = std::malloc(static_cast<std::size_t>(size));
    asm volatile("" : "+r"(block) : : "memory");
    failed += block == nullptr;
    std::free(block);
  }
  const double seconds = Now() - start;
  const double ops = 2 * static_cast<double>(pairs);
  std::printf("indirection_pair: size=%ld failed=%ld ops=%.0f time=%.6f ops/s=%.0f\n", size, failed,
              ops, seconds, ops / seconds);
  return failed == 0 ? 0 : 1;
}
