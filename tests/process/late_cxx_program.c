/* SPDX-License-Identifier: Apache-2.0
 *
 * A C program without libstdc++ that dlopens C++ (argv[1]) after it has allocated. Exit 0: all went
 * well; 100: libstdc++ was there from the start, so nothing was tested.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int HasLibstdcxx(void) {
  char line[512];
  int found = 0;
  FILE* maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof(line), maps) != NULL) found |= strstr(line, "libstdc++") != NULL;
  fclose(maps);
  return found;
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (HasLibstdcxx()) return 100;
  for (size_t size = 1; size < 1000000; size *= 2) free(malloc(size));
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 101;
  }
  int (*work)(void) = (int (*)(void))dlsym(library, "LateWork");
  if (!HasLibstdcxx() || work == NULL) return 102;
  return work();
}
