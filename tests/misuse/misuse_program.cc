// SPDX-License-Identifier: Apache-2.0
//
// Commits one misuse of the allocator, named by argv[1], and prints the pointer it misuses before
// that. Then it prints "survived" and calls malloc_trim, when misuse that nobody saw so far comes
// to light; ends with 0 when that went well, too. Without an argument lists the names.

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <new>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr size_t kSmall = 100;
constexpr size_t kMid = 10000;
constexpr size_t kBig = 150000;
constexpr size_t kLarge = 5 << 20;

// Hides a pointer from the compiler, and tells the test which one it is.
void* Tell(void* p) {
  printf("%p\n", p);
  fflush(stdout);
  __asm__ volatile("" : "+r"(p) : : "memory");
  return p;
}
char* Tell(char* p) { return static_cast<char*>(Tell(static_cast<void*>(p))); }

char* Block(size_t size) {
  char* p = static_cast<char*>(malloc(size));
  memset(p, 'b', size);
  return p;
}

void FreeInterior(size_t size) {
  char* p = Block(size);
  free(Tell(p + (size / 2 & ~size_t{15})));
}
void FreeUnaligned(size_t size) {
  char* p = Block(size);
  free(Tell(p + 1));
}
void DoubleFree(size_t size) {
  char* p = Tell(Block(size));
  free(p);
  free(p);
}
// Another block of the class lies on top of the one that is freed again.
void DoubleFreeBelowAnother(size_t size) {
  char* p = Tell(Block(size));
  char* q = Block(size);
  free(p);
  free(q);
  free(p);
}
void DoubleFreeFromAThread(size_t size) {
  char* p = Tell(Block(size));
  free(p);
  std::thread([p] { free(p); }).join();
}
// The first free is long past: its block has gone back to its span, or further.
void DoubleFreeAfterGiveBack(size_t size, bool neighbours_live) {
  std::vector<char*> blocks;
  for (size_t bytes = 0; bytes < (64 << 20); bytes += size) blocks.push_back(Block(size));
  char* p = Tell(blocks[blocks.size() / 2]);
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (neighbours_live && i % 2 == 1 && blocks[i] != p) continue;
    free(blocks[i]);
  }
  malloc_trim(0);
  free(p);
}
void ReallocFreed(size_t size) {
  char* p = Tell(Block(size));
  free(p);
  free(realloc(p, size * 3));
}
void UseFreed(size_t size) {
  char* p = Tell(Block(size));
  free(p);
  printf("%zu\n", malloc_usable_size(p));
}

struct Misuse {
  const char* name;
  void (*commit)();
};

long static_words[64];

const Misuse kMisuses[] = {
    {"free_stack",
     [] {
       alignas(16) char stack[64] = "";
       free(Tell(stack));
     }},
    {"free_static", [] { free(Tell(static_cast<void*>(static_words))); }},
    {"free_code", [] { free(Tell(reinterpret_cast<void*>(&Block))); }},
    {"free_low_address", [] { free(Tell(reinterpret_cast<void*>(0x10))); }},
    {"free_garbage", [] { free(Tell(reinterpret_cast<void*>(0x123456789ab0))); }},
    {"free_noncanonical", [] { free(Tell(reinterpret_cast<void*>(0xdeadbeefdeadbee0))); }},
    {"free_minus_one", [] { free(Tell(reinterpret_cast<void*>(-1))); }},
    {"free_interior_small", [] { FreeInterior(kSmall); }},
    {"free_interior_mid", [] { FreeInterior(kMid); }},
    {"free_interior_big", [] { FreeInterior(kBig); }},
    {"free_interior_large", [] { FreeInterior(kLarge); }},
    {"free_unaligned_small", [] { FreeUnaligned(kSmall); }},
    {"free_unaligned_mid", [] { FreeUnaligned(kMid); }},
    {"free_unaligned_large", [] { FreeUnaligned(kLarge); }},
    {"free_behind_large",
     [] { free(Tell(Block(kLarge) + malloc_usable_size(Block(kLarge)) - 16)); }},
    {"free_never_handed_out", [] { free(Tell(Block(kSmall) + (size_t{200} << 20))); }},
    {"delete_stack",
     [] {
       alignas(16) char stack[64] = "";
       ::operator delete(Tell(stack));
     }},
    {"double_free_small", [] { DoubleFree(kSmall); }},
    {"double_free_mid", [] { DoubleFree(kMid); }},
    {"double_free_big", [] { DoubleFree(kBig); }},
    {"double_free_large", [] { DoubleFree(kLarge); }},
    {"double_free_below_another_small", [] { DoubleFreeBelowAnother(kSmall); }},
    {"double_free_below_another_mid", [] { DoubleFreeBelowAnother(kMid); }},
    {"double_free_from_a_thread_small", [] { DoubleFreeFromAThread(kSmall); }},
    {"double_free_from_a_thread_large", [] { DoubleFreeFromAThread(kLarge); }},
    {"double_free_given_back_small", [] { DoubleFreeAfterGiveBack(kSmall, false); }},
    {"double_free_given_back_mid", [] { DoubleFreeAfterGiveBack(kMid, false); }},
    {"double_free_given_back_big", [] { DoubleFreeAfterGiveBack(kBig, false); }},
    {"double_free_in_span_small", [] { DoubleFreeAfterGiveBack(kSmall, true); }},
    {"double_free_in_span_mid", [] { DoubleFreeAfterGiveBack(kMid, true); }},
    {"realloc_stack",
     [] {
       alignas(16) char stack[64] = "";
       free(realloc(Tell(stack), 200));
     }},
    {"realloc_garbage", [] { free(realloc(Tell(reinterpret_cast<void*>(0x123456789ab0)), 100)); }},
    {"realloc_interior_small", [] { free(realloc(Tell(Block(kSmall) + 32), 5000)); }},
    {"realloc_interior_mid", [] { free(realloc(Tell(Block(kMid) + 512), 50000)); }},
    {"realloc_interior_large", [] { free(realloc(Tell(Block(kLarge) + 65536), 9 << 20)); }},
    {"realloc_to_zero_of_interior", [] { free(realloc(Tell(Block(kSmall) + 32), 0)); }},
    {"realloc_freed_large", [] { ReallocFreed(kLarge); }},
    {"realloc_freed_small", [] { ReallocFreed(kSmall); }},
    {"usable_size_of_stack",
     [] {
       alignas(16) char stack[64] = "";
       printf("%zu\n", malloc_usable_size(Tell(stack)));
     }},
    {"usable_size_of_garbage",
     [] { printf("%zu\n", malloc_usable_size(Tell(reinterpret_cast<void*>(0x123456789ab0)))); }},
    {"usable_size_of_interior_small",
     [] { printf("%zu\n", malloc_usable_size(Tell(Block(kSmall) + 32))); }},
    {"usable_size_of_interior_large",
     [] { printf("%zu\n", malloc_usable_size(Tell(Block(kLarge) + 65536))); }},
    {"usable_size_of_freed_large", [] { UseFreed(kLarge); }},
    {"usable_size_of_freed_small", [] { UseFreed(kSmall); }},
};

}  // namespace

int main(int argc, char** argv) {
  for (const Misuse& misuse : kMisuses) {
    if (argc < 2) {
      printf("%s\n", misuse.name);
    } else if (strcmp(argv[1], misuse.name) == 0) {
      misuse.commit();
      puts("survived");
      fflush(stdout);
      malloc_trim(0);
      return 0;
    }
  }
  return argc < 2 ? 0 : 2;
}
