// SPDX-License-Identifier: Apache-2.0
#include "hz4/knobs_parse.h"

#include "hz4/knobs_value.h"

namespace hz4 {

namespace {

constexpr size_t kShownBytes = 64;  // of a name or value that is not ours

struct Variable {
  const char* name;
  size_t name_length;
  const char* value;
};

// What the environment says about each knob, before it is understood.
struct Sources {
  const char* value[kKnobCount] = {};
  bool by_alias[kKnobCount] = {};
};

// A "HZ4_...=value" entry; others are none of ours.
bool ReadEntry(const char* entry, Variable* variable) {
  for (const char* p = "HZ4_"; *p != '\0'; ++p, ++entry) {
    if (*entry != *p) return false;
  }
  variable->name = entry - 4;
  size_t n = 4;
  while (*entry != '\0' && *entry != '=') {
    ++entry;
    ++n;
  }
  if (*entry == '\0') return false;
  variable->name_length = n;
  variable->value = entry + 1;
  return true;
}

// NAME_BOX for the knob NAME.
KnobId FindAlias(const Variable& variable) {
  constexpr size_t kSuffix = 4;
  const char* suffix = variable.name + variable.name_length - kSuffix;
  if (variable.name_length <= kSuffix) return kNoKnob;
  for (size_t i = 0; i < kSuffix; ++i) {
    if (suffix[i] != "_BOX"[i]) return kNoKnob;
  }
  KnobId id = FindKnob(variable.name, variable.name_length - kSuffix);
  return id != kNoKnob && HasBoxAlias(RowOf(id)) ? id : kNoKnob;
}

void TellUnknown(KnobSet* set, const DiagnosticSink* sink, const Variable& variable) {
  KnobLine line;
  line.out().Escaped(variable.name, variable.name_length, kShownBytes);
  line.out().Str(": unknown knob; nearest is ");
  line.out().Str(RowOf(NearestKnob(variable.name, variable.name_length)).name);
  ++set->errors;
  line.Tell(set, sink);
}

void TellAlias(KnobSet* set, const DiagnosticSink* sink, KnobId id, bool ignored) {
  KnobLine line;
  line.out().Str(RowOf(id).name).Str("_BOX: ");
  line.out().Str(ignored ? "ignored, because it is set as " : "is now spelled ");
  line.out().Str(RowOf(id).name);
  line.Tell(set, sink);
}

void TellTwice(KnobSet* set, const DiagnosticSink* sink, KnobId id) {
  KnobLine line;
  line.out().Str(RowOf(id).name).Str(": stands in the environment twice; the first one counts");
  line.Tell(set, sink);
}

void TakeEntry(KnobSet* set, const DiagnosticSink* sink, const char* entry, Sources* sources) {
  Variable variable;
  if (!ReadEntry(entry, &variable)) return;
  KnobId id = FindKnob(variable.name, variable.name_length);
  bool alias = id == kNoKnob;
  if (alias) id = FindAlias(variable);
  if (id == kNoKnob) return TellUnknown(set, sink, variable);

  const char*& value = sources->value[static_cast<size_t>(id)];
  bool& by_alias = sources->by_alias[static_cast<size_t>(id)];
  if (value == nullptr) {
    value = variable.value;
    by_alias = alias;
    if (alias) TellAlias(set, sink, id, false);
  } else if (alias != by_alias) {
    // Whichever came first, the knob's own name counts.
    if (by_alias) value = variable.value;
    by_alias = false;
    TellAlias(set, sink, id, true);
  } else {
    TellTwice(set, sink, id);
  }
}

void TellInvalid(KnobSet* set, const DiagnosticSink* sink, KnobId id, const char* source,
                 const char* wrong) {
  const KnobRow& row = RowOf(id);
  KnobLine line;
  Printer& out = line.out();
  out.Str(row.name).Char('=').Escaped(source, TextLength(source), kShownBytes);
  out.Str(": ").Str(wrong).Str("; allowed: ");
  PrintAllowed(&out, row);
  bool profile = set->OriginOf(id).kind == OriginKind::kProfile;
  out.Str(profile ? "; using the profile's " : "; using the default ");
  PrintValue(&out, set->value, id);
  ++set->errors;
  line.Tell(set, sink);
}

void TakeValue(KnobSet* set, const DiagnosticSink* sink, KnobId id, const Sources& sources) {
  const char* source = sources.value[static_cast<size_t>(id)];
  if (source == nullptr) return;
  uint64_t value = 0;
  const char* wrong = ParseValue(RowOf(id), source, &value, TextOf(&set->value, id));
  if (wrong != nullptr) return TellInvalid(set, sink, id, source, wrong);
  SetKnob(&set->value, id, value);
  set->origin[static_cast<size_t>(id)].kind = OriginKind::kEnvironment;
}

void ApplyProfile(KnobSet* set) {
  for (const ProfileRow& row : kProfileRows) {
    if (row.profile != set->value.profile) continue;
    SetKnob(&set->value, row.knob, row.value);
    set->origin[static_cast<size_t>(row.knob)].kind = OriginKind::kProfile;
  }
}

}  // namespace

Printer& KnobLine::Setting(const Knobs& knobs, KnobId id) {
  out_.Str(RowOf(id).name).Char('=');
  PrintValue(&out_, knobs, id);
  return out_;
}

void KnobLine::Tell(KnobSet* set, const DiagnosticSink* sink) {
  if (sink != nullptr) sink->line(sink->context, out_.text(), out_.size());
  size_t needed = out_.size() + 1;
  if (needed > sizeof(set->notes) - set->notes_size) {
    ++set->notes_dropped;
    return;
  }
  for (size_t i = 0; i < needed; ++i) set->notes[set->notes_size++] = out_.text()[i];
}

KnobSet ParseKnobs(const char* const* envp, const DiagnosticSink* sink) {
  KnobSet set;
  Sources sources;
  for (; envp != nullptr && *envp != nullptr; ++envp) TakeEntry(&set, sink, *envp, &sources);

  TakeValue(&set, sink, KnobId::kProfile, sources);
  ApplyProfile(&set);
  for (const KnobRow& row : kKnobRows) {
    if (row.id != KnobId::kProfile) TakeValue(&set, sink, row.id, sources);
  }
  ApplyNeeds(&set, sink);
  ApplyBounds(&set, sink);
  TellWithoutEffect(&set, sink);
  return set;
}

void SetFallback(KnobSet* set, KnobId id, uint64_t value, const char* why,
                 const DiagnosticSink* sink) {
  Origin& origin = set->origin[static_cast<size_t>(id)];
  bool asked = origin.kind != OriginKind::kDefault;
  SetKnob(&set->value, id, value);
  origin = {OriginKind::kFallback, kNoKnob, why};

  KnobLine line;
  line.Setting(set->value, id).Str(", because ").Str(why);
  line.Tell(set, asked ? sink : nullptr);
}

}  // namespace hz4
