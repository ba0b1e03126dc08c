// SPDX-License-Identifier: Apache-2.0
//
// The tables of a report, once, for Markdown and HTML alike.

#ifndef HZ4_BENCH_AB_TABLES_H_
#define HZ4_BENCH_AB_TABLES_H_

#include <string>
#include <vector>

#include "bench/ab/judgement.h"
#include "bench/ab/record.h"
#include "bench/ab/samples.h"
#include "bench/ab/verdict_words.h"

namespace hz4::ab {

struct Cell {
  std::string text;
  bool number = false;      // aligned right
  bool code = false;        // a name from a program
  Tone tone = Tone::kOpen;  // shown only where `judged`
  bool judged = false;
};

struct Table {
  std::string title;
  std::string note;  // one sentence on how to read it
  std::vector<std::string> header;
  std::vector<std::vector<Cell>> rows;
};

// Everything a report is made of, computed once.
struct ReportInput {
  const Record& record;
  const Judgement& judgement;
  const Samples& samples;
};

// In the order of a report; a table with no rows has nothing to say and is left out.
std::vector<Table> ReportTables(const ReportInput& input);

// The counters worth showing: those that checks name, and those that clearly moved.
Table MechanismTable(const ReportInput& input);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_TABLES_H_
