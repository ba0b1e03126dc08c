// SPDX-License-Identifier: Apache-2.0
#include "hz4/report.h"

#include <dlfcn.h>
#include <elf.h>

#include <cstring>

#include "hz4/base/bits.h"
#include "hz4/capacity.h"
#include "hz4/config_print.h"
#include "hz4/dispatch.h"
#include "hz4/gauges.h"
#include "hz4/stats/print.h"

namespace hz4 {
namespace {

// The seams with their resolved functions, steps as "name[i]".
struct Seams {
  static constexpr size_t kMax = 64;
  SeamRow rows[kMax];
  size_t count = 0;

  void Add(const char* seam, const char* function) {
    if (function != nullptr && count < kMax) rows[count++] = {seam, function};
  }
  Seams() {
    const DispatchNames& names = sealed.names;
#define HZ4_DOOR(name, ret, params, text) Add(#name, names.name);
#define HZ4_SEAM(name, ret, params, text) Add(#name, names.name);
#define HZ4_STEPS(name, type, max, text) \
  for (const char* step : names.name) Add(#name, step);
#include "hz4/seams.def"
  }
};

struct ClassRows {
  ClassRow rows[kNumClasses];
};
constexpr ClassRows MakeClassRows() {
  ClassRows all{};
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    const ClassInfo& c = Class(cls);
    const auto span_bytes = static_cast<uint32_t>(c.span_pages * kPageSize);
    all.rows[cls - 1] = {c.size,        span_bytes,      c.objects,
                         MaxSlots(cls), FirstBatch(cls), BatchOf(cls, MaxSlots(cls))};
  }
  return all;
}
constexpr ClassRows kClassRows = MakeClassRows();

// The GNU build id of the object that contains us, as hexadecimal digits; "" when it has none.
void FindBuildId(const void* object_start, char* digits, size_t size) {
  digits[0] = '\0';
  const char* base = static_cast<const char*>(object_start);
  const Elf64_Ehdr* header = static_cast<const Elf64_Ehdr*>(object_start);
  if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return;
  const Elf64_Phdr* segment = reinterpret_cast<const Elf64_Phdr*>(base + header->e_phoff);
  for (int i = 0; i < header->e_phnum; ++i, ++segment) {
    if (segment->p_type != PT_NOTE) continue;
    const bool fixed_address = header->e_type == ET_EXEC;
    const char* at =
        fixed_address ? reinterpret_cast<const char*>(segment->p_vaddr) : base + segment->p_vaddr;
    const char* end = at + segment->p_memsz;
    while (at + sizeof(Elf64_Nhdr) <= end) {
      const Elf64_Nhdr* note = reinterpret_cast<const Elf64_Nhdr*>(at);
      const char* name = at + sizeof(*note);
      const char* value = name + AlignUp(note->n_namesz, 4);
      if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(name, "GNU", 4) == 0) {
        Printer out(digits, size);
        for (unsigned b = 0; b < note->n_descsz; ++b) {
          const unsigned byte = static_cast<unsigned char>(value[b]);
          out.Hex(byte >> 4).Hex(byte & 15);
        }
        return;
      }
      at = value + AlignUp(note->n_descsz, 4);
    }
  }
}

struct Facts {
  Seams seams;
  char build_id[65];
  ConfigFacts config;

  Facts() {
    Dl_info info = {};
    const bool found = dladdr(&sealed, &info) != 0;
    build_id[0] = '\0';
    if (found) FindBuildId(info.dli_fbase, build_id, sizeof(build_id));
    const char* path = found && info.dli_fname != nullptr ? info.dli_fname : "";
    config = {{kVersion, build_id, path}, seams.rows, seams.count, kClassRows.rows, kNumClasses};
  }
};

}  // namespace

void ReportAtLaunch() {
  const Knobs& knobs = EffectiveKnobs();
  if (!knobs.help && knobs.print_config == ConfigFormat::kOff) return;
  const Facts facts;
  ReportConfig(sealed.knobs, facts.config);
}

static void FillReport(const Facts& facts, StatsReport* report) {
  report->knobs = &EffectiveKnobs();
  report->library = facts.config.library;
  report->totals = MergeStats();
  FillGauges(&report->gauges);
}

void ReportAtExit() {
  if (!WantsStats(EffectiveKnobs())) return;
  const Facts facts;
  StatsReport report;
  FillReport(facts, &report);
  WriteStats(report);
}

void PrintStats(Printer* out, ReportFormat format) {
  const Facts facts;
  StatsReport report;
  FillReport(facts, &report);
  if (format == ReportFormat::kJson) {
    PrintStatsJson(out, report);
  } else {
    PrintStatsText(out, report);
  }
}

void PrintConfig(Printer* out, ReportFormat format) {
  const Facts facts;
  if (format == ReportFormat::kJson) {
    PrintConfigJson(out, sealed.knobs, facts.config);
  } else {
    PrintConfigText(out, sealed.knobs, facts.config, /*only_changed=*/false);
  }
}

}  // namespace hz4
