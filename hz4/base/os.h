// SPDX-License-Identifier: Apache-2.0
//
// The only place that asks the kernel for memory. Raw system calls: no errno is touched, nothing
// is interposed. Lengths and addresses are multiples of kOsPage. Each call can be made to fail for
// tests (FailNth). Nothing here takes a lock; everything may be called by several threads.
#ifndef HZ4_BASE_OS_H_
#define HZ4_BASE_OS_H_

#include "hz4/base/platform.h"

namespace hz4 {
namespace os {

// Address space only: PROT_NONE, not accounted by the kernel. `align` is a power of two >= kOsPage.
// nullptr when refused.
void* Reserve(size_t bytes, size_t align);
// Readable zero pages, not accounted; Open makes parts of it writable.
void* ReserveReadable(size_t bytes, size_t align);
// Makes [p, p+bytes) of a reservation readable and writable. False: refused, nothing changed.
bool Open(void* p, size_t bytes);
// Fresh zeroed readable and writable memory. nullptr when refused.
void* Map(size_t bytes, size_t align);
// False: refused (the range is as before and must be kept).
bool Unmap(void* p, size_t bytes);
// Gives the pages back to the kernel; they read as zero afterwards. False: the contents stay as
// they are (locked memory, ...).
bool Decommit(void* p, size_t bytes);
// Which pages of [p, p+bytes) are in memory: bit 0 of in_memory[page]. Of the others some may hold
// something elsewhere (swap). False: the kernel does not say.
bool InMemory(const void* p, size_t bytes, uint8_t* in_memory);
// Asks the kernel to back the pages with transparent huge pages where they are touched, or not to.
// False: it does not know them, or has no room for one mapping more; nothing changed.
bool AdviseHuge(void* p, size_t bytes, bool huge);
// Moves what is in memory into huge pages now, whatever part of them that is (MADV_COLLAPSE, Linux
// 6.1; it does not heed that the administrator wants none [madvise(2)]). False: it stays as it is,
// also where other threads are about a page of it all the time.
bool Collapse(void* p, size_t bytes);
// Write-protects; false: refused.
bool Protect(void* p, size_t bytes);

// Number of CPUs that can ever run this process (an upper bound for cpu numbers + 1 is not
// promised: callers compare). At least 1.
unsigned CpuCount();

// Whether the administrator wants no transparent huge pages. False where /sys does not say.
bool HugePagesAreOff();

// RLIMIT_AS in bytes; SIZE_MAX: none.
size_t AddressSpaceLimit();
// Resident set of the process in bytes, as /proc says; 0 when it does not say.
size_t ResidentBytes();

// Test support: the n-th next call of the functions above fails (1 = the very next), and with
// `sticky` all later ones too. 0 switches it off.
void FailNth(uint64_t n, bool sticky);
// How many calls there were since the start of the process.
uint64_t Calls();

}  // namespace os
}  // namespace hz4

#endif  // HZ4_BASE_OS_H_
