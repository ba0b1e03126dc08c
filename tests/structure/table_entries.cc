// SPDX-License-Identifier: Apache-2.0
//
// What the table holds under given knobs, for callgraph.py: `table_entries NAME=VALUE...` prints
// the address of every entry as it stands in this file, one hexadecimal number a line, for each
// kind of machine that resolution tells apart. Knobs that are wrong are errors: exit 2.
#include <cstdint>
#include <cstdio>
#include <initializer_list>

#include "hz4/resolve.h"

extern "C" {
// Where this file begins and its code ends in memory; the linker defines them.
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[];
}

namespace {

template <class Function>
void Print(Function* function) {
  const char* address = reinterpret_cast<const char*>(function);
  // libc's functions can stand in the table, too; they are not in this file.
  if (address < __ehdr_start || address >= etext) return;
  printf("%zx\n", static_cast<size_t>(address - __ehdr_start));
}

template <class Step>
void PrintSteps(Step* const* steps) {
  for (; *steps != nullptr; ++steps) Print(*steps);
}

void PrintTable(const hz4::Dispatch& table) {
#define HZ4_DOOR(name, ret, params, text) Print(table.name);
#define HZ4_SEAM(name, ret, params, text) Print(table.name);
#define HZ4_STEPS(name, type, max, text) PrintSteps(table.name);
#include "hz4/seams.def"
}

void ToStderr(void*, const char* text, size_t length) {
  fprintf(stderr, "%.*s\n", static_cast<int>(length), text);
}

}  // namespace

int main(int, char** argv) {
  const hz4::DiagnosticSink sink = {ToStderr, nullptr};
  const hz4::KnobSet asked = hz4::ParseKnobs(argv + 1, &sink);
  if (asked.errors != 0) return 2;
  constexpr const char* kAvailable = nullptr;
  for (const char* percpu_unavailable : {kAvailable, "asked for by the test"}) {
    for (hz4::CpuIndex index : hz4::kCpuIndexes) {
      for (bool direct_map : {true, false}) {
        const hz4::Facts facts = {percpu_unavailable, index, direct_map};
        hz4::KnobSet knobs = asked;
        hz4::ApplyFacts(facts, &knobs, nullptr);
        PrintTable(hz4::Resolve(knobs.value, facts).table);
      }
    }
  }
  return 0;
}
