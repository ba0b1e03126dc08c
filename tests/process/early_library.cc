// SPDX-License-Identifier: Apache-2.0
//
// A library that allocates before main and after it: in constructors of every kind and in their
// counterparts. Preloaded before or after libhz4.so.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <string>
#include <vector>

namespace {

void Work(const char* when) {
  for (size_t size = 1; size < 1000000; size = size * 2 + 1) {
    char* p = static_cast<char*>(calloc(1, size));
    if (p == nullptr || p[size / 2] != 0) abort();
    memset(p, 7, size);
    p = static_cast<char*>(realloc(p, size + 5000));
    if (p == nullptr || p[size - 1] != 7) abort();
    free(p);
  }
  fprintf(stdout, "%s\n", when);
}

void* Thread(void*) {
  Work("thread");
  return nullptr;
}

__attribute__((constructor(101))) void First() { Work("constructor 101"); }
__attribute__((constructor)) void Constructor() {
  Work("constructor");
  pthread_t thread;
  if (pthread_create(&thread, nullptr, Thread, nullptr) != 0) abort();
  pthread_join(thread, nullptr);
  atexit([] { Work("atexit"); });
}
__attribute__((destructor)) void Destructor() { Work("destructor"); }
__attribute__((destructor(101))) void Last() { Work("destructor 101"); }

struct Static {
  Static() : texts(100, std::string(1000, 's')) {}
  ~Static() {
    texts.clear();
    Work("static destructor");
  }
  std::vector<std::string> texts;
} static_object;

}  // namespace
