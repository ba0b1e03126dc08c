// SPDX-License-Identifier: Apache-2.0
//
// A process that allocates once: prints how many nanoseconds that took and ends.

#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

int main() {
  timespec start;
  timespec end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  void* block = std::malloc(64);
  asm volatile("" : "+r"(block) : : "memory");
  clock_gettime(CLOCK_MONOTONIC, &end);
  const long ns = (end.tv_sec - start.tv_sec) * 1000000000L + (end.tv_nsec - start.tv_nsec);
  char text[32];
  const int length = std::snprintf(text, sizeof(text), "%ld\n", ns);
  const bool written = write(STDOUT_FILENO, text, static_cast<size_t>(length)) == length;
  std::free(block);
  return block != nullptr && written ? 0 : 1;
}
