// SPDX-License-Identifier: Apache-2.0
#include "hz4/init.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "hz4/arena.h"
#include "hz4/base/bootstrap.h"
#include "hz4/base/lock.h"
#include "hz4/base/os.h"
#include "hz4/base/print.h"
#include "hz4/base/syscall.h"
#include "hz4/base/tls.h"
#include "hz4/central.h"
#include "hz4/config_print.h"
#include "hz4/environment.h"
#include "hz4/huge_pages.h"
#include "hz4/mid/resolve_mid.h"
#include "hz4/new_handler.h"
#include "hz4/page_heap.h"
#include "hz4/report.h"
#include "hz4/resolve.h"
#include "hz4/side_arena.h"
#include "hz4/stats/blocks.h"
#include "hz4/step_aside.h"
#include "hz4/thread_state.h"

namespace hz4 {
namespace {

// --- the doors before initialisation ---

void* FirstMalloc(size_t size) {
  return EnsureInitialized() ? Table().malloc(size) : bootstrap::Allocate(size, kMinAlign);
}
void FirstFree(void* p) {
  if (EnsureInitialized()) Table().free(p);
}
void FirstFreeSized(void* p, size_t) { FirstFree(p); }
void* FirstCalloc(size_t n, size_t size) {
  if (EnsureInitialized()) return Table().calloc(n, size);
  size_t bytes;
  return __builtin_mul_overflow(n, size, &bytes) ? nullptr : bootstrap::Allocate(bytes, kMinAlign);
}
void* FirstRealloc(void* p, size_t size) {
  if (EnsureInitialized()) return Table().realloc(p, size);
  void* moved = bootstrap::Allocate(size, kMinAlign);
  if (p == nullptr || moved == nullptr) return moved;
  const size_t usable = bootstrap::UsableSize(p);
  return __builtin_memcpy(moved, p, size < usable ? size : usable);
}
void* FirstMemalign(size_t align, size_t size) {
  return EnsureInitialized() ? Table().memalign(align, size) : bootstrap::Allocate(size, align);
}
size_t FirstUsableSize(const void* p) {
  if (p == nullptr) return 0;
  return EnsureInitialized() ? Table().usable_size(p) : bootstrap::UsableSize(p);
}
void* FirstOpNew(size_t size) {
  void* p = FirstMalloc(size);
  return p != nullptr ? p : NewFailed(size, 0);
}

constexpr Dispatch MakeFirstTable() {
  Dispatch t{};
  t.malloc = &FirstMalloc;
  t.free = &FirstFree;
  t.free_sized = &FirstFreeSized;
  t.calloc = &FirstCalloc;
  t.realloc = &FirstRealloc;
  t.memalign = &FirstMemalign;
  t.usable_size = &FirstUsableSize;
  t.op_new = &FirstOpNew;
  t.vfork = &fork;
  t.heap_open = &huge_pages::OpenStep;
  t.heap_release = &huge_pages::ReleaseAll;
  return t;
}

// --- once ---

// 0, the SelfId() of the initialising thread, or kDone. release when done, acquire in
// EnsureInitialized.
constexpr uintptr_t kDone = 1;
std::atomic<uintptr_t> progress{0};
std::atomic<bool> stepped_aside{false};

void Say(const char* text) { kStderrSink.line(kStderrSink.context, text, __builtin_strlen(text)); }

// The doors last and one by one: another thread that calls one meanwhile runs either the old
// function, which waits, or the new one, whose seams are there.
void Publish(const Dispatch& table) {
  Dispatch& live = sealed.table;
#define HZ4_SEAM(name, ret, params, text) live.name = table.name;
#define HZ4_STEPS(name, type, max, text) \
  for (int i = 0; i <= (max); ++i) live.name[i] = table.name[i];
#include "hz4/seams.def"
  std::atomic_thread_fence(std::memory_order_release);
#define HZ4_DOOR(name, ret, params, text) \
  __atomic_store_n(&live.name, table.name, __ATOMIC_RELEASE);
#include "hz4/seams.def"
}

void Seal() {
  if (!os::Protect(&sealed, sizeof(sealed))) {
    Say("hz4: the dispatch table could not be made read-only");
  }
}

bool StepAside(const char* const* envp) {
  const DisableMode mode = sealed.knobs.value.disable;
  if (mode == DisableMode::kOff) return false;
  if (mode == DisableMode::kAuto && ToolInCharge(envp) == nullptr) return false;
  Dispatch libc = {};
  if (!BindLibc(&libc, &sealed.names)) {
    Say("hz4: HZ4_DISABLE=1: not available, there is no other malloc in this program");
    return false;
  }
  stepped_aside.store(true, std::memory_order_relaxed);
  Publish(libc);
  return true;
}

void BuildHeap(const Knobs& knobs) {
  arena::Init(knobs.reserve, knobs.page_map != PageMapKind::kRadix);
  const arena::Region side_region = arena::SideRegion();
  side::Init(side_region.start, side_region.bytes);
  PageHeap::Init();
  central::Init();
  ThreadRegistry::Init();
  if (knobs.mid_route == MidRoute::kLadder) mid::Init();
}

Facts GatherFacts(const Knobs& knobs) {
  Facts facts = {};
  facts.direct_map = arena::Direct();
  facts.huge_pages_off = huge_pages::AsksForParts(knobs.thp) && os::HugePagesAreOff();
  if (knobs.front == FrontKind::kPercpu) {
    facts.percpu_unavailable = PerCpuUnavailable();
    if (facts.percpu_unavailable == nullptr && !PerCpuInit(knobs.front_cpu_index)) {
      facts.percpu_unavailable = "there is no memory for its caches";
    }
    facts.cpu_index = PerCpuIndex();
  }
  return facts;
}

void Initialize() {
  const Environment environment = FindEnvironment();
  const char* const* envp = environment.secure ? nullptr : environment.envp;
  sealed.knobs = ParseKnobs(envp, &kStderrSink);
  if (sealed.knobs.Fatal()) StopForErrors(sealed.knobs);
  if (StepAside(environment.envp)) return;
  BuildHeap(sealed.knobs.value);
  const Facts facts = GatherFacts(sealed.knobs.value);
  ApplyFacts(facts, &sealed.knobs, &kStderrSink);
  const Resolution resolution = Resolve(sealed.knobs.value, facts);
  RequireBuiltFor(resolution);
  sealed.names = resolution.names;
  SetMessageFingerprint(Fingerprint(sealed.knobs.value));
  SetThreadWatch(&ThreadRegistry::Watch);
  Publish(resolution.table);
  Seal();
}

// --- fork ---

bool HasHeap() { return Table().front_fork_child != nullptr; }

void BeforeFork() {
  PerCpuForkPrepare();
  Fork::Begin();
}
void AfterForkInParent() { Fork::EndInParent(); }
void AfterForkInChild() {
  Fork::EndInChild();
  Table().front_fork_child();
  Table().mid_fork_child();
}

// Runs when the library is loaded, after libc's own initialisation: what needs libc.
__attribute__((constructor)) void Constructor() {
  EnsureInitialized();
  ReportAtLaunch();
  if (!HasHeap()) return;
  ThreadRegistry::InitExitHandling();
  pthread_atfork(&BeforeFork, &AfterForkInParent, &AfterForkInChild);
}
__attribute__((destructor)) void Destructor() {
  if (HasHeap()) ReportAtExit();
}

}  // namespace

Sealed sealed = {MakeFirstTable(), {}, {}};

bool EnsureInitialized() {
  uintptr_t seen = progress.load(std::memory_order_acquire);
  if (HZ4_LIKELY(seen == kDone)) return true;
  const uintptr_t self = SelfId();
  if (seen == self) return false;
  seen = 0;
  if (progress.compare_exchange_strong(seen, self, std::memory_order_acq_rel)) {
    Initialize();
    progress.store(kDone, std::memory_order_release);
    return true;
  }
  if (seen == self) return false;
  // Another thread is at it; that lasts some 100 us, once in the life of a process.
  while (progress.load(std::memory_order_acquire) != kDone) Syscall(SYS_sched_yield);
  return true;
}

bool SteppedAside() { return stepped_aside.load(std::memory_order_relaxed); }

}  // namespace hz4
