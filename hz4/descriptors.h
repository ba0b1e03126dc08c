// SPDX-License-Identifier: Apache-2.0
//
// Memory for what describes spans: descriptors and bitmaps, about 1% of the heap, reused by size;
// those of a large heap in huge pages. Addresses are never given back: a stale pointer to a
// descriptor sees one that is in use, kUnused or all zero, which is the same. Guarded by the page
// heap's lock.
#ifndef HZ4_DESCRIPTORS_H_
#define HZ4_DESCRIPTORS_H_

#include "hz4/span.h"

namespace hz4 {
namespace descriptors {

// A zeroed descriptor with state kUnused; nullptr: out of memory.
Span* NewSpan();
void DeleteSpan(Span* span);

// `words` zeroed 64-bit words, 1..kMaxBitWords.
inline constexpr uint32_t kMaxBitWords = 128;
uint64_t* NewBits(uint32_t words);
void DeleteBits(uint64_t* bits, uint32_t words);

// Gives the memory back that holds nothing in use; bytes.
size_t ReleaseUnused();

// Bytes taken from the kernel and not given back.
size_t MappedBytes();

// Where to turn when the kernel has no more: a zeroed page of kPageSize bytes, or nullptr. The page
// heap gives one of its own, for a limit on memory must not keep free pages from being used.
void* PageFromHeap();

}  // namespace descriptors
}  // namespace hz4

#endif  // HZ4_DESCRIPTORS_H_
