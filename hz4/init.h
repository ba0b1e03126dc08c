// SPDX-License-Identifier: Apache-2.0
//
// From nothing to a sealed table. The doors start as functions that initialise and then go on
// through the resolved table, so the hit path never asks whether hz4 is initialised.
#ifndef HZ4_INIT_H_
#define HZ4_INIT_H_

namespace hz4 {

// Initialises unless that is done. False: the caller is the initialising thread itself, which is
// served from the bootstrap buffer until it is done.
bool EnsureInitialized();
// True: every call goes to libc's malloc (HZ4_DISABLE).
bool SteppedAside();

}  // namespace hz4

#endif  // HZ4_INIT_H_
