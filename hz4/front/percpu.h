// SPDX-License-Identifier: Apache-2.0
//
// The per-CPU front: one FrontCache per CPU, changed inside restartable sequences (rseq(2)),
// without atomics. A sequence that is preempted, migrated or interrupted by a signal before its
// last store starts again, so a signal handler may allocate anywhere.
//
// The cache is found by the CPU's index, read inside the sequence: three or four loads behind one
// another up to a class's top. How early the address of a store is known decides what a
// mispredicted branch costs.
//
// Rules:
// - glibc registers rseq for every thread; we only use it (__rseq_offset, __rseq_size >= 16).
// - The index is cpu_id; an unregistered thread reads -1 or -2 there, for which the directory has
//   entries: they miss. With more than kFewCpus and a kernel that offers mm_cid it is that (kCid):
//   small numbers without gaps, so that there are no more caches than threads. mm_cid reads 0 in an
//   unregistered thread, so the sign of cpu_id is spread over it.
// - Another CPU's cache is stopped by taking it out of the directory, then
//   membarrier(PRIVATE_EXPEDITED_RSEQ): a sequence that read the old entry is aborted.
// - Every 8th abort of a thread takes the slow path: single-stepping would abort for ever.
#ifndef HZ4_FRONT_PERCPU_H_
#define HZ4_FRONT_PERCPU_H_

#include "hz4/base/platform.h"
#include "hz4/base/tls.h"
#include "hz4/front/cache.h"
#include "hz4/knobs.h"

