// SPDX-License-Identifier: Apache-2.0
//
// Allocates before any library's constructor has run, in main, and on the way out.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

char* kept;

// Runs before the constructors of every shared library.
void Preinit(int, char**, char**) {
  kept = static_cast<char*>(malloc(5000));
  memset(kept, 'k', 5000);
  for (int i = 0; i < 2000; ++i) free(malloc(i * 50));
}
__attribute__((section(".preinit_array"), used)) void (*preinit)(int, char**, char**) = Preinit;

}  // namespace

int main() {
  for (int i = 0; i < 5000; ++i) {
    if (kept[i] != 'k') return 1;
  }
  free(kept);
  puts("main");
  return 0;
}
