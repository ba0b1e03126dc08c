// SPDX-License-Identifier: Apache-2.0
//
// Compiled with exceptions: NewFailedNothrow catches what a handler throws. What the compiler needs
// for that is referred to weakly, so that programs without a C++ library load us all the same; an
// exception that could not be caught then passes through.
#include "hz4/new_handler.h"

#include <dlfcn.h>

#include "hz4/base/print.h"
#include "hz4/dispatch.h"

extern "C" {
// std::get_new_handler() and std::__throw_bad_alloc(), where the C++ library is linked.
void (*_ZSt15get_new_handlerv())() __attribute__((weak));
void _ZSt17__throw_bad_allocv() __attribute__((weak));
}

__asm__(".weak __gxx_personality_v0\n.weak __cxa_begin_catch\n.weak __cxa_end_catch\n");

namespace hz4 {
namespace {

using Handler = void (*)();
using GetHandler = Handler (*)();
using Throw = void (*)();

// Weak references stay null when the C++ library comes by dlopen: then ask the loader.
void* Lookup(const char* name) {
  if (void* f = dlsym(RTLD_DEFAULT, name)) return f;
  static const char* const kLibraries[] = {"libstdc++.so.6", "libc++.so.1"};
  for (const char* library : kLibraries) {
    void* handle = dlopen(library, RTLD_NOLOAD | RTLD_LAZY);
    if (handle == nullptr) continue;
    void* f = dlsym(handle, name);
    dlclose(handle);
    if (f != nullptr) return f;
  }
  return nullptr;
}

Handler CurrentHandler() {
  GetHandler get = &_ZSt15get_new_handlerv;
  if (get == nullptr) get = reinterpret_cast<GetHandler>(Lookup("_ZSt15get_new_handlerv"));
  return get != nullptr ? get() : nullptr;
}

void* Try(size_t size, size_t align) {
  return align == 0 ? Table().malloc(size) : Table().memalign(align, size);
}

}  // namespace

void* NewFailed(size_t size, size_t align) {
  for (;;) {
    const Handler handler = CurrentHandler();
    if (handler == nullptr) break;
    handler();
    if (void* p = Try(size, align)) return p;
  }
  Throw throw_bad_alloc = &_ZSt17__throw_bad_allocv;
  if (throw_bad_alloc == nullptr) {
    throw_bad_alloc = reinterpret_cast<Throw>(Lookup("_ZSt17__throw_bad_allocv"));
  }
  if (throw_bad_alloc != nullptr) throw_bad_alloc();
  Die("operator new: out of memory, and there is no C++ library to throw std::bad_alloc");
}

void* NewFailedNothrow(size_t size, size_t align) {
  const Handler handler = CurrentHandler();
  if (handler == nullptr) return nullptr;
  try {
    return NewFailed(size, align);
  } catch (...) {
    return nullptr;
  }
}

}  // namespace hz4
