// SPDX-License-Identifier: Apache-2.0
//
// The per-CPU front: one FrontCache per CPU, changed inside restartable sequences (rseq(2)),
// without atomics. A sequence that is preempted, migrated or interrupted by a signal before its
// last store starts again, so a signal handler may allocate anywhere.
//
// A thread remembers the cache that it used last (tls.cache) and a cache says whose it is, so a
// sequence only compares that with the CPU it is on: what it loads next does not wait for the CPU's
// number. After a migration the comparison fails once, and the slow path binds the thread again.
//
// Rules:
// - glibc registers rseq for every thread; we only use it (__rseq_offset, __rseq_size >= 16).
// - The CPU number is read inside the sequence and compared with the cache's owner: an unregistered
//   thread reads -1 or -2, which nobody has. Where the kernel offers mm_cid (kCid), that is the
//   index: small numbers without gaps however many CPUs the machine has. It reads 0 in an
//   unregistered thread, so the sign of cpu_id is spread over it: again a number that nobody has.
//   A branch of its own took 4% of guard_r0.
// - Another CPU's cache is stopped by making it nobody's, then
//   membarrier(PRIVATE_EXPEDITED_RSEQ): a sequence that read the old owner is aborted.
// - Every 8th abort of a thread takes the slow path: single-stepping would abort for ever.
#ifndef HZ4_FRONT_PERCPU_H_
#define HZ4_FRONT_PERCPU_H_

#include "hz4/base/platform.h"
#include "hz4/base/tls.h"
#include "hz4/front/cache.h"

