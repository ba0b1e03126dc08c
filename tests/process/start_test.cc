// SPDX-License-Identifier: Apache-2.0
//
// Programs that allocate very early or very late, or in which C++ arrives late.

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/child.h"

namespace hz4 {
namespace test {
namespace {

const char kLibrary[] = "tests/process/libearly.so";

// Everything that libearly.so and early_program do, in any order.
const std::vector<std::string> kWhen = {
    "atexit",         "constructor", "constructor 101",   "destructor",
    "destructor 101", "main",        "static destructor", "thread"};

void ExpectAllWork(Child child) {
  const ChildResult result = child.Run();
  EXPECT_TRUE(result.Succeeded()) << result.description;
  std::istringstream out(result.out());
  std::vector<std::string> lines;
  for (std::string line; std::getline(out, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  EXPECT_EQ(lines, kWhen) << result.description;
}

TEST(Start, BeforeMainAndAfterIt) {
  const std::string hz4 = Runfile("hz4/libhz4.so");
  const std::string early = Runfile(kLibrary);
  const std::string program = Runfile("tests/process/early_program");
  const std::string linked = Runfile("tests/process/early_program_linked");
  ExpectAllWork(Child({program}).Set("LD_PRELOAD=" + hz4 + ":" + early));
  ExpectAllWork(Child({program}).Set("LD_PRELOAD=" + early + ":" + hz4));
  ExpectAllWork(Child({linked}).Set("LD_PRELOAD=" + early));
}

TEST(Start, UnderAnAuditLibrary) {
  const std::string both = Runfile("hz4/libhz4.so") + ":" + Runfile(kLibrary);
  ExpectAllWork(Child({Runfile("tests/process/early_program")})
                    .Set("LD_PRELOAD=" + both)
                    .Set("LD_AUDIT=" + Runfile("tests/process/libaudit.so")));
}

TEST(Start, CxxThatIsOpenedLater) {
  const ChildResult result =
      Child({Runfile("tests/process/late_cxx_program"), Runfile("tests/process/liblate_cxx.so")})
          .Preload()
          .Run();
  EXPECT_TRUE(result.Succeeded()) << result.description;
}

// Without arguments, environment or standard streams.
TEST(Start, WithNextToNothing) {
  for (const char* script : {"exec env -i LD_PRELOAD=\"$LD_PRELOAD\" /bin/true",
                             "exec /bin/true <&- >&- 2>&-", "ulimit -s 256; exec /bin/true"}) {
    const ChildResult result = Child({"/bin/sh", "-c", script}).Preload().Run();
    EXPECT_TRUE(result.Succeeded()) << result.description;
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
