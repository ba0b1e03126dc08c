// SPDX-License-Identifier: Apache-2.0
//
// The steps of ParseKnobs that stand in files of their own, and how they speak. Not for others.
#ifndef HZ4_KNOBS_PARSE_H_
#define HZ4_KNOBS_PARSE_H_

#include "hz4/base/print.h"
#include "hz4/knobs_table.h"

namespace hz4 {

// One line to the user, under construction.
class KnobLine {
 public:
  KnobLine() : out_(buffer_, sizeof(buffer_)) {}
  Printer& out() { return out_; }
  // "NAME=value", as it is now.
  Printer& Setting(const Knobs& knobs, KnobId id);

  // To the sink, and to the set's notes.
  void Tell(KnobSet* set, const DiagnosticSink* sink);

 private:
  char buffer_[768];
  Printer out_;
};

// What the boxes that are set need is set too; boxes whose needs the user switched off go off.
void ApplyNeeds(KnobSet* set, const DiagnosticSink* sink);
// Numbers that another knob's value bounds.
void ApplyBounds(KnobSet* set, const DiagnosticSink* sink);
// Tells which variables change nothing.
void TellWithoutEffect(KnobSet* set, const DiagnosticSink* sink);

}  // namespace hz4

#endif  // HZ4_KNOBS_PARSE_H_