namespace hz4 {

enum class CpuIndex { kCpuId, kCid };

// Constant after Init.
struct PerCpuView {
  ptrdiff_t rseq_offset;  // of struct rseq from the thread pointer
  uint32_t count;         // of CPU indexes that may have a cache
};
HZ4_HIDDEN extern PerCpuView percpu_view;

// What HZ4_PRINT_CONFIG says when the front is not to be had; nullptr: it is, and *index says how.
const char* PerCpuUnavailable(CpuIndex* index);
// Call once, after PerCpuUnavailable said nullptr. False: no memory.
bool PerCpuInit(CpuIndex index);
// Registers for membarrier again (a child of fork) and, when other threads ran at the fork, forgets
// what the caches held: a push of theirs may be there by half.
void PerCpuForkChild();
void PerCpuForkPrepare();
// The cache of the CPU this thread was on a moment ago, made when there is none; Miss() when there
// is no memory, or no such CPU.
FrontCache* PerCpuMine();
// Binds the thread to that cache. True: it was bound to another, so that the hit path is worth
// another try.
bool PerCpuRebind();
// Stops all caches, moves what they hold to the middle (`take` for up to n objects of one class),
// starts them again. Bytes moved.
size_t PerCpuFlush(void (*take)(unsigned cls, void* const* objects, uint32_t n));
// Over all caches: bytes of objects held.
uint64_t PerCpuCachedBytes();
const char* PerCpuCheck();

// --- the sequences ---
//
// struct rseq, as the kernel's ABI has it: cpu_id at 4, rseq_cs at 8, mm_cid at 24. In the text
// below:
//   3  descriptor {version, flags, start, length, abort}    0  entry: announce the descriptor
//   1  start                                                2  behind the committing store
//   4  abort; before it the signature that glibc registered
// Both sections belong to the group of the function they serve ("?"): where the linker keeps one of
// several instantiations, theirs go with the others.
// clang-format off
#define HZ4_RSEQ_CPU_ID(a) "movl %%fs:4(%[rs]), " a "\n"
#define HZ4_RSEQ_CID(a) "movl %%fs:4(%[rs]), " a "\nsarl $31, " a "\norl %%fs:24(%[rs]), " a "\n"
#define HZ4_RSEQ_ENTER(a64, a32, slow, index)     \
  ".pushsection .data.rel.ro.hz4_rseq, \"aw?\"\n" \
  ".balign 32\n"                                  \
  "3: .long 0, 0\n.quad 1f, 2f - 1f, 4f\n"        \
  ".popsection\n"                                 \
  "0: leaq 3b(%%rip), " a64 "\n"                  \
  "movq " a64 ", %%fs:8(%[rs])\n"                 \
  "1: " index                                     \
  "cmpl " a32 ", %c[owner](%[cache])\n"           \
  "jne " slow "\n"
#define HZ4_RSEQ_LEAVE(a64, slow, more)                                  \
  "2:\n"                                                                 \
  ".pushsection .text.unlikely.hz4_rseq, \"ax?\"\n"                      \
  ".byte 0x0f, 0xb9, 0x3d\n.long 0x53053053\n"                           \
  "4: movq _ZN3hz43tlsE@gottpoff(%%rip), " a64 "\n"                      \
  "incl %%fs:%c[aborts](" a64 ")\n"                                      \
  "testl $7, %%fs:%c[aborts](" a64 ")\n"                                 \
  "jnz 0b\n"                                                             \
  "jmp " slow "\n" more                                                  \
  ".popsection\n"
// A class's top and limit in the cache, by way of its row (FrontCache::EndsOf says why).
#define HZ4_RSEQ_ROW "(%[cache], %[cls], 8)"
#define HZ4_RSEQ_TOP(row) "%c[ends](" row ")"
#define HZ4_RSEQ_LIMIT(row) "4 + %c[ends](" row ")"
#define HZ4_RSEQ_INPUTS                                                  \
  [rs] "r"(percpu_view.rseq_offset), [cache] "r"(cache), [cls] "r"(size_t{cls}), \
      [owner] "i"(offsetof(FrontCache::Headers, owner)),                 \
      [ends] "i"(offsetof(FrontCache::Headers, ends)), [aborts] "i"(offsetof(Tls, rseq_aborts))

// The last flags say whether there was an object: an offset in a cache is never zero.
#define HZ4_RSEQ_POP(index)                                        \
  __asm__ volatile(                                                \
      HZ4_RSEQ_ENTER("%[a]", "%k[a]", "5f", index)                 \
      "leaq " HZ4_RSEQ_ROW ", %[a]\n"                              \
      "movl " HZ4_RSEQ_TOP("%[a]") ", %k[top]\n"                   \
      "movq -8(%[cache], %[top]), %[p]\n"                          \
      "testq %[p], %[p]\n"                                         \
      "jz 2f\n"                                                    \
      "addl $-8, %k[top]\n"                                        \
      "movl %k[top], " HZ4_RSEQ_TOP("%[a]") "\n"                   \
      HZ4_RSEQ_LEAVE("%[a]", "5f", "5: xorl %k[p], %k[p]\njmp 2b\n") \
      : [p] "=&r"(p), [a] "=&r"(a), [top] "=&r"(top), "=@ccz"(empty) \
      : HZ4_RSEQ_INPUTS                                            \
      : "memory")

// g++ 12.2 mishandles outputs of asm goto, so this one has none.
#define HZ4_RSEQ_PUSH(index)                                       \
  __asm__ goto(                                                    \
      HZ4_RSEQ_ENTER("%%rax", "%%eax", "%l[full]", index)          \
      "leaq " HZ4_RSEQ_ROW ", %%rax\n"                             \
      "movl " HZ4_RSEQ_TOP("%%rax") ", %%ecx\n"                    \
      "cmpl " HZ4_RSEQ_LIMIT("%%rax") ", %%ecx\n"                  \
      "jae %l[full]\n"                                             \
      "cmpq %[p], -8(%[cache], %%rcx)\n"                           \
      "je %l[twice]\n"                                             \
      "movq %[p], (%[cache], %%rcx)\n"                             \
      "addl $8, %%ecx\n"                                           \
      "movl %%ecx, " HZ4_RSEQ_TOP("%%rax") "\n"                    \
      HZ4_RSEQ_LEAVE("%%rax", "%l[full]", "")                      \
      :                                                            \
      : [p] "r"(p), HZ4_RSEQ_INPUTS                                \
      : "rax", "rcx", "memory", "cc"                               \
      : full, twice)

// Batches are copied as they stand in the slots, oldest first: n = min(max, what is there or fits).
#define HZ4_RSEQ_POP_BATCH(index)                                  \
  __asm__ volatile(                                                \
      HZ4_RSEQ_ENTER("%[a]", "%k[a]", "5f", index)                 \
      "leaq " HZ4_RSEQ_ROW ", %[a]\n"                              \
      "movl " HZ4_RSEQ_TOP("%[a]") ", %k[top]\n"                   \
      "movq %[top], %[n]\n"                                        \
      "subq %[begin], %[n]\n"                                      \
      "shrq $3, %[n]\n"                                            \
      "cmpq %[max], %[n]\n"                                        \
      "cmovaq %[max], %[n]\n"                                      \
      "leaq (, %[n], 8), %%rcx\n"                                  \
      "subq %%rcx, %[top]\n"                                       \
      "leaq (%[cache], %[top]), %%rsi\n"                           \
      "movq %[out], %%rdi\n"                                       \
      "movq %[n], %%rcx\n"                                         \
      "rep movsq\n"                                                \
      "movl %k[top], " HZ4_RSEQ_TOP("%[a]") "\n"                   \
      HZ4_RSEQ_LEAVE("%[a]", "5f", "5: xorl %k[n], %k[n]\njmp 2b\n") \
      : [n] "=&r"(n), [a] "=&r"(a), [top] "=&r"(top)               \
      : [out] "r"(out), [max] "r"(max), [begin] "r"(begin), HZ4_RSEQ_INPUTS \
      : "rcx", "rsi", "rdi", "memory", "cc")

#define HZ4_RSEQ_PUSH_BATCH(index)                                 \
  __asm__ volatile(                                                \
      HZ4_RSEQ_ENTER("%[a]", "%k[a]", "5f", index)                 \
      "leaq " HZ4_RSEQ_ROW ", %[a]\n"                              \
      "movl " HZ4_RSEQ_TOP("%[a]") ", %%edi\n"                     \
      "movl " HZ4_RSEQ_LIMIT("%[a]") ", %k[n]\n"                   \
      "subl %%edi, %k[n]\n"                                        \
      "jbe 5f\n"                                                   \
      "shrl $3, %k[n]\n"                                           \
      "cmpq %[max], %[n]\n"                                        \
      "cmovaq %[max], %[n]\n"                                      \
      "addq %[cache], %%rdi\n"                                     \
      "movq %[in], %%rsi\n"                                        \
      "movq %[n], %%rcx\n"                                         \
      "rep movsq\n"                                                \
      "subq %[cache], %%rdi\n"                                     \
      "movl %%edi, " HZ4_RSEQ_TOP("%[a]") "\n"                     \
      HZ4_RSEQ_LEAVE("%[a]", "5f", "5: xorl %k[n], %k[n]\njmp 2b\n") \
      : [n] "=&r"(n), [a] "=&r"(a)                                 \
      : [in] "r"(in), [max] "r"(max), HZ4_RSEQ_INPUTS              \
      : "rcx", "rsi", "rdi", "memory", "cc")
// clang-format on

template <CpuIndex kIndex>
struct PerCpuFront {
  static bool Rebind() { return PerCpuRebind(); }
  // An object of the class, or nullptr.
  static HZ4_ALWAYS_INLINE void* Pop(size_t cls) {
    FrontCache* const cache = tls.cache;
    void* p;
    uintptr_t a, top;
    bool empty;
    if constexpr (kIndex == CpuIndex::kCpuId) {
      HZ4_RSEQ_POP(HZ4_RSEQ_CPU_ID("%k[a]"));
    } else {
      HZ4_RSEQ_POP(HZ4_RSEQ_CID("%k[a]"));
    }
    if (HZ4_UNLIKELY(empty)) return nullptr;
    if (p == nullptr) __builtin_unreachable();
    return p;
  }
  // cls may be anything the page map says. kTwice: p is what was freed last already.
  static HZ4_ALWAYS_INLINE PushResult Push(void* p, size_t cls) {
    FrontCache* const cache = tls.cache;
    if constexpr (kIndex == CpuIndex::kCpuId) {
      HZ4_RSEQ_PUSH(HZ4_RSEQ_CPU_ID("%%eax"));
    } else {
      HZ4_RSEQ_PUSH(HZ4_RSEQ_CID("%%eax"));
    }
    return PushResult::kDone;
  full:
    return PushResult::kFull;
  twice:
    return PushResult::kTwice;
  }

