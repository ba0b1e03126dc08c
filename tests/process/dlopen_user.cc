// SPDX-License-Identifier: Apache-2.0
//
// A library that is linked with libhz4.so, for programs that are not.

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

extern "C" {

const char* hz4_version(void);  // as in hz4/hz4.h; of the library alone, without its sources

const char* UserVersion() { return hz4_version(); }

// 1 when this library's malloc is hz4's: only with RTLD_DEEPBIND, for libc's comes first otherwise.
int UserMallocIsHz4() {
  Dl_info of_malloc = {};
  Dl_info of_hz4 = {};
  return dladdr(reinterpret_cast<void*>(&malloc), &of_malloc) != 0 &&
         dladdr(reinterpret_cast<void*>(&hz4_version), &of_hz4) != 0 &&
         of_malloc.dli_fbase == of_hz4.dli_fbase;
}

static void* Work(void*) {
  for (size_t size = 1; size < 3000000; size = size * 3 / 2 + 1) {
    char* p = static_cast<char*>(malloc(size));
    if (p == nullptr) abort();
    memset(p, 5, malloc_usable_size(p));
    p = static_cast<char*>(realloc(p, size * 2));
    if (p == nullptr || p[size - 1] != 5) abort();
    free(p);
  }
  return nullptr;
}

// Allocates and frees here and in threads of its own.
void UserWork() {
  pthread_t threads[4];
  for (pthread_t& thread : threads) {
    if (pthread_create(&thread, nullptr, Work, nullptr) != 0) abort();
  }
  Work(nullptr);
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
}

}  // extern "C"
