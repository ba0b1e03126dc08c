// SPDX-License-Identifier: Apache-2.0
//
// The per-CPU front: one FrontCache per CPU, changed inside restartable sequences (rseq(2)),
// without atomics. A sequence that is preempted, migrated or interrupted by a signal before its
// last store starts again, so a signal handler may allocate anywhere.
//
// Rules:
// - glibc registers rseq for every thread; we only use it (__rseq_offset, __rseq_size >= 16).
// - The CPU number is read inside the sequence and compared, unsigned, with the number of caches:
//   an unregistered thread reads -1. Where the kernel offers mm_cid (kCid), that is the index:
//   small numbers without gaps however many CPUs the machine has. It reads 0 in an unregistered
//   thread, so cpu_id is looked at as well.
// - Another CPU's cache is stopped by exchanging its pointer in `caches` for the cache that always
//   misses, then membarrier(PRIVATE_EXPEDITED_RSEQ): a sequence that read the old pointer is
//   aborted.
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
  FrontCache** caches;    // [count]; a CPU without a cache, or a stopped one, has Miss()
  uint32_t count;         // of CPU numbers that have an entry
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
// The cache of the CPU this thread was on a moment ago, made when there is none; Miss() while it is
// stopped or when there is no memory.
FrontCache* PerCpuMine();
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
#define HZ4_RSEQ_CID(slow, a) "cmpl $0, %%fs:4(%[rs])\njl " slow "\nmovl %%fs:24(%[rs]), " a "\n"
// Leaves the address of the cache in a64.
#define HZ4_RSEQ_ENTER(a64, a32, slow, index)     \
  ".pushsection .data.rel.ro.hz4_rseq, \"aw?\"\n" \
  ".balign 32\n"                                  \
  "3: .long 0, 0\n.quad 1f, 2f - 1f, 4f\n"        \
  ".popsection\n"                                 \
  "0: leaq 3b(%%rip), " a64 "\n"                  \
  "movq " a64 ", %%fs:8(%[rs])\n"                 \
  "1: " index                                     \
  "cmpl %[count], " a32 "\n"                      \
  "jae " slow "\n"                                \
  "movq (%[caches], " a64 ", 8), " a64 "\n"
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
#define HZ4_RSEQ_INPUTS                                                  \
  [rs] "r"(percpu_view.rseq_offset), [count] "rm"(percpu_view.count),    \
      [caches] "r"(percpu_view.caches), [cls] "r"(size_t{cls}),          \
      [limit] "i"(offsetof(FrontCache::Headers, limit)), [aborts] "i"(offsetof(Tls, rseq_aborts))

// The last flags say whether there was an object: adding to an address never gives zero.
#define HZ4_RSEQ_POP(index)                                        \
  __asm__ volatile(                                                \
      HZ4_RSEQ_ENTER("%[a]", "%k[a]", "5f", index)                 \
      "movq (%[a], %[cls], 8), %[b]\n"                             \
      "movq -8(%[b]), %[p]\n"                                      \
      "testq %[p], %[p]\n"                                         \
      "jz 2f\n"                                                    \
      "addq $-8, %[b]\n"                                           \
      "movq %[b], (%[a], %[cls], 8)\n"                             \
      HZ4_RSEQ_LEAVE("%[a]", "5f", "5: xorl %k[p], %k[p]\njmp 2b\n") \
      : [p] "=&r"(p), [a] "=&r"(a), [b] "=&r"(b), "=@ccz"(empty)   \
      : HZ4_RSEQ_INPUTS                                            \
      : "memory")

// g++ 12.2 mishandles outputs of asm goto, so this one has none.
#define HZ4_RSEQ_PUSH(index)                                       \
  __asm__ goto(                                                    \
      HZ4_RSEQ_ENTER("%%rax", "%%eax", "%l[full]", index)          \
      "movq (%%rax, %[cls], 8), %%rcx\n"                           \
      "cmpq %c[limit](%%rax, %[cls], 8), %%rcx\n"                  \
      "jae %l[full]\n"                                             \
      "cmpq %[p], -8(%%rcx)\n"                                     \
      "je %l[twice]\n"                                             \
      "movq %[p], (%%rcx)\n"                                       \
      "addq $8, %%rcx\n"                                           \
      "movq %%rcx, (%%rax, %[cls], 8)\n"                           \
      HZ4_RSEQ_LEAVE("%%rax", "%l[full]", "")                      \
      :                                                            \
      : [p] "r"(p), HZ4_RSEQ_INPUTS                                \
      : "rax", "rcx", "memory", "cc"                               \
      : full, twice)