  // What a slow path does with the cache of the CPU that it began on, inside its SlowScope. After a
  // migration no batch goes there or comes from there.
  class Session {
   public:
    Session() : cache_(PerCpuMine()) {}
    unsigned Grow(unsigned cls) { return cache_->Grow(cls); }
    uint32_t Room(unsigned cls) { return cache_->IsMiss() ? 0 : cache_->Room(cls); }
    uint32_t Count(unsigned cls) { return cache_->IsMiss() ? 0 : cache_->Count(cls); }
    // What was pushed last, oldest first.
    uint32_t PopBatch(unsigned cls, void** out, size_t max) {
      FrontCache* const cache = cache_;
      const size_t begin = FrontCache::BeginOffset(cls);
      size_t n, a, top;
      if constexpr (kIndex == CpuIndex::kCpuId) {
        HZ4_RSEQ_POP_BATCH(HZ4_RSEQ_CPU_ID("%k[a]"));
      } else {
        HZ4_RSEQ_POP_BATCH(HZ4_RSEQ_CID("%k[a]"));
      }
      return static_cast<uint32_t>(n);
    }
    uint32_t PushBatch(unsigned cls, void* const* in, size_t max) {
      FrontCache* const cache = cache_;
      size_t n, a;
      if constexpr (kIndex == CpuIndex::kCpuId) {
        HZ4_RSEQ_PUSH_BATCH(HZ4_RSEQ_CPU_ID("%k[a]"));
      } else {
        HZ4_RSEQ_PUSH_BATCH(HZ4_RSEQ_CID("%k[a]"));
      }
      return static_cast<uint32_t>(n);
    }

   private:
    FrontCache* cache_;
  };
};

}  // namespace hz4

#endif  // HZ4_FRONT_PERCPU_H_
