// SPDX-License-Identifier: Apache-2.0
//
// A program for tests of what an environment does to a process:
//
//   calls    makes a known number of calls of every kind
//   mid      works the mid sizes
//   secure   prints whether the loader runs in secure mode
//   overrun  writes behind a block: an error that valgrind sees when it owns malloc

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

namespace {

void* Hidden(void* p) {
  __asm__ volatile("" : "+r"(p) : : "memory");
  return p;
}

void Calls() {
  for (int i = 0; i < 700; ++i) free(Hidden(malloc(100)));
  for (int i = 0; i < 300; ++i) free(Hidden(calloc(3, 1000)));
  for (int i = 0; i < 200; ++i) free(Hidden(memalign(256, 300)));
  for (int i = 0; i < 100; ++i) free(Hidden(malloc(3 << 20)));
  void* p = nullptr;
  for (int i = 1; i <= 400; ++i) p = Hidden(realloc(p, i * 10));
  free(p);
}

void Mid() {
  void* slots[200] = {};
  unsigned random = 1;
  for (int i = 0; i < 200000; ++i) {
    random = random * 1664525 + 1013904223;
    void*& slot = slots[(random >> 8) % 200];
    free(slot);
    slot = slot == nullptr ? malloc(2049 + (random >> 4) % 30000) : nullptr;
  }
  for (void* p : slots) free(p);
}

}  // namespace

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "calls") == 0) {
    Calls();
  } else if (strcmp(what, "mid") == 0) {
    Mid();
  } else if (strcmp(what, "secure") == 0) {
    printf("secure %lu\n", getauxval(AT_SECURE));
  } else if (strcmp(what, "overrun") == 0) {
    char* p = static_cast<char*>(Hidden(malloc(100)));
    p[100] = 1;
    free(p);
  } else {
    return 2;
  }
  return 0;
}
