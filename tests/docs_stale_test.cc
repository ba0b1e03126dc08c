// SPDX-License-Identifier: Apache-2.0
//
// docs/KNOBS.md and docs/STATS.md are what the registry says now.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "bench/runfile.h"
#include "hz4/tools/knobs_doc.h"

namespace hz4 {
namespace {

// The first line in which they differ, for the message.
std::string FirstDifference(const std::string& file, const std::string& registry) {
  std::istringstream a(file), b(registry);
  std::string in_file, in_registry;
  for (int line = 1;; ++line) {
    bool more_file = static_cast<bool>(std::getline(a, in_file));
    bool more_registry = static_cast<bool>(std::getline(b, in_registry));
    if (!more_file && !more_registry) return "";
    if (more_file && more_registry && in_file == in_registry) continue;
    return "line " + std::to_string(line) + "\n  file:     " + (more_file ? in_file : "(ends)") +
           "\n  registry: " + (more_registry ? in_registry : "(ends)");
  }
}

void ExpectFresh(const std::string& path, const std::string& which, const std::string& expected) {
  std::string runfile = FindRunfile(path);
  ASSERT_NE(runfile, "") << path << " is not among this test's files";
  std::ostringstream text;
  text << std::ifstream(runfile).rdbuf();
  EXPECT_TRUE(text.str() == expected)
      << path << " is stale, " << FirstDifference(text.str(), expected)
      << "\nrefresh it: ./bazelw run //hz4/tools:knobs_doc -- " << which << " > " << path;
}

TEST(Documents, KnobsAreFresh) { ExpectFresh("docs/KNOBS.md", "knobs", KnobsDocument()); }
TEST(Documents, StatsAreFresh) { ExpectFresh("docs/STATS.md", "stats", StatsDocument()); }

}  // namespace
}  // namespace hz4
