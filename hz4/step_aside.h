// SPDX-License-Identifier: Apache-2.0
//
// Handing every call to libc's own malloc (HZ4_DISABLE): when the user says so, and by itself under
// tools that want to see the program's heap.
#ifndef HZ4_STEP_ASIDE_H_
#define HZ4_STEP_ASIDE_H_

#include "hz4/dispatch.h"

namespace hz4 {

// Why hz4 should step aside by itself; nullptr: it should not.
const char* ToolInCharge(const char* const* envp);

// Fills the doors with libc's functions, found behind us in the loader's order. False: there is no
// libc behind us (a static binary).
bool BindLibc(Dispatch* table, DispatchNames* names);

// libc's function of that name; nullptr: none.
void* LibcFunction(const char* name);

}  // namespace hz4

#endif  // HZ4_STEP_ASIDE_H_
