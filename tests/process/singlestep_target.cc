// SPDX-License-Identifier: Apache-2.0
//
// Stops itself, allocates and frees, stops itself again: between the two a tracer steps.

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int main() {
  void* blocks[20];
  for (int i = 0; i < 1000; ++i) free(malloc(i * 30));
  raise(SIGSTOP);
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 20; ++i) {
      blocks[i] = malloc(static_cast<size_t>(i) * i * 40 + 1);
      if (blocks[i] == nullptr) _exit(1);
      *static_cast<volatile char*>(blocks[i]) = 1;
    }
    for (void* p : blocks) free(p);
  }
  raise(SIGSTOP);
  return 0;
}
