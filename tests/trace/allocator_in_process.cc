// SPDX-License-Identifier: Apache-2.0

#include "hz4/check.h"
#include "hz4/hz4.h"
#include "hz4/internal_api.h"
#include "tests/trace/allocator.h"

namespace hz4 {
namespace test {

const TracedAllocator kTraced = {
    hz4_malloc,  hz4_calloc,
    hz4_realloc, hz4_memalign,
    hz4_free,    [](const void* p) { return hz4_malloc_usable_size(const_cast<void*>(p)); },
    CheckAll,    [] { hz4_release_memory(); },
};

}  // namespace test
}  // namespace hz4
