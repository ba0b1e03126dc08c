// SPDX-License-Identifier: Apache-2.0
//
// The environment the process was started with, also when the loader calls malloc before libc knows
// it: on Linux argc, argv, envp and the auxiliary vector stand above the initial stack pointer,
// which the loader keeps in __libc_stack_end. No /proc, no system call, no allocation.
#ifndef HZ4_ENVIRONMENT_H_
#define HZ4_ENVIRONMENT_H_

#include <cstdint>

namespace hz4 {

struct Environment {
  // "NAME=VALUE" strings, null behind the last; nullptr when there is none to be trusted: it was
  // not found, or the process is secure.
  const char* const* envp;
  // AT_SECURE: the process has more rights than who started it.
  bool secure;
};

Environment FindEnvironment();

// Reads what stands at the initial stack pointer: argc, argv, null, envp, null, auxiliary vector.
// False when that is not what stands there; *environment is then unchanged.
bool ReadInitialStack(const uintptr_t* stack, Environment* environment);

}  // namespace hz4

#endif  // HZ4_ENVIRONMENT_H_
