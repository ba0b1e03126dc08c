// SPDX-License-Identifier: Apache-2.0
//
// From knobs to the table. Resolve is a pure function: it reads its arguments and nothing else, so
// a test can ask it for any combination without a process. It is the only place that knows every
// box.
#ifndef HZ4_RESOLVE_H_
#define HZ4_RESOLVE_H_

#include "hz4/dispatch.h"
#include "hz4/front/percpu.h"

namespace hz4 {

// What this machine and process allow.
struct Facts {
  const char* percpu_unavailable;  // why not; nullptr: available
  CpuIndex cpu_index;
  bool direct_map;              // the address space could be reserved
  bool huge_pages_off = false;  // by the administrator
};

// Replaces what the facts forbid by what takes its place, with the reason as origin.
void ApplyFacts(const Facts& facts, KnobSet* knobs, const DiagnosticSink* sink);
Resolution Resolve(const Knobs& knobs, const Facts& facts);
// Ends the process where the table was bound by the compiler and is another one.
void RequireBuiltFor(const Resolution& resolution);

}  // namespace hz4

#endif  // HZ4_RESOLVE_H_
