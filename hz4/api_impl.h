// SPDX-License-Identifier: Apache-2.0
//
// glibc's malloc interface beyond allocation, answered from hz4's own books.
#ifndef HZ4_API_IMPL_H_
#define HZ4_API_IMPL_H_

#include <malloc.h>
#include <stdio.h>

namespace hz4 {
namespace api {

// 1: memory was given back to the kernel.
int Trim();
// 1 for every parameter of glibc, which then has no effect here; 0 for others.
int Mallopt(int param, int value);
// uordblks: bytes handed out, the caller's last call included. Values beyond int are clamped.
struct mallinfo Mallinfo();
struct mallinfo2 Mallinfo2();
// Well-formed XML; options must be 0. Returns 0, or EINVAL, or -1 with errno.
int MallocInfo(int options, FILE* file);
// The statistics as text, to stderr.
void MallocStats();

}  // namespace api
}  // namespace hz4

#endif  // HZ4_API_IMPL_H_
