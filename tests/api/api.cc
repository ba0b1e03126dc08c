// SPDX-License-Identifier: Apache-2.0

#include "tests/api/api.h"

#include <dlfcn.h>
#include <string.h>

#include <set>

// Present in a program that is linked with hz4, whether it exports them or not.
extern "C" {
__attribute__((weak)) void cfree(void*);
__attribute__((weak)) void free_sized(void*, size_t);
__attribute__((weak)) void free_aligned_sized(void*, size_t, size_t);
__attribute__((weak)) const char* hz4_version();
__attribute__((weak)) size_t hz4_stats_text(char*, size_t);
__attribute__((weak)) size_t hz4_stats_json(char*, size_t);
__attribute__((weak)) size_t hz4_config_text(char*, size_t);
__attribute__((weak)) size_t hz4_config_json(char*, size_t);
__attribute__((weak)) uint64_t hz4_fingerprint();
__attribute__((weak)) size_t hz4_release_memory();
__attribute__((weak)) void* __libc_malloc(size_t);
__attribute__((weak)) void* __libc_calloc(size_t, size_t);
__attribute__((weak)) void* __libc_realloc(void*, size_t);
__attribute__((weak)) void __libc_free(void*);
__attribute__((weak)) void* __libc_memalign(size_t, size_t);
__attribute__((weak)) void* __libc_valloc(size_t);
__attribute__((weak)) void* __libc_pvalloc(size_t);
__attribute__((weak)) int __posix_memalign(void**, size_t, size_t);
}

namespace hz4 {
namespace test {
namespace {

struct LinkedEntry {
  const char* name;
  void* address;
};

#define HZ4_LINKED(name) \
  { #name, reinterpret_cast < void*>(&name) }
const LinkedEntry kLinkedEntries[] = {
    HZ4_LINKED(cfree),           HZ4_LINKED(free_sized),       HZ4_LINKED(free_aligned_sized),
    HZ4_LINKED(hz4_version),     HZ4_LINKED(hz4_stats_text),   HZ4_LINKED(hz4_stats_json),
    HZ4_LINKED(hz4_config_text), HZ4_LINKED(hz4_config_json),  HZ4_LINKED(hz4_fingerprint),
    HZ4_LINKED(__libc_malloc),   HZ4_LINKED(__libc_calloc),    HZ4_LINKED(__libc_realloc),
    HZ4_LINKED(__libc_free),     HZ4_LINKED(__libc_memalign),  HZ4_LINKED(__libc_valloc),
    HZ4_LINKED(__libc_pvalloc),  HZ4_LINKED(__posix_memalign), HZ4_LINKED(hz4_release_memory),
};
#undef HZ4_LINKED

uint8_t PatternByte(const void* p, uint64_t salt) {
  const uint64_t mixed = (reinterpret_cast<uintptr_t>(p) + salt) * 0x9e3779b97f4a7c15u;
  return static_cast<uint8_t>(mixed >> 56);
}

}  // namespace

bool RunsOnHz4() { return FindEntry("hz4_version") != nullptr; }

void* FindEntry(const char* name) {
  for (const LinkedEntry& entry : kLinkedEntries) {
    if (strcmp(entry.name, name) == 0 && entry.address != nullptr) return entry.address;
  }
  return dlsym(RTLD_DEFAULT, name);
}

void Fill(void* p, size_t size, uint64_t salt) {
  uint8_t* bytes = static_cast<uint8_t*>(p);
  for (size_t i = 0; i < size; ++i) bytes[i] = PatternByte(bytes + i, salt);
}

bool Filled(const void* p, size_t size, uint64_t salt) {
  const uint8_t* bytes = static_cast<const uint8_t*>(p);
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != PatternByte(bytes + i, salt)) return false;
  }
  return true;
}

bool IsZero(const void* p, size_t size) {
  const uint8_t* bytes = static_cast<const uint8_t*>(p);
  return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

std::vector<size_t> InterestingSizes(size_t limit) {
  std::set<size_t> sizes;
  for (size_t size = 0; size <= 260; ++size) sizes.insert(size);
  for (size_t power = 256; power <= limit; power *= 2) {
    for (size_t step = 8; step < 16; ++step) {
      const size_t boundary = power / 8 * step;
      for (size_t size : {boundary - 1, boundary, boundary + 1}) {
        if (size <= limit) sizes.insert(size);
      }
    }
  }
  return {sizes.begin(), sizes.end()};
}

}  // namespace test
}  // namespace hz4
