// SPDX-License-Identifier: Apache-2.0
//
// Size classes: 16 B steps to 256 B, then 8 geometric classes per doubling, to 256 KiB. Internal
// waste is therefore below 12.5% above 128 B. Class 0 means "no class". Everything is derived from
// kStepsLog2, kMinAlign and kMaxClassSize at compile time.
//
//   class   1 .. 40    16 B .. 2 KiB      small
//   class  41 .. 80    .. 64 KiB          mid
//   class  81 .. 96    .. 256 KiB         big (served like the others; larger: whole spans)
#ifndef HZ4_SIZE_CLASS_H_
#define HZ4_SIZE_CLASS_H_

#include <cstddef>
#include <cstdint>

#include "hz4/base/bits.h"
#include "hz4/base/platform.h"

namespace hz4 {

// A page of hz4, the unit of spans. Each costs 9 bytes of page map; a large block wastes less than
// one, which is at most an eighth of it.
inline constexpr unsigned kPageShift = 15;
inline constexpr size_t kPageSize = size_t{1} << kPageShift;

inline constexpr unsigned kStepsLog2 = 3;  // 8 classes per doubling
inline constexpr size_t kMaxSmallSize = 2048;
inline constexpr size_t kMaxMidSize = 65536;
inline constexpr size_t kMaxClassSize = 262144;
static_assert(kPageSize <= kMaxClassSize / 8);

// The reference: size in 1..kMaxClassSize -> class in 1..kNumClasses.
constexpr unsigned ComputeClass(size_t size) {
  const size_t s = size - 1;
  const unsigned e = s < 128 ? 7 : FloorLog2(s);
  return (e - 7) * 8 + static_cast<unsigned>(s >> (e - 3)) + 1;
}
// The inverse: the largest size a class serves.
constexpr size_t ComputeClassSize(unsigned cls) {
  const unsigned i = cls - 1;
  if (i < 8) return (i + 1) * kMinAlign;
  return size_t{(i - 8) % 8 + 9} << ((i - 8) / 8 + 4);
}

inline constexpr unsigned kLastSmallClass = ComputeClass(kMaxSmallSize);
inline constexpr unsigned kLastMidClass = ComputeClass(kMaxMidSize);
inline constexpr unsigned kNumClasses = ComputeClass(kMaxClassSize);
inline constexpr unsigned kClassSlots = kNumClasses + 1;  // arrays indexed by class

// What the page map says of a page beside 1..kNumClasses.
inline constexpr unsigned kNoClass = 0;       // not in use, or not ours
inline constexpr unsigned kSideClass = 254;   // side arena
inline constexpr unsigned kLargeClass = 255;  // a span of its own

enum class ClassKind : uint8_t { kSmall, kMid, kBig, kCount };
constexpr ClassKind KindOf(unsigned cls) {
  return cls <= kLastSmallClass ? ClassKind::kSmall
         : cls <= kLastMidClass ? ClassKind::kMid
                                : ClassKind::kBig;
}

// Pages of a span of this class: the smallest number, from a target of 8 objects within 64..512 KiB
// up, that leaves less than 1/8 of the span unused.
constexpr unsigned ComputeSpanPages(size_t size) {
  size_t target = size * 8;
  if (target < 65536) target = 65536;
  if (target > 524288) target = 524288;
  unsigned pages = static_cast<unsigned>(CeilDiv(target, kPageSize));
  while ((pages * kPageSize) % size * 8 >= pages * kPageSize) ++pages;
  return pages;
}

struct ClassInfo {
  uint32_t size;     // bytes of an object
  uint32_t objects;  // in one span
  uint32_t span_pages;
  uint64_t inverse;  // ceil(2^40 / size): offset / size == offset * inverse >> 40 (offset < 2^20)
};

struct ClassTable {
  ClassInfo info[kClassSlots];
};

constexpr ClassTable MakeClassTable() {
  ClassTable t{};
  for (unsigned c = 1; c <= kNumClasses; ++c) {
    const size_t size = ComputeClassSize(c);
    const unsigned pages = ComputeSpanPages(size);
    t.info[c].size = static_cast<uint32_t>(size);
    t.info[c].span_pages = pages;
    t.info[c].objects = static_cast<uint32_t>(pages * kPageSize / size);
    t.info[c].inverse = CeilDiv(uint64_t{1} << 40, size);
  }
  return t;
}

inline constexpr ClassTable kClassTable = MakeClassTable();
constexpr const ClassInfo& Class(unsigned cls) { return kClassTable.info[cls]; }

// The fast lookup: a table of 16 B steps to 32 KiB, and behind a branch one of 1 KiB steps, where
// classes are 4 KiB apart or more. The limit is where few programs have sizes on both sides.
inline constexpr size_t kFineLimit = 32768;
inline constexpr size_t kFineStep = 16;
inline constexpr size_t kCoarseStep = 1024;

struct ClassLookup {
  uint8_t fine[kFineLimit / kFineStep + 1];
  uint8_t coarse[kMaxClassSize / kCoarseStep + 1];
};
constexpr ClassLookup MakeClassLookup() {
  ClassLookup t{};
  t.fine[0] = static_cast<uint8_t>(ComputeClass(1));
  for (size_t size = kFineStep; size <= kFineLimit; size += kFineStep) {
    t.fine[size / kFineStep] = static_cast<uint8_t>(ComputeClass(size));
  }
  for (size_t size = kFineLimit; size <= kMaxClassSize; size += kCoarseStep) {
    t.coarse[size / kCoarseStep] = static_cast<uint8_t>(ComputeClass(size));
  }
  return t;
}
HZ4_HIDDEN extern const ClassLookup kClassLookup;

// size <= kFineLimit; 0 counts as 1.
HZ4_ALWAYS_INLINE unsigned FineClass(size_t size) {
  return kClassLookup.fine[CeilDiv(size, kFineStep)];
}
// kFineLimit < size <= kMaxClassSize.
HZ4_ALWAYS_INLINE unsigned CoarseClass(size_t size) {
  return kClassLookup.coarse[CeilDiv(size, kCoarseStep)];
}
// size <= kMaxClassSize. Equals ComputeClass(size); 0 counts as 1.
HZ4_ALWAYS_INLINE unsigned SizeToClass(size_t size) {
  return HZ4_LIKELY(size <= kFineLimit) ? FineClass(size) : CoarseClass(size);
}

// The class for `size` bytes aligned to `align` (a power of two <= kPageSize): the smallest class
// that is large enough and a multiple of `align`; kNoClass when none is.
unsigned AlignedClass(size_t size, size_t align);

}  // namespace hz4

#endif  // HZ4_SIZE_CLASS_H_
