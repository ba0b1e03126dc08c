// SPDX-License-Identifier: Apache-2.0
#include "hz4/environment.h"

#include <elf.h>
#include <sys/auxv.h>

extern "C" {
// Weak: a libc without them is no reason not to start.
extern void* __libc_stack_end __attribute__((weak));
extern char** environ __attribute__((weak));
}

namespace hz4 {

namespace {

// More arguments than the kernel passes on: what stands there is no argc.
constexpr uintptr_t kMaxArguments = uintptr_t{1} << 31;

// The variable may have been moved by setenv by now; its strings are still the process's.
Environment FromLibc() {
  bool secure = getauxval(AT_SECURE) != 0;
  bool known = &environ != nullptr && !secure;
  return {known ? const_cast<const char* const*>(environ) : nullptr, secure};
}

}  // namespace

bool ReadInitialStack(const uintptr_t* stack, Environment* environment) {
  uintptr_t argc = stack[0];
  if (argc == 0 || argc > kMaxArguments) return false;
  const uintptr_t* argv = stack + 1;
  for (uintptr_t i = 0; i < argc; ++i) {
    if (argv[i] == 0) return false;
  }
  if (argv[argc] != 0) return false;

  const uintptr_t* envp = argv + argc + 1;
  const uintptr_t* end = envp;
  while (*end != 0) ++end;

  bool secure = false;
  for (const uintptr_t* entry = end + 1; entry[0] != AT_NULL; entry += 2) {
    if (entry[0] == AT_SECURE) secure = entry[1] != 0;
  }
  environment->envp = secure ? nullptr : reinterpret_cast<const char* const*>(envp);
  environment->secure = secure;
  return true;
}

Environment FindEnvironment() {
  // In a static program __libc_stack_end lies below argc, where the shape is not to be found; libc
  // has environ before it calls malloc there.
  Environment environment;
  if (&__libc_stack_end != nullptr && __libc_stack_end != nullptr &&
      ReadInitialStack(static_cast<const uintptr_t*>(__libc_stack_end), &environment)) {
    // The loader takes dangerous variables out of a secure program's environment by moving the rest
    // up, which leaves a null more in front of the auxiliary vector; its own copy is to be
    // believed.
    if (getauxval(AT_SECURE) != 0) environment = {nullptr, true};
    return environment;
  }
  return FromLibc();
}

}  // namespace hz4
