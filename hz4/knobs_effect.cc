// SPDX-License-Identifier: Apache-2.0
//
// What knobs mean for each other: needs, bounds, and which of them have an effect.
#include "hz4/knobs_parse.h"
#include "hz4/knobs_value.h"

namespace hz4 {

namespace {

Origin& OriginOf(KnobSet* set, KnobId id) { return set->origin[static_cast<size_t>(id)]; }

bool Holds(const Knobs& knobs, const KnobNeed& need) {
  return need.knob == kNoKnob || GetKnob(knobs, need.knob) == need.value;
}

// A box that is set to off asks for nothing; every other knob that is set does.
bool Asks(const KnobSet& set, const KnobRow& row) {
  OriginKind origin = set.OriginOf(row.id).kind;
  if (origin != OriginKind::kEnvironment && origin != OriginKind::kProfile) return false;
  return row.type != KnobType::kBool || GetKnob(set.value, row.id) != 0;
}

// Of what the knob needs, and of what that needs: the knob that the user set otherwise.
KnobId Obstacle(const KnobSet& set, KnobId id) {
  for (const KnobNeed& need : RowOf(id).relation.needs) {
    if (need.knob == kNoKnob) break;
    bool by_user = set.OriginOf(need.knob).kind == OriginKind::kEnvironment;
    if (by_user && !Holds(set.value, need)) return need.knob;
    KnobId deeper = Obstacle(set, need.knob);
    if (deeper != kNoKnob) return deeper;
  }
  return kNoKnob;
}

void SwitchOff(KnobSet* set, const KnobRow& row, KnobId by) {
  SetKnob(&set->value, row.id, row.type == KnobType::kBool ? 0 : row.initial);
  OriginOf(set, row.id) = {OriginKind::kFallback, by, nullptr};
}

// Sets what the knob needs; the deepest need first. Returns how many were set.
unsigned Imply(KnobSet* set, KnobId id, KnobId root, KnobLine* line) {
  unsigned implied = 0;
  for (const KnobNeed& need : RowOf(id).relation.needs) {
    if (need.knob == kNoKnob) break;
    implied += Imply(set, need.knob, root, line);
    if (Holds(set->value, need)) continue;
    SetKnob(&set->value, need.knob, need.value);
    OriginOf(set, need.knob) = {OriginKind::kImplied, root, nullptr};
    line->out().Char(' ');
    line->Setting(set->value, need.knob);
    ++implied;
  }
  return implied;
}

void ApplyNeedsOf(KnobSet* set, const DiagnosticSink* sink, const KnobRow& row) {
  KnobLine line;
  line.Setting(set->value, row.id);
  KnobId obstacle = Obstacle(*set, row.id);
  if (obstacle != kNoKnob) {
    line.out().Str(" has no effect: ");
    line.Setting(set->value, obstacle).Str(" is set");
    SwitchOff(set, row, obstacle);
    line.Tell(set, sink);
    return;
  }
  line.out().Str(" implies");
  if (Imply(set, row.id, row.id, &line) > 0) line.Tell(set, sink);
}

// A box that is on by default follows a need that was changed away from its default; with a need at
// its default (the ladder's boxes while the route is the array) it just waits.
void FollowNeeds(KnobSet* set, const KnobRow& row) {
  for (const KnobNeed& need : row.relation.needs) {
    if (Holds(set->value, need)) continue;
    if (GetKnob(set->value, need.knob) == RowOf(need.knob).initial) continue;
    return SwitchOff(set, row, need.knob);
  }
}

void LowerTo(KnobSet* set, const DiagnosticSink* sink, const KnobRow& row, uint64_t bound) {
  SetKnob(&set->value, row.id, bound);
  OriginOf(set, row.id) = {OriginKind::kImplied, row.range.up_to, nullptr};
  if (!HasEffect(set->value, row.id)) return;
  KnobLine line;
  line.Setting(set->value, row.range.up_to).Str(" implies ");
  line.Setting(set->value, row.id);
  line.Tell(set, sink);
}

void RejectAbove(KnobSet* set, const DiagnosticSink* sink, const KnobRow& row, uint64_t bound) {
  KnobLine line;
  line.Setting(set->value, row.id).Str(": above ");
  line.Setting(set->value, row.range.up_to).Str("; allowed: ");
  PrintAllowed(&line.out(), row);
  if (row.initial <= bound) {
    SetKnob(&set->value, row.id, row.initial);
    OriginOf(set, row.id) = {};
    line.out().Str("; using the default ");
  } else {
    SetKnob(&set->value, row.id, bound);
    OriginOf(set, row.id) = {OriginKind::kImplied, row.range.up_to, nullptr};
    line.out().Str("; using ");
  }
  PrintValue(&line.out(), set->value, row.id);
  ++set->errors;
  line.Tell(set, sink);
}

// The knob that keeps this one from having an effect; kNoKnob when it has one.
KnobId Hindrance(const Knobs& knobs, KnobId id) {
  const KnobRelation& relation = RowOf(id).relation;
  if (relation.box != kNoKnob) {
    KnobId deeper = Hindrance(knobs, relation.box);
    if (deeper != kNoKnob) return deeper;
    if (GetKnob(knobs, relation.box) == 0) return relation.box;
  }
  for (const KnobNeed& need : relation.needs) {
    if (need.knob == kNoKnob) break;
    KnobId deeper = Hindrance(knobs, need.knob);
    if (deeper != kNoKnob) return deeper;
    if (!Holds(knobs, need)) return need.knob;
  }
  return kNoKnob;
}

}  // namespace

bool HasEffect(const Knobs& knobs, KnobId id) { return Hindrance(knobs, id) == kNoKnob; }

void ApplyNeeds(KnobSet* set, const DiagnosticSink* sink) {
  for (const KnobRow& row : kKnobRows) {
    if (row.relation.needs[0].knob != kNoKnob && Asks(*set, row)) ApplyNeedsOf(set, sink, row);
  }
  for (const KnobRow& row : kKnobRows) {
    bool by_default = set->OriginOf(row.id).kind == OriginKind::kDefault;
    if (row.type == KnobType::kBool && by_default && GetKnob(set->value, row.id) != 0) {
      FollowNeeds(set, row);
    }
  }
}

void ApplyBounds(KnobSet* set, const DiagnosticSink* sink) {
  for (const KnobRow& row : kKnobRows) {
    KnobId above = row.range.up_to;
    if (above == kNoKnob) continue;
    uint64_t bound = GetKnob(set->value, above);
    if (GetKnob(set->value, row.id) <= bound) continue;
    if (set->OriginOf(row.id).kind == OriginKind::kEnvironment) {
      RejectAbove(set, sink, row, bound);
    } else {
      LowerTo(set, sink, row, bound);
    }
  }
}

void TellWithoutEffect(KnobSet* set, const DiagnosticSink* sink) {
  for (const KnobRow& row : kKnobRows) {
    if (set->OriginOf(row.id).kind != OriginKind::kEnvironment) continue;
    KnobId hindrance = Hindrance(set->value, row.id);
    // To switch off what is off by default is not worth a line.
    bool changes = row.relation.box != kNoKnob || GetKnob(set->value, row.id) != row.initial;
    if (hindrance == kNoKnob || !changes) continue;
    KnobLine line;
    line.Setting(set->value, row.id).Str(" has no effect: ").Str(RowOf(hindrance).name).Str(" is ");
    PrintValue(&line.out(), set->value, hindrance);
    line.Tell(set, sink);
  }
}

}  // namespace hz4
