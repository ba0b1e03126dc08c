// SPDX-License-Identifier: Apache-2.0
//
// knobs_doc knobs|stats: prints docs/KNOBS.md or docs/STATS.md to stdout.
#include <cstdio>
#include <string>

#include "hz4/tools/knobs_doc.h"

int main(int argc, char** argv) {
  const std::string which = argc == 2 ? argv[1] : "";
  if (which != "knobs" && which != "stats") {
    fprintf(stderr, "usage: knobs_doc knobs|stats, not \"%s\"\n", which.c_str());
    return 2;
  }
  const std::string text = which == "knobs" ? hz4::KnobsDocument() : hz4::StatsDocument();
  if (fwrite(text.data(), 1, text.size(), stdout) != text.size() || fclose(stdout) != 0) {
    perror("knobs_doc: cannot write");
    return 1;
  }
  return 0;
}
