// SPDX-License-Identifier: Apache-2.0
//
// The middle of the array route: per size class arrays of pointers to free objects, and behind them
// the spans of the class. There is one array for each part of the CPUs (CPU number modulo a power
// of two, at most 8): what a CPU freed is likely in its cache still, and CPUs seldom wait for each
// other. Batches move between a front cache and an array with one copy under one short lock; no
// span is looked at on the way. Only cold passes look at spans:
//
//   Fetch:      own array -> caller; when it is empty, objects of the own partial spans; then a
//               new span of free pages that are in memory, while at most a quarter of the class's
//               objects are free elsewhere (of objects that share cache lines one of any pages,
//               while at most half and 8 MiB of them are); another's array, another's partial
//               spans; a new span. An object that changes CPUs costs a cache miss, and one that
//               shares a cache line with another CPU's costs one at every use
//   Return:     caller -> own array; when it is full, half of it goes back to spans first; where it
//               could never grow, another's with room
//   give-back:  the oldest pointers of an array become bits of their spans; a span whose objects
//               are all back is freed; a pointer whose bit is set already was freed twice. A
//               partial span serves first the part that gave its first object back.
//
// What stays in an array for long is surplus: the least an array held during a period (about 100
// ms) was not needed in it, and half of that is given back.
//
// Bounds: all arrays together <= mapped heap / 64 + 1 MiB; one hold of an array's lock gives back
// <= 64 Ki pointers, one of a class's, which other CPUs wait for, <= 1024. Return never needs new
// memory: when the array cannot grow, it gives back.
//
// Locks: an array's, then the class's (its spans). Invariant (Check), per class:
// objects carved - free in spans = in the arrays + in caches + live.
#ifndef HZ4_CENTRAL_H_
#define HZ4_CENTRAL_H_

#include "hz4/base/platform.h"
#include "hz4/size_class.h"
#include "hz4/stats/blocks.h"

namespace hz4 {
namespace central {

// Reserves address space for the arrays; call once. False: there is none, arrays stay small.
bool Init();

// Moves objects between its caller's array and wherever it knows, the first of the n at `at`; how
// many. Called under the array's lock.
using Mover = uint32_t (*)(void* context, unsigned cls, void** at, uint32_t n);
// Up to n objects of `cls` from the own array; how many. 0: it is empty, or a fork is pending.
uint32_t Withdraw(unsigned cls, uint32_t n, Mover move, void* context);

// Stats: Counting or NotCounting.
//
// Up to n objects of `cls` into an array; how many. 0: no room for n, or a fork is pending.
template <class Stats>
uint32_t Deposit(unsigned cls, uint32_t n, Mover move, void* context);
// Takes up to n objects of `cls`; returns how many, 0 when out of memory or a fork is pending.
template <class Stats>
uint32_t Fetch(unsigned cls, void** out, uint32_t n);
// Gives n objects of `cls` to the middle. Always succeeds (defers while a fork is pending).
template <class Stats>
void Return(unsigned cls, void* const* in, uint32_t n);

// Gives all arrays back to their spans, and empty spans to the page heap. Bytes of objects given
// back.
template <class Stats>
size_t GiveBackAll();

struct Totals {
  uint64_t handed_out_bytes;  // carved, not free in their span: live, in arrays or in caches
  uint64_t array_bytes;       // objects in the arrays
  uint64_t span_free_bytes;   // free in spans: carved and back
  uint64_t uncarved_bytes;    // never handed out yet
  uint64_t span_bytes;        // pages of all spans of the classes
  uint64_t array_memory;      // opened for the arrays themselves
};
// A sum over the classes, each consistent in itself.
Totals GetTotals();

// nullptr, or what does not hold.
const char* Check();

}  // namespace central
}  // namespace hz4

#endif  // HZ4_CENTRAL_H_
