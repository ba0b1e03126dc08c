// SPDX-License-Identifier: Apache-2.0
//
// Raw system calls: the result is the value or -errno; the variable errno is never touched, and no
// interposed libc function runs.
#ifndef HZ4_BASE_SYSCALL_H_
#define HZ4_BASE_SYSCALL_H_

#include "hz4/base/platform.h"

namespace hz4 {

inline long Syscall(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                    long f = 0) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
template <typename T>
inline long SyscallArg(T* p) {
  return static_cast<long>(reinterpret_cast<uintptr_t>(p));
}
inline bool SyscallFailed(long result) { return result < 0 && result >= -4095; }

}  // namespace hz4

#endif  // HZ4_BASE_SYSCALL_H_
