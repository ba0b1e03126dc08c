// SPDX-License-Identifier: Apache-2.0
//
// What is said about the configuration: help, every knob with its origin, the seams as resolved.
// Allocates nothing; the Print functions write to any Printer, a caller's buffer included.
#ifndef HZ4_CONFIG_PRINT_H_
#define HZ4_CONFIG_PRINT_H_

#include "hz4/base/print.h"
#include "hz4/knobs.h"

namespace hz4 {

// Who speaks. Each is a string, never null; "" where it is not known.
struct LibraryFacts {
  const char* version;
  const char* build_id;
  const char* path;
};

// One entry of the table and the name of what answers it. A list of steps is as many rows of the
// same name, in order; JSON joins them with " -> ".
struct SeamRow {
  const char* seam;
  const char* function;
};

// What follows from the rules for one size class: bytes of an object and of a span, objects in a
// span, the most that a front cache holds, and how many move between it and the middle at a time.
struct ClassRow {
  uint32_t size;
  uint32_t span_bytes;
  uint32_t objects;
  uint32_t cached;
  uint32_t first_batch;
  uint32_t most_batch;
};

struct ConfigFacts {
  LibraryFacts library;
  const SeamRow* seams;
  size_t seam_count;
  const ClassRow* classes;
  size_t class_count;
};

// HZ4_HELP: every knob, what it does, what is allowed.
void PrintHelp(Printer* out);

// Several lines. only_changed: leaves out the knobs that have their default from nobody but us, and
// the size classes.
void PrintConfigText(Printer* out, const KnobSet& set, const ConfigFacts& facts, bool only_changed);
// One line:
//   {"hz4":"config","version":"...","build_id":"...","pid":1,"fingerprint":"0123456789abcdef",
//    "library":"...","knobs":[{"name":"...","value":"...","default":"...","origin":"...",
//    "kind":"policy","effect":true},...],"notes":["..."],"seams":{"...":"..."}}
void PrintConfigJson(Printer* out, const KnobSet& set, const ConfigFacts& facts);

// "default", "profile", "environment", "implied by HZ4_NAME", "fallback because ...".
void PrintOrigin(Printer* out, const KnobSet& set, KnobId id);

// What the knobs ask for at launch: help to stderr, the configuration to HZ4_OUTPUT.
void ReportConfig(const KnobSet& set, const ConfigFacts& facts);

// Lines to stderr, "hz4: " before each, each in one write.
extern const DiagnosticSink kStderrSink;

// The last line of a process that HZ4_STRICT=abort ends, and its end: exit status 127.
[[noreturn]] void StopForErrors(const KnobSet& set);

}  // namespace hz4

#endif  // HZ4_CONFIG_PRINT_H_