namespace hz4 {

// What a sequence finds the cache by, and how it finds that in the thread's struct rseq.
// kCpuIdUsual: cpu_id, struct rseq lies where this library takes it to be, so that cpu_id has a
// constant address within %fs; kCpuId and kCid: cpu_id or mm_cid, at a distance from the thread
// pointer that is looked up. (An address within %fs behind a register is slower than that,
// docs/DESIGN.md.)
enum class CpuIndex { kCpuIdUsual, kCpuId, kCid };
inline constexpr CpuIndex kCpuIndexes[] = {CpuIndex::kCpuIdUsual, CpuIndex::kCpuId, CpuIndex::kCid};
// The distance in glibc 2.36 as Debian 12 builds it. It differs between builds of glibc, and from
// 2.41 on between programs.
inline constexpr ptrdiff_t kUsualRseqOffset = 2336;

// As many caches as this are no loss where threads are fewer than CPUs. cpu_id takes two loads less
// a pair of calls than mm_cid: 2.9 ns instead of 3.4 on a Xeon (docs/DESIGN.md).
inline constexpr uint32_t kFewCpus = 4;

// The kernel's struct rseq (linux/rseq.h), as far as mm_cid.
struct RseqArea {
  uint32_t cpu_id_start, cpu_id;
  uint64_t rseq_cs;
  uint32_t flags, node_id, mm_cid;
};

// Constant after Init.
struct PerCpuView {
  ptrdiff_t rseq_offset;  // of struct rseq from the thread pointer
  uint32_t count;         // of CPU indexes that may have a cache; at most kMaxCpus
};
HZ4_HIDDEN extern PerCpuView percpu_view;

HZ4_ALWAYS_INLINE RseqArea* RseqAt(ptrdiff_t offset) {
  return reinterpret_cast<RseqArea*>(SelfId() + static_cast<uintptr_t>(offset));
}

// What HZ4_PRINT_CONFIG says when the front is not to be had; nullptr: it is.
const char* PerCpuUnavailable();
// An index that is asked for and not offered becomes the other one. `cid_offered`: the kernel has
// mm_cid.
CpuIndex ChooseIndex(FrontIndex asked, bool cid_offered, uint32_t cpus, ptrdiff_t rseq_offset);
// Call once, after PerCpuUnavailable said nullptr. False: no memory.
bool PerCpuInit(FrontIndex asked);
// What PerCpuInit chose.
CpuIndex PerCpuIndex();
// Registers for membarrier again (a child of fork) and, when other threads ran at the fork, forgets
// what the caches held: a push of theirs may be there by half.
void PerCpuForkChild();
void PerCpuForkPrepare();
// The cache of the CPU this thread was on a moment ago, made when there is none; Miss() when there
// is no memory, or no such CPU.
FrontCache* PerCpuMine();
// Stops all caches, moves what they hold to the middle (`take` for up to n objects of one class),
// starts them again. Bytes moved.
size_t PerCpuFlush(void (*take)(unsigned cls, void* const* objects, uint32_t n));
// Over all caches: bytes of objects held.
uint64_t PerCpuCachedBytes();
const char* PerCpuCheck();

// --- the sequences ---
//
// In the text below:
//   3  descriptor {version, flags, start, length, abort}    0  entry: announce the descriptor
//   1  start                                                2  behind the committing store
//   4  abort; before it the signature that glibc registered
// Both sections belong to the group of the function they serve ("?"): where the linker keeps one of
// several instantiations, theirs go with the others.
// clang-format off
#define HZ4_RSEQ_CPU_ID(a64, a32, rseq) "movslq " rseq "%[cpu_id], " a64 "\n"
#define HZ4_RSEQ_CID(a64, a32, rseq)  \
  "movl " rseq "%[cpu_id], " a32 "\n" \
  "sarl $31, " a32 "\n"               \
  "orl " rseq "%[mm_cid], " a32 "\n"  \
  "movslq " a32 ", " a64 "\n"
#define HZ4_RSEQ_ENTER(a64, a32, index, rseq)     \
  ".pushsection .data.rel.ro.hz4_rseq, \"aw?\"\n" \
  ".balign 32\n"                                  \
  "3: .long 0, 0\n.quad 1f, 2f - 1f, 4f\n"        \
  ".popsection\n"                                 \
  "0: leaq 3b(%%rip), " a64 "\n"                  \
  "movq " a64 ", " rseq "%[rseq_cs]\n"            \
  "1: " index(a64, a32, rseq)
#define HZ4_RSEQ_LEAVE(a64, slow, more)             \
  "2:\n"                                            \
  ".pushsection .text.unlikely.hz4_rseq, \"ax?\"\n" \
  ".byte 0x0f, 0xb9, 0x3d\n.long 0x53053053\n"      \
  "4: movq _ZN3hz43tlsE@gottpoff(%%rip), " a64 "\n" \
  "incl %%fs:%c[aborts](" a64 ")\n"                 \
  "testl $7, %%fs:%c[aborts](" a64 ")\n"            \
  "jnz 0b\n"                                        \
  "jmp " slow "\n" more                             \
  ".popsection\n"
#define HZ4_RSEQ_DISTANCE(from, index) "%c[distance](" from ", " index ", 8)"
// The cache of the index in a64, into `cache`.
#define HZ4_RSEQ_FIND(a64, cache)                      \
  "leaq _ZN3hz415cache_directoryE(%%rip), " cache "\n" \
  "addq " HZ4_RSEQ_DISTANCE(cache, a64) ", " cache "\n"
// A class's top and limit in the cache, by way of its row (FrontCache::EndsOf says why).
#define HZ4_RSEQ_ROW(cache) "(" cache ", %[cls], 8)"
#define HZ4_RSEQ_TOP(row) "%c[ends](" row ")"
#define HZ4_RSEQ_LIMIT(row) "4 + %c[ends](" row ")"
#define HZ4_RSEQ_INPUTS                                       \
  [cpu_id] "m"(Rseq()->cpu_id), [mm_cid] "m"(Rseq()->mm_cid), \
      [rseq_cs] "m"(Rseq()->rseq_cs), [cls] "r"(size_t{cls}), \
      [distance] "i"(CacheDirectory::kDistances),             \
      [ends] "i"(offsetof(FrontCache::Headers, ends)), [aborts] "i"(offsetof(Tls, rseq_aborts))

// The last flags say whether there was an object: an offset in a cache is never zero.
#define HZ4_RSEQ_POP(index, rseq)                                                          \
  __asm__ volatile(                                                                        \
      HZ4_RSEQ_ENTER("%[a]", "%k[a]", index, rseq)                                         \
      HZ4_RSEQ_FIND("%[a]", "%[cache]")                                                    \
      "leaq " HZ4_RSEQ_ROW("%[cache]") ", %[a]\n"                                          \
      "movl " HZ4_RSEQ_TOP("%[a]") ", %k[top]\n"                                           \
      "movq -8(%[cache], %[top]), %[p]\n"                                                  \
      "testq %[p], %[p]\n"                                                                 \
      "jz 2f\n"                                                                            \
      "addl $-8, %k[top]\n"                                                                \
      "movl %k[top], " HZ4_RSEQ_TOP("%[a]") "\n"                                           \
      HZ4_RSEQ_LEAVE("%[a]", "5f", "5: xorl %k[p], %k[p]\njmp 2b\n")                       \
      : [p] "=&r"(p), [a] "=&r"(a), [top] "=&r"(top), [cache] "=&r"(cache), "=@ccz"(empty) \
      : HZ4_RSEQ_INPUTS                                                                    \
      : "memory")

// g++ 12.2 mishandles outputs of asm goto, so this one has none.
#define HZ4_RSEQ_PUSH(index, rseq)                  \
  __asm__ goto(                                     \
      HZ4_RSEQ_ENTER("%%rax", "%%eax", index, rseq) \
      HZ4_RSEQ_FIND("%%rax", "%%rdx")               \
      "leaq " HZ4_RSEQ_ROW("%%rdx") ", %%rax\n"     \
      "movl " HZ4_RSEQ_TOP("%%rax") ", %%ecx\n"     \
      "cmpl " HZ4_RSEQ_LIMIT("%%rax") ", %%ecx\n"   \
      "jae %l[full]\n"                              \
      "cmpq %[p], -8(%%rdx, %%rcx)\n"               \
      "je %l[twice]\n"                              \
      "movq %[p], (%%rdx, %%rcx)\n"                 \
      "addl $8, %%ecx\n"                            \
      "movl %%ecx, " HZ4_RSEQ_TOP("%%rax") "\n"     \
      HZ4_RSEQ_LEAVE("%%rax", "%l[full]", "")       \
      :                                             \
      : [p] "r"(p), HZ4_RSEQ_INPUTS                 \
      : "rax", "rcx", "rdx", "memory", "cc"         \
      : full, twice)

// Batches go to and from the cache the session began with, while it is this CPU's and serves.
#define HZ4_RSEQ_SAME(a64, slow)                         \
  "cmpq %[far], " HZ4_RSEQ_DISTANCE("%[miss]", a64) "\n" \
  "jne " slow "\n"
#define HZ4_RSEQ_BATCH_INPUTS \
  [cache] "r"(cache), [far] "r"(far), [miss] "r"(FrontCache::Miss()), HZ4_RSEQ_INPUTS

// They are copied as they stand in the slots, oldest first: n = min(max, what is there or fits).
#define HZ4_RSEQ_POP_BATCH(index, rseq)                                              \
  __asm__ volatile(                                                                  \
      HZ4_RSEQ_ENTER("%[a]", "%k[a]", index, rseq)                                   \
      HZ4_RSEQ_SAME("%[a]", "5f")                                                    \
      "leaq " HZ4_RSEQ_ROW("%[cache]") ", %[a]\n"                                    \
      "movl " HZ4_RSEQ_TOP("%[a]") ", %k[top]\n"                                     \
      "movq %[top], %[n]\n"                                                          \
      "subq %[begin], %[n]\n"                                                        \
      "shrq $3, %[n]\n"                                                              \
      "cmpq %[max], %[n]\n"                                                          \
      "cmovaq %[max], %[n]\n"                                                        \
      "leaq (, %[n], 8), %%rcx\n"                                                    \
      "subq %%rcx, %[top]\n"                                                         \
      "leaq (%[cache], %[top]), %%rsi\n"                                             \
      "movq %[out], %%rdi\n"                                                         \
      "movq %[n], %%rcx\n"                                                           \
      "rep movsq\n"                                                                  \
      "movl %k[top], " HZ4_RSEQ_TOP("%[a]") "\n"                                     \
      HZ4_RSEQ_LEAVE("%[a]", "5f", "5: xorl %k[n], %k[n]\njmp 2b\n")                 \
      : [n] "=&r"(n), [a] "=&r"(a), [top] "=&r"(top)                                 \
      : [out] "rm"(out), [max] "rm"(max), [begin] "rm"(begin), HZ4_RSEQ_BATCH_INPUTS \
      : "rcx", "rsi", "rdi", "memory", "cc")

#define HZ4_RSEQ_PUSH_BATCH(index, rseq)                             \
  __asm__ volatile(                                                  \
      HZ4_RSEQ_ENTER("%[a]", "%k[a]", index, rseq)                   \
      HZ4_RSEQ_SAME("%[a]", "5f")                                    \
      "leaq " HZ4_RSEQ_ROW("%[cache]") ", %[a]\n"                    \
      "movl " HZ4_RSEQ_TOP("%[a]") ", %%edi\n"                       \
      "movl " HZ4_RSEQ_LIMIT("%[a]") ", %k[n]\n"                     \
      "subl %%edi, %k[n]\n"                                          \
      "jbe 5f\n"                                                     \
      "shrl $3, %k[n]\n"                                             \
      "cmpq %[max], %[n]\n"                                          \
      "cmovaq %[max], %[n]\n"                                        \
      "addq %[cache], %%rdi\n"                                       \
      "movq %[in], %%rsi\n"                                          \
      "movq %[n], %%rcx\n"                                           \
      "rep movsq\n"                                                  \
      "subq %[cache], %%rdi\n"                                       \
      "movl %%edi, " HZ4_RSEQ_TOP("%[a]") "\n"                       \
      HZ4_RSEQ_LEAVE("%[a]", "5f", "5: xorl %k[n], %k[n]\njmp 2b\n") \
      : [n] "=&r"(n), [a] "=&r"(a)                                   \
      : [in] "rm"(in), [max] "rm"(max), HZ4_RSEQ_BATCH_INPUTS        \
      : "rcx", "rsi", "rdi", "memory", "cc")

// `sequence` with the index that the front has.
#define HZ4_RSEQ_BY(sequence)                        \
  if constexpr (kIndex == CpuIndex::kCpuIdUsual) {   \
    sequence(HZ4_RSEQ_CPU_ID, "%%fs:");              \
  } else if constexpr (kIndex == CpuIndex::kCpuId) { \
    sequence(HZ4_RSEQ_CPU_ID, "");                   \
  } else {                                           \
    sequence(HZ4_RSEQ_CID, "");                      \
  }
// clang-format on

// g++ takes a constant address below its least page for a null pointer and something.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Warray-bounds"

template <CpuIndex kIndex>
struct PerCpuFront {
  // The calling thread's struct rseq: kCpuIdUsual's address is one within %fs.
  static HZ4_ALWAYS_INLINE const RseqArea* Rseq() {
    if constexpr (kIndex == CpuIndex::kCpuIdUsual) {
      return reinterpret_cast<const RseqArea*>(kUsualRseqOffset);
    } else {
      return RseqAt(percpu_view.rseq_offset);
    }
  }
  // An object of the class, or nullptr.
  static HZ4_ALWAYS_INLINE void* Pop(size_t cls) {
    FrontCache* cache;
    void* p;
    uintptr_t a, top;
    bool empty;
    HZ4_RSEQ_BY(HZ4_RSEQ_POP)
    if (HZ4_UNLIKELY(empty)) return nullptr;
    if (p == nullptr) __builtin_unreachable();
    return p;
  }
  // cls may be anything the page map says. kTwice: p is what was freed last already.
  static HZ4_ALWAYS_INLINE PushResult Push(void* p, size_t cls) {
    HZ4_RSEQ_BY(HZ4_RSEQ_PUSH)
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
      if (cache_->IsMiss()) return 0;
      FrontCache* const cache = cache_;
      const ptrdiff_t far = cache_directory.DistanceTo(cache);
      const size_t begin = FrontCache::BeginOffset(cls);
      size_t n, a, top;
      HZ4_RSEQ_BY(HZ4_RSEQ_POP_BATCH)
      return static_cast<uint32_t>(n);
    }
    uint32_t PushBatch(unsigned cls, void* const* in, size_t max) {
      if (cache_->IsMiss()) return 0;
      FrontCache* const cache = cache_;
      const ptrdiff_t far = cache_directory.DistanceTo(cache);
      size_t n, a;
      HZ4_RSEQ_BY(HZ4_RSEQ_PUSH_BATCH)
      return static_cast<uint32_t>(n);
    }

   private:
    FrontCache* cache_;
  };
};

#pragma GCC diagnostic pop

}  // namespace hz4

#endif  // HZ4_FRONT_PERCPU_H_
