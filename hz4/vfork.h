// SPDX-License-Identifier: Apache-2.0
//
// vfork returns twice in one stack frame, so neither function may have a frame of its own: both are
// written in assembly.
#ifndef HZ4_VFORK_H_
#define HZ4_VFORK_H_

extern "C" {

// The system call. The child runs on the parent's memory and stack, and is not registered for rseq:
// it must not allocate before exec.
int NativeVfork();

}  // extern "C"

#endif  // HZ4_VFORK_H_