// Batches are copied as they stand in the slots, oldest first: n = min(max, what is there or fits).
// The cache that always misses has no slots of its own; it is as full as it is empty.
#define HZ4_RSEQ_POP_BATCH(index)                                  \
  __asm__ volatile(                                                \
      HZ4_RSEQ_ENTER("%[a]", "%k[a]", "5f", index)                 \
      "leaq _ZN3hz410miss_cacheE(%%rip), %[n]\n"                  \
      "cmpq %[n], %[a]\n"                                         \
      "je 5f\n"                                                   \
      "movq (%[a], %[cls], 8), %%rsi\n"                           \
      "movq %%rsi, %[n]\n"                                        \
      "subq %[a], %[n]\n"                                         \
      "subq %[begin], %[n]\n"                                     \
      "shrq $3, %[n]\n"                                           \
      "cmpq %[max], %[n]\n"                                       \
      "cmovaq %[max], %[n]\n"                                     \
      "movq %[n], %%rcx\n"                                        \
      "negq %%rcx\n"                                              \
      "leaq (%%rsi, %%rcx, 8), %%rsi\n"                           \
      "leaq (%[a], %[cls], 8), %[a]\n"                            \
      "movq %%rsi, %[top]\n"                                      \
      "movq %[out], %%rdi\n"                                      \
      "movq %[n], %%rcx\n"                                        \
      "rep movsq\n"                                               \
      "movq %[top], (%[a])\n"                                     \
      HZ4_RSEQ_LEAVE("%[a]", "5f", "5: xorl %k[n], %k[n]\njmp 2b\n") \
      : [n] "=&r"(n), [a] "=&r"(a), [top] "=&r"(top)               \
      : [out] "r"(out), [max] "r"(max), [begin] "r"(begin), HZ4_RSEQ_INPUTS \
      : "rcx", "rsi", "rdi", "memory", "cc")

#define HZ4_RSEQ_PUSH_BATCH(index)                                 \
  __asm__ volatile(                                                \
      HZ4_RSEQ_ENTER("%[a]", "%k[a]", "5f", index)                 \
      "leaq (%[a], %[cls], 8), %[a]\n"                            \
      "movq (%[a]), %%rdi\n"                                      \
      "movq %c[limit](%[a]), %[n]\n"                              \
      "subq %%rdi, %[n]\n"                                        \
      "jbe 5f\n"                                                  \
      "shrq $3, %[n]\n"                                           \
      "cmpq %[max], %[n]\n"                                       \
      "cmovaq %[max], %[n]\n"                                     \
      "movq %[in], %%rsi\n"                                       \
      "movq %[n], %%rcx\n"                                        \
      "rep movsq\n"                                               \
      "movq %%rdi, (%[a])\n"                                      \
      HZ4_RSEQ_LEAVE("%[a]", "5f", "5: xorl %k[n], %k[n]\njmp 2b\n") \
      : [n] "=&r"(n), [a] "=&r"(a)                                 \
      : [in] "r"(in), [max] "r"(max), HZ4_RSEQ_INPUTS              \
      : "rcx", "rsi", "rdi", "memory", "cc")
// clang-format on

template <CpuIndex kIndex>
struct PerCpuFront {
  // An object of the class, or nullptr.
  static HZ4_ALWAYS_INLINE void* Pop(size_t cls) {
    void* p;
    uintptr_t a, b;
    bool empty;
    if constexpr (kIndex == CpuIndex::kCpuId) {
      HZ4_RSEQ_POP(HZ4_RSEQ_CPU_ID("%k[a]"));
    } else {
      HZ4_RSEQ_POP(HZ4_RSEQ_CID("5f", "%k[a]"));
    }
    if (HZ4_UNLIKELY(empty)) return nullptr;
    if (p == nullptr) __builtin_unreachable();
    return p;
  }
  // cls may be anything the page map says. kTwice: p is what was freed last already.
  static HZ4_ALWAYS_INLINE PushResult Push(void* p, size_t cls) {
    if constexpr (kIndex == CpuIndex::kCpuId) {
      HZ4_RSEQ_PUSH(HZ4_RSEQ_CPU_ID("%%eax"));
    } else {
      HZ4_RSEQ_PUSH(HZ4_RSEQ_CID("%l[full]", "%%eax"));
    }
    return PushResult::kDone;
  full:
    return PushResult::kFull;
  twice:
    return PushResult::kTwice;
  }

  // What a slow path does with the cache, inside its SlowScope. Batches go to and come from the
  // cache of whatever CPU the thread is on at that moment.
  class Session {
   public:
    Session() : mine_(PerCpuMine()) {}
    unsigned Grow(unsigned cls) { return mine_->Grow(cls); }
    uint32_t Room(unsigned cls) { return mine_->IsMiss() ? 0 : mine_->Room(cls); }
    uint32_t Count(unsigned cls) { return mine_->IsMiss() ? 0 : mine_->Count(cls); }
    // What was pushed last, oldest first.
    uint32_t PopBatch(unsigned cls, void** out, size_t max) {
      const size_t begin = FrontCache::BeginOffset(cls);
      size_t n, a, top;
      if constexpr (kIndex == CpuIndex::kCpuId) {
        HZ4_RSEQ_POP_BATCH(HZ4_RSEQ_CPU_ID("%k[a]"));
      } else {
        HZ4_RSEQ_POP_BATCH(HZ4_RSEQ_CID("5f", "%k[a]"));
      }
      return static_cast<uint32_t>(n);
    }
    uint32_t PushBatch(unsigned cls, void* const* in, size_t max) {
      size_t n, a;
      if constexpr (kIndex == CpuIndex::kCpuId) {
        HZ4_RSEQ_PUSH_BATCH(HZ4_RSEQ_CPU_ID("%k[a]"));
      } else {
        HZ4_RSEQ_PUSH_BATCH(HZ4_RSEQ_CID("5f", "%k[a]"));
      }
      return static_cast<uint32_t>(n);
    }

   private:
    FrontCache* mine_;
  };
};

}  // namespace hz4

#endif  // HZ4_FRONT_PERCPU_H_
