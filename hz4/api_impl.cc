// SPDX-License-Identifier: Apache-2.0
#include "hz4/api_impl.h"

#include <errno.h>
#include <limits.h>

#include "hz4/base/print.h"
#include "hz4/dispatch.h"
#include "hz4/gauges.h"
#include "hz4/hz4.h"
#include "hz4/init.h"
#include "hz4/report.h"
#include "hz4/step_aside.h"

namespace hz4 {
namespace api {
namespace {

// libc's function of that name while hz4 steps aside; nullptr: hz4 answers itself.
template <typename F>
F Aside(const char* name) {
  EnsureInitialized();
  return SteppedAside() ? reinterpret_cast<F>(LibcFunction(name)) : nullptr;
}

int Clamp(size_t value) { return value > INT_MAX ? INT_MAX : static_cast<int>(value); }

}  // namespace

int Trim() {
  if (auto f = Aside<int (*)(size_t)>("malloc_trim")) return f(0);
  return Table().release_memory() > 0 ? 1 : 0;
}

int Mallopt(int param, int value) {
  if (auto f = Aside<int (*)(int, int)>("mallopt")) return f(param, value);
  switch (param) {
    case M_MXFAST:
    case M_TRIM_THRESHOLD:
    case M_TOP_PAD:
    case M_MMAP_THRESHOLD:
    case M_MMAP_MAX:
    case M_CHECK_ACTION:
    case M_PERTURB:
    case M_ARENA_TEST:
    case M_ARENA_MAX:
      return 1;
    default:
      return 0;
  }
}

struct mallinfo2 Mallinfo2() {
  if (auto f = Aside<struct mallinfo2 (*)()>("mallinfo2")) return f();
  Gauges g;
  FillGauges(&g);
  struct mallinfo2 info = {};
  info.arena = g.mapped_bytes - g.released_bytes;
  info.uordblks = g.live_bytes;
  info.fordblks = info.arena > g.live_bytes ? info.arena - g.live_bytes : 0;
  info.keepcost = g.page_free_bytes;
  return info;
}

struct mallinfo Mallinfo() {
  const struct mallinfo2 wide = Mallinfo2();
  struct mallinfo info = {};
  info.arena = Clamp(wide.arena);
  info.ordblks = Clamp(wide.ordblks);
  info.hblks = Clamp(wide.hblks);
  info.hblkhd = Clamp(wide.hblkhd);
  info.uordblks = Clamp(wide.uordblks);
  info.fordblks = Clamp(wide.fordblks);
  info.keepcost = Clamp(wide.keepcost);
  return info;
}

int MallocInfo(int options, FILE* file) {
  if (auto f = Aside<int (*)(int, FILE*)>("malloc_info")) return f(options, file);
  if (options != 0) return EINVAL;
  Gauges g;
  FillGauges(&g);
  char buffer[2048];
  Printer out(buffer, sizeof(buffer));
  out.Str("<malloc version=\"hz4-").Str(kVersion).Str("\">\n");
  for (const GaugeRow& row : kGaugeRows) {
    out.Str("<gauge name=\"").Str(row.name).Str("\" unit=\"").Str(row.unit).Str("\" value=\"");
    out.Dec(g.*row.field).Str("\"/>\n");
  }
  out.Str("</malloc>\n");
  return fwrite(buffer, 1, out.size(), file) == out.size() ? 0 : -1;
}

void MallocStats() {
  if (auto f = Aside<void (*)()>("malloc_stats")) return f();
  char buffer[1024];
  Printer out(buffer, sizeof(buffer), kStderr);
  PrintStats(&out, ReportFormat::kText);
  out.Flush();
}

}  // namespace api
}  // namespace hz4

using hz4::PrintConfig;
using hz4::Printer;
using hz4::PrintStats;
using hz4::ReportFormat;

namespace {

template <void (*Print)(Printer*, ReportFormat)>
size_t Into(char* buffer, size_t size, ReportFormat format) {
  hz4::EnsureInitialized();
  char nothing[1];
  Printer out(size > 0 ? buffer : nothing, size > 0 ? size : sizeof(nothing));
  Print(&out, format);
  return out.total();
}

}  // namespace

#define EXPORT extern "C" HZ4_EXPORT

EXPORT const char* hz4_version(void) { return hz4::kVersion; }
EXPORT size_t hz4_stats_text(char* buffer, size_t size) {
  return Into<PrintStats>(buffer, size, ReportFormat::kText);
}
EXPORT size_t hz4_stats_json(char* buffer, size_t size) {
  return Into<PrintStats>(buffer, size, ReportFormat::kJson);
}
EXPORT size_t hz4_config_text(char* buffer, size_t size) {
  return Into<PrintConfig>(buffer, size, ReportFormat::kText);
}
EXPORT size_t hz4_config_json(char* buffer, size_t size) {
  return Into<PrintConfig>(buffer, size, ReportFormat::kJson);
}
EXPORT uint64_t hz4_fingerprint(void) {
  hz4::EnsureInitialized();
  return hz4::Fingerprint(hz4::EffectiveKnobs());
}
EXPORT size_t hz4_release_memory(void) {
  hz4::EnsureInitialized();
  return hz4::SteppedAside() ? 0 : hz4::Table().release_memory();
}
