// SPDX-License-Identifier: Apache-2.0
#include "hz4/config_print.h"

#include <sys/syscall.h>

#include "hz4/base/record_file.h"
#include "hz4/base/syscall.h"
#include "hz4/knobs_table.h"
#include "hz4/knobs_value.h"

namespace hz4 {

namespace {

constexpr int kStrictExitStatus = 127;
constexpr size_t kNameColumn = 48;

const char* KindName(KnobKind kind) {
  switch (kind) {
    case KnobKind::kPolicy:
      return "policy";
    case KnobKind::kOutput:
      return "output";
    case KnobKind::kLaunch:
      return "launch";
  }
  return "";
}

void PadTo(Printer* out, size_t column, size_t line_start) {
  while (out->total() - line_start < column) out->Char(' ');
}

// Whatever print writes, as a JSON string: through a buffer, because it must be escaped.
template <typename Print>
void Quoted(Printer* out, const Print& print) {
  char buffer[kTextMax + 128];
  Printer plain(buffer, sizeof(buffer));
  print(&plain);
  out->Json(plain.text(), plain.size());
}

void PrintKnobText(Printer* out, const KnobSet& set, const KnobRow& row) {
  size_t start = out->total();
  out->Str("  ").Str(row.name).Char('=');
  PrintValue(out, set.value, row.id);
  PadTo(out, kNameColumn, start);
  out->Char(' ');
  PrintOrigin(out, set, row.id);
  if (!HasEffect(set.value, row.id)) out->Str(", without effect");
  out->Char('\n');
}

void PrintKnobJson(Printer* out, const KnobSet& set, const KnobRow& row) {
  out->Str("{\"name\":").Json(row.name);
  out->Str(",\"value\":");
  Quoted(out, [&](Printer* p) { PrintValue(p, set.value, row.id); });
  out->Str(",\"default\":");
  Quoted(out, [&](Printer* p) { PrintDefault(p, row); });
  out->Str(",\"origin\":");
  Quoted(out, [&](Printer* p) { PrintOrigin(p, set, row.id); });
  out->Str(",\"kind\":").Json(KindName(row.kind));
  out->Str(",\"effect\":").Str(HasEffect(set.value, row.id) ? "true" : "false").Char('}');
}

// A seam of several steps stands in rows of the same name, one behind the other.
bool SameSeam(const SeamRow& a, const SeamRow& b) { return TextEqual(a.seam, b.seam); }

void PrintSeamsJson(Printer* out, const ConfigFacts& facts) {
  for (size_t i = 0; i < facts.seam_count; ++i) {
    const SeamRow& row = facts.seams[i];
    if (i > 0 && SameSeam(row, facts.seams[i - 1])) {
      out->Str(" -> ");
    } else {
      if (i > 0) out->Str("\",");
      out->Json(row.seam).Str(":\"");
    }
    out->JsonPart(row.function, TextLength(row.function));
  }
  if (facts.seam_count > 0) out->Char('"');
}

void PrintClassText(Printer* out, const ClassRow& row) {
  out->Str("  class ").Dec(row.size).Str(": span ").Dec(row.span_bytes).Str(", objects ");
  out->Dec(row.objects).Str(", cached at most ").Dec(row.cached).Str(", batch ");
  out->Dec(row.first_batch).Str(" to ").Dec(row.most_batch).Char('\n');
}

// Calls visit(text, length) for each note.
template <typename Visit>
void ForEachNote(const KnobSet& set, const Visit& visit) {
  size_t at = 0;
  while (at < set.notes_size) {
    size_t length = TextLength(set.notes + at);
    visit(set.notes + at, length);
    at += length + 1;
  }
}

// Behind the notes, when there were more than fit.
void PrintDropped(Printer* out, const KnobSet& set) {
  out->Str("and ").Dec(set.notes_dropped).Str(" more");
}

void ReportHelp() {
  char buffer[1024];
  Printer out(buffer, sizeof(buffer), kStderr);
  PrintHelp(&out);
  out.Flush();
}

void ReportRecord(const KnobSet& set, const ConfigFacts& facts) {
  RecordFile file(set.value.output.chars);
  char buffer[kRecordBytes];
  Printer out(buffer, sizeof(buffer), file.fd());
  if (set.value.print_config == ConfigFormat::kJson) {
    PrintConfigJson(&out, set, facts);
  } else {
    PrintConfigText(&out, set, facts, set.value.print_config == ConfigFormat::kChanged);
  }
  out.Flush();
}

void Line(void*, const char* text, size_t length) {
  char buffer[1024];
  Printer out(buffer, sizeof(buffer), kStderr);
  out.Str("hz4: ").Str(text, length).Char('\n');
  out.Flush();
}

}  // namespace

const DiagnosticSink kStderrSink = {Line, nullptr};

void PrintOrigin(Printer* out, const KnobSet& set, KnobId id) {
  const Origin& origin = set.OriginOf(id);
  switch (origin.kind) {
    case OriginKind::kDefault:
      out->Str("default");
      return;
    case OriginKind::kProfile:
      out->Str("profile");
      return;
    case OriginKind::kEnvironment:
      out->Str("environment");
      return;
    case OriginKind::kImplied:
      out->Str("implied by ").Str(RowOf(origin.by).name);
      return;
    case OriginKind::kFallback:
      out->Str("fallback because ");
      if (origin.why != nullptr) {
        out->Str(origin.why);
        return;
      }
      out->Str(RowOf(origin.by).name).Char('=');
      PrintValue(out, set.value, origin.by);
  }
}

void PrintHelp(Printer* out) {
  out->Str("hz4: environment variables, read once when the process starts\n");
  for (const KnobRow& row : kKnobRows) {
    out->Str("  ").Str(row.name).Str("  (").Str(KindName(row.kind));
    out->Str(row.maturity == Maturity::kExperiment ? ", experiment)\n      " : ")\n      ");
    out->Str(row.sentence).Str("\n      allowed: ");
    PrintAllowed(out, row);
    out->Str("; default: ");
    PrintDefault(out, row);
    for (const KnobNeed& need : row.relation.needs) {
      if (need.knob == kNoKnob) break;
      out->Str("; needs ").Str(RowOf(need.knob).name).Char('=');
      PrintNumber(out, RowOf(need.knob), need.value);
    }
    if (row.relation.box != kNoKnob) out->Str("; of ").Str(RowOf(row.relation.box).name);
    out->Char('\n');
  }
  out->Str("  Profiles:\n");
  for (const ProfileName& profile : kProfileNames) {
    out->Str("    ").Str(profile.name).Str(": ").Str(profile.sentence).Char('\n');
  }
}

void PrintConfigText(Printer* out, const KnobSet& set, const ConfigFacts& facts,
                     bool only_changed) {
  out->Str("hz4 ").Str(facts.library.version).Str(" pid ").Dec(ProcessId());
  out->Str(" fingerprint ").Hex16(Fingerprint(set.value)).Char('\n');
  out->Str("  library ").Str(facts.library.path).Str(" build id ").Str(facts.library.build_id);
  out->Char('\n');
  for (const KnobRow& row : kKnobRows) {
    bool changed = set.OriginOf(row.id).kind != OriginKind::kDefault;
    if (changed || !only_changed) PrintKnobText(out, set, row);
  }
  ForEachNote(set, [&](const char* text, size_t length) {
    out->Str("  note: ").Str(text, length).Char('\n');
  });
  if (set.notes_dropped > 0) {
    out->Str("  note: ");
    PrintDropped(out, set);
    out->Char('\n');
  }
  for (size_t i = 0; i < facts.seam_count; ++i) {
    out->Str("  seam ").Str(facts.seams[i].seam).Str(": ").Str(facts.seams[i].function).Char('\n');
  }
  if (only_changed) return;
  for (size_t i = 0; i < facts.class_count; ++i) PrintClassText(out, facts.classes[i]);
}

void PrintConfigJson(Printer* out, const KnobSet& set, const ConfigFacts& facts) {
  out->Str("{\"hz4\":\"config\",\"version\":").Json(facts.library.version);
  out->Str(",\"build_id\":").Json(facts.library.build_id);
  out->Str(",\"pid\":").Dec(ProcessId());
  out->Str(",\"fingerprint\":\"").Hex16(Fingerprint(set.value));
  out->Str("\",\"library\":").Json(facts.library.path);
  out->Str(",\"knobs\":");
  char separator = '[';
  for (const KnobRow& row : kKnobRows) {
    out->Char(separator);
    separator = ',';
    PrintKnobJson(out, set, row);
  }
  out->Str("],\"notes\":[");
  const char* comma = "";
  ForEachNote(set, [&](const char* text, size_t length) {
    out->Str(comma).Json(text, length);
    comma = ",";
  });
  if (set.notes_dropped > 0) {
    out->Str(comma);
    Quoted(out, [&](Printer* p) { PrintDropped(p, set); });
  }
  out->Str("],\"seams\":{");
  PrintSeamsJson(out, facts);
  out->Str("}}\n");
}

void ReportConfig(const KnobSet& set, const ConfigFacts& facts) {
  if (set.value.help) ReportHelp();
  if (set.value.print_config != ConfigFormat::kOff) ReportRecord(set, facts);
}

void StopForErrors(const KnobSet& set) {
  char buffer[128];
  Printer out(buffer, sizeof(buffer), kStderr);
  out.Str("hz4: HZ4_STRICT=abort: ").Dec(set.errors);
  out.Str(set.errors == 1 ? " error in the environment; " : " errors in the environment; ");
  out.Str("the process ends here\n");
  out.Flush();
  for (;;) Syscall(SYS_exit_group, kStrictExitStatus);
}

}  // namespace hz4
