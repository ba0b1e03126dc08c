// SPDX-License-Identifier: Apache-2.0
//
// The side way: memory for those who must not wait. Lock-free; used only by a signal handler that
// interrupted hz4 in its own thread, and by everybody's slow paths while a fork is pending.
//
// A chunk's state is one 64-bit word {live objects, offset of the next byte}, so every step is one
// compare-and-swap, and a chunk whose last object is freed starts again at offset 0.
#ifndef HZ4_SIDE_ARENA_H_
#define HZ4_SIDE_ARENA_H_

#include <cstddef>
#include <cstdint>

namespace hz4 {
namespace side {

// [start, start + bytes): reserved address space, multiples of kPageSize, for 64 chunks. Not more
// than a 64th of it can be had in one piece, more only where the radix map is in use. Call once.
void Init(uintptr_t start, size_t bytes);

// align: a power of two. nullptr: no room. The memory is not zeroed when `zero` is false.
void* Allocate(size_t size, size_t align, bool zero);
// p came from Allocate (page map class kSideClass).
void Free(void* p);
size_t UsableSize(const void* p);

// Postpones the free of any object but a side object: it is freed by the next slow path that may.
// The object's first word is used.
void DeferFree(void* p);
// Frees what was postponed, through the table. Call it first thing in a slow path, outside of the
// SlowScope; does nothing for a caller that is inside one, or while a fork is pending.
void DrainDeferred();
bool HasDeferred();

}  // namespace side
}  // namespace hz4

#endif  // HZ4_SIDE_ARENA_H_
