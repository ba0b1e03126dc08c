// SPDX-License-Identifier: Apache-2.0
#include "hz4/step_aside.h"

#include <dlfcn.h>

#include <cerrno>
#include <cstring>

#include "hz4/base/bootstrap.h"
#include "hz4/new_handler.h"

extern "C" {
void __asan_init() __attribute__((weak));
void __tsan_init() __attribute__((weak));
void __msan_init() __attribute__((weak));
}

namespace hz4 {
namespace {

// valgrind preloads one library per tool into the program; these tools replace malloc.
constexpr const char* kHeapTools[] = {"vgpreload_memcheck", "vgpreload_massif", "vgpreload_dhat",
                                      "vgpreload_drd", "vgpreload_helgrind"};

struct Libc {
  void* (*malloc)(size_t);
  void (*free)(void*);
  void* (*calloc)(size_t, size_t);
  void* (*realloc)(void*, size_t);
  void* (*memalign)(size_t, size_t);
  size_t (*usable_size)(void*);
};
Libc libc = {};

void LibcFree(void* p) {
  if (!bootstrap::Owns(p)) libc.free(p);
}
void LibcFreeSized(void* p, size_t) { LibcFree(p); }
size_t LibcUsableSize(const void* p) {
  return bootstrap::Owns(p) ? bootstrap::UsableSize(p) : libc.usable_size(const_cast<void*>(p));
}
void* LibcRealloc(void* p, size_t size) {
  if (!bootstrap::Owns(p)) return libc.realloc(p, size);
  void* moved = size == 0 ? nullptr : libc.malloc(size);
  const size_t usable = bootstrap::UsableSize(p);
  return moved == nullptr ? nullptr : memcpy(moved, p, size < usable ? size : usable);
}
void* LibcOpNew(size_t size) {
  void* p = libc.malloc(size);
  return p != nullptr ? p : NewFailed(size, 0);
}

template <typename F>
bool Find(const char* name, F* f) {
  *f = reinterpret_cast<F>(LibcFunction(name));
  return *f != nullptr;
}

}  // namespace

const char* ToolInCharge(const char* const* envp) {
  if (&__asan_init != nullptr || &__tsan_init != nullptr || &__msan_init != nullptr) {
    return "a sanitizer is in charge of the heap";
  }
  for (; envp != nullptr && *envp != nullptr; ++envp) {
    if (strncmp(*envp, "LD_PRELOAD=", 11) != 0) continue;
    for (const char* tool : kHeapTools) {
      if (strstr(*envp, tool) != nullptr) return "valgrind is in charge of the heap";
    }
  }
  return nullptr;
}

void* LibcFunction(const char* name) { return dlsym(RTLD_NEXT, name); }

bool BindLibc(Dispatch* table, DispatchNames* names) {
  if (!Find("malloc", &libc.malloc) || !Find("free", &libc.free) || !Find("calloc", &libc.calloc) ||
      !Find("realloc", &libc.realloc) || !Find("memalign", &libc.memalign) ||
      !Find("malloc_usable_size", &libc.usable_size)) {
    return false;
  }
  table->malloc = libc.malloc;
  table->free = &LibcFree;
  table->free_sized = &LibcFreeSized;
  table->calloc = libc.calloc;
  table->realloc = &LibcRealloc;
  table->memalign = libc.memalign;
  table->usable_size = &LibcUsableSize;
  table->op_new = &LibcOpNew;
  names->malloc = names->free = names->free_sized = names->calloc = names->realloc =
      names->memalign = names->usable_size = names->op_new = "libc";
  return true;
}

}  // namespace hz4
