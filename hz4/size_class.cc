// SPDX-License-Identifier: Apache-2.0
#include "hz4/size_class.h"

namespace hz4 {

constexpr ClassLookup kLookupTable = MakeClassLookup();
const ClassLookup kClassLookup = kLookupTable;

static_assert(kLastSmallClass == 40 && kLastMidClass == 80 && kNumClasses == 96);
static_assert(Class(1).size == 16 && Class(kLastSmallClass).size == kMaxSmallSize);
static_assert(Class(kLastMidClass).size == kMaxMidSize);
static_assert(Class(kNumClasses).size == kMaxClassSize);
static_assert(kNumClasses < kSideClass);

unsigned AlignedClass(size_t size, size_t align) {
  if (size > kMaxClassSize || align > kPageSize) return kNoClass;
  for (unsigned c = ComputeClass(size == 0 ? 1 : size); c <= kNumClasses; ++c) {
    if (Class(c).size % align == 0) return c;
  }
  return kNoClass;
}

}  // namespace hz4
