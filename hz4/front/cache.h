// SPDX-License-Identifier: Apache-2.0
//
// FrontCache: pointers to free objects, per CPU or per thread; one array per size class, so a
// cached object is never touched. Both fronts use this shape and differ in how they find theirs and
// in how a change is committed.
//
//   slots of one class:  | null | p p p p p . . . . | . . . . . . . . |
//                               ^begin    ^top      ^limit            ^end = begin + MaxSlots
//   pop:  p = top[-1]; null: empty;  top -= 1       push: top >= limit: full;  *top = p; top += 1
//
// The hit path reads headers only: a class that must not be cached has limit == begin, and the
// cache that always misses has both at once, so no policy is asked there. A header says where in
// the cache a class's top and limit are, in bytes from the cache's start: half the size of
// pointers, so that the headers of all classes take half the lines.
//
// Invariants (Check): begin <= top <= end, begin <= limit <= end, begin[-1] == null, no null in
// [begin, top);  bytes == sum over classes of (limit - begin) * size <= budget.
// top may stand above limit for a while after the limit was lowered.
#ifndef HZ4_FRONT_CACHE_H_
#define HZ4_FRONT_CACHE_H_

#include <cstddef>

#include "hz4/base/lock.h"
#include "hz4/base/platform.h"
#include "hz4/capacity.h"
#include "hz4/size_class.h"

namespace hz4 {

struct SlotLayout {
  uint32_t begin[kClassSlots];  // index of a class's first slot; the slot before it is the null
  uint32_t total;
};
// Slots between the last of a class and the first of the next. Many classes have the same power of
// two of slots, and are filled alike: without a gap their tops compete for the same few sets of L1.
// With it the tops of such neighbours are two cache lines apart.
inline constexpr uint32_t kSlotGap = 16;
constexpr SlotLayout MakeSlotLayout() {
  SlotLayout l{};
  uint32_t at = 0;
  for (unsigned c = 1; c <= kNumClasses; ++c) {
    l.begin[c] = at += kSlotGap;
    at += MaxSlots(c);
  }
  l.total = at;
  return l;
}
inline constexpr SlotLayout kSlotLayout = MakeSlotLayout();

enum class PushResult { kDone, kFull, kTwice };

class FrontCache {
 public:
  // Offsets in bytes from the start of the cache. limit is written under lock_ and read by the hit
  // path: whole accesses either way.
  struct alignas(8) Ends {
    uint32_t top;
    uint32_t limit;
  };
  struct Headers {
    // What an always empty class has below its top. In front of the ends: at a constant of zero a
    // top is not forwarded as fast (EndsOf), calloc of 16 bytes takes 8 ns instead of 3.
    void* null;
    // By page map class, so that free needs no test: kNoClass, kSideClass, kLargeClass are always
    // full.
    Ends ends[256];
  };

  // A cache with no capacity yet. nullptr: no memory. Never given back, only used again.
  static FrontCache* New();
  // The caches that always miss: where there is no cache, and where its thread is at work on it.
  static FrontCache* Miss();
  static FrontCache* Busy();
  bool IsMiss() const { return this == Miss() || this == Busy(); }

  Headers headers;

  // The slot at an offset from the start of the cache.
  HZ4_ALWAYS_INLINE void** At(size_t offset) {
    return reinterpret_cast<void**>(reinterpret_cast<char*>(this) + offset);
  }
  // A class's ends, at a register and a constant. For that Intel's processors (from Golden Cove on)
  // have what was stored a moment ago without waiting; with an index beside them a malloc and free
  // of one class takes 7 ns instead of 3.
  HZ4_ALWAYS_INLINE Ends* EndsOf(size_t cls) {
    char* row = reinterpret_cast<char*>(&headers) + cls * sizeof(Ends);
    __asm__("" : "+r"(row));  // else the compiler makes one operand of it again
    return reinterpret_cast<Ends*>(row + offsetof(Headers, ends));
  }
  // Not of those that always miss.
  static constexpr uint32_t BeginOffset(unsigned cls) {
    return static_cast<uint32_t>(sizeof(FrontCache) + kSlotLayout.begin[cls] * sizeof(void*));
  }
  void** Begin(unsigned cls) { return At(BeginOffset(cls)); }
  uint32_t Count(unsigned cls) { return Slots(cls, headers.ends[cls].top); }
  uint32_t Room(unsigned cls) { return Slots(cls, headers.ends[cls].limit); }

  // Raises the class's capacity after a miss or an overflow: by a first batch, then by half. When
  // the budget is used up, a class that saw neither lately gives its own. It is returned, for the
  // caller to move what it holds above its limit to the middle; kNoClass: none.
  unsigned Grow(unsigned cls);

  // Forgets everything (a child of fork, where the contents cannot be trusted).
  void Forget();
  uint64_t CachedBytes();
  const char* Check();

  // The state of Miss().
  constexpr FrontCache();

 private:
  // From the class's first slot to `end`, which another thread may be changing.
  static uint32_t Slots(unsigned cls, const uint32_t& end) {
    return (__atomic_load_n(&end, __ATOMIC_RELAXED) - BeginOffset(cls)) / sizeof(void*);
  }
  void SetLimit(unsigned cls, uint32_t slots) HZ4_REQUIRES(lock_);
  // Takes capacity worth up to `bytes` from one class without recent misses and returns that class.
  unsigned Reclaim(unsigned for_cls, uint64_t bytes) HZ4_REQUIRES(lock_);

  Lock lock_;
  uint64_t bytes_ HZ4_GUARDED_BY(lock_) = 0;  // capacity granted, in bytes of objects
  uint8_t hand_ HZ4_GUARDED_BY(lock_) = 0;    // the class that was asked for capacity last
  uint8_t misses_[kClassSlots] = {};          // since the hand passed; approximate
};

// The cache that always misses, and how far from there the caches of the CPUs are: in one object,
// so that a sequence of PerCpuFront that has the one's address has the other's.
struct CacheDirectory {
  // Linux on x86 numbers CPUs below 8192 (NR_CPUS in arch/x86/Kconfig); rseq says -1 or -2 where
  // there is no number.
  static constexpr uint32_t kMaxCpus = 8192;
  static constexpr uint32_t kNoNumber = 2;
  // From the object's start to where index 0 has its distance. Bytes.
  static constexpr size_t kDistances = sizeof(FrontCache) + kNoNumber * sizeof(ptrdiff_t);

  FrontCache miss;
  // Bytes from `miss` to the cache of CPU index i, at [kNoNumber + i]; 0: there is none, or it is
  // stopped, and `miss` serves. Release in percpu.cc's Serve; read inside the sequences by a
  // plain load (x86: acquire).
  ptrdiff_t distance[kNoNumber + kMaxCpus];

  ptrdiff_t DistanceTo(const FrontCache* cache) const {
    return reinterpret_cast<const char*>(cache) - reinterpret_cast<const char*>(&miss);
  }
};
HZ4_HIDDEN extern CacheDirectory cache_directory;
HZ4_HIDDEN extern FrontCache busy_cache;
inline FrontCache* FrontCache::Miss() { return &cache_directory.miss; }
inline FrontCache* FrontCache::Busy() { return &busy_cache; }

}  // namespace hz4

#endif  // HZ4_FRONT_CACHE_H_
