// SPDX-License-Identifier: Apache-2.0
#include "hz4/vfork.h"

#include <cerrno>
#include <cstddef>

#include "hz4/dispatch.h"

extern "C" {

__attribute__((used, visibility("hidden"))) int Hz4VforkFailed(long result) {
  errno = static_cast<int>(-result);
  return -1;
}

// The return address is kept in a register, because the child's further calls overwrite the stack.
__attribute__((naked)) int NativeVfork() {
  __asm__(
      "popq %rdi\n"
      "movl $58, %eax\n"  // SYS_vfork
      "syscall\n"
      "pushq %rdi\n"
      "testq %rax, %rax\n"
      "js 1f\n"
      "ret\n"
      "1: movq %rax, %rdi\n"
      "jmp Hz4VforkFailed\n");
}

}  // extern "C"
