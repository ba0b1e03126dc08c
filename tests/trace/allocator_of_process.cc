// SPDX-License-Identifier: Apache-2.0

#include <malloc.h>
#include <stdlib.h>

#include "tests/trace/allocator.h"

namespace hz4 {
namespace test {

const TracedAllocator kTraced = {
    malloc,
    calloc,
    realloc,
    memalign,
    free,
    [](const void* p) { return malloc_usable_size(const_cast<void*>(p)); },
    []() -> const char* { return nullptr; },
    [] { malloc_trim(0); },
};

}  // namespace test
}  // namespace hz4
