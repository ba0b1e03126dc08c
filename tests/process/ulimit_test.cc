// SPDX-License-Identifier: Apache-2.0
//
// Little address space, little writable memory: programs run as they do on libc's malloc.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <vector>

#include "tests/support/child.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

// Address space of 195 MiB; writable memory, which vm.overcommit_memory=2 would count for all.
const char* const kLimits[] = {"ulimit -v 200000", "ulimit -d 150000"};

// /bin/sh sets the limit and becomes the program; both run on hz4.
Child Limited(const std::string& limit, const std::vector<std::string>& argv) {
  std::vector<std::string> shell = {"/bin/sh", "-c", limit + "; exec \"$@\"", "sh"};
  shell.insert(shell.end(), argv.begin(), argv.end());
  return Child(shell).Preload();
}

// Under each limit the program says what it says without limits and without hz4.
void ExpectTheSameUnderLimits(const std::vector<std::string>& argv) {
  if (FindExecutable(argv[0]).empty()) GTEST_SKIP() << "no " << argv[0];
  const ChildResult expected = Child(argv).Run();
  ASSERT_TRUE(expected.Succeeded()) << expected.description;
  for (const char* limit : kLimits) {
    const ChildResult result = Limited(limit, argv).Run();
    EXPECT_TRUE(result.Succeeded()) << result.description;
    EXPECT_EQ(result.out(), expected.out()) << result.description;
  }
}

TEST(Ulimit, True) {
  for (const char* limit : kLimits) {
    const ChildResult result = Limited(limit, {"/bin/true"}).Run();
    EXPECT_TRUE(result.Succeeded()) << result.description;
    EXPECT_EQ(result.err(), "") << result.description;
  }
}

TEST(Ulimit, Python) {
  ExpectTheSameUnderLimits({"python3", "-c",
                            "import json\n"
                            "rows = [{'n': i, 's': 'x' * (i % 300)} for i in range(40000)]\n"
                            "text = json.dumps(rows)\n"
                            "assert json.loads(text) == rows\n"
                            "del rows\n"
                            "b = bytearray(60 << 20)\n"
                            "b[::4096] = b'y' * len(b[::4096])\n"
                            "print(len(text), len(b))\n"});
}

TEST(Ulimit, Perl) {
  ExpectTheSameUnderLimits({"perl", "-e",
                            "my %h; $h{$_} = 'x' x ($_ % 200) for 1..50000; my $n = 0;"
                            "$n += length $h{$_} for keys %h; print \"$n\\n\""});
}

// The traces need more than this now and then: a refusal is an answer, anything else is not.
TEST(Ulimit, Trace) {
  for (const char* limit : kLimits) {
    // Stacks are address space, too.
    const ChildResult result = Limited(std::string("ulimit -s 512; ") + limit,
                                       {Runfile("tests/process/trace_plain"),
                                        "--gtest_filter=Trace.Every*:Trace.Mid*:Trace.Large*"})
                                   .Set("TEST_REFUSALS=1")
                                   .Set("TEST_SEED=" + std::to_string(Seed()))
                                   .Run();
    EXPECT_TRUE(result.Succeeded()) << result.description;
  }
}

// Most of what the limit leaves is the program's: libc's malloc gives 60% of it in blocks of 1000.
TEST(Ulimit, MostOfItCanBeUsed) {
  const char* const script =
      "import ctypes\n"
      "libc = ctypes.CDLL(None)\n"
      "libc.malloc.restype = ctypes.c_void_p\n"
      "libc.malloc.argtypes = [ctypes.c_size_t]\n"
      "n = 0\n"
      "while libc.malloc(10000): n += 10000\n"
      "print(n)\n";
  if (FindExecutable("python3").empty()) GTEST_SKIP() << "no python3";
  for (const char* limit : kLimits) {
    const ChildResult result = Limited(limit, {"python3", "-c", script}).Run();
    EXPECT_TRUE(result.Succeeded()) << result.description;
    EXPECT_GT(atol(result.out().c_str()), 90 << 20) << result.description;
  }
}

// The whole machine's rule, where somebody with the rights to it asks for the test.
TEST(Overcommit, Refused) {
  const std::string path = "/proc/sys/vm/overcommit_memory";
  if (Variable("TEST_SET_OVERCOMMIT").empty()) {
    GTEST_SKIP()
        << "changes a rule of the whole machine: set TEST_SET_OVERCOMMIT=1 to have it done";
  }
  const std::string before = ReadFile(path);
  WriteFile(path, "2\n");
  const bool set = ReadFile(path) == "2\n";
  const ChildResult result = Child({"/bin/sh", "-c", "ls / >/dev/null && exec \"$@\"", "sh",
                                    Runfile("tests/process/trace_plain")})
                                 .Preload()
                                 .Run();
  WriteFile(path, before);
  if (!set) GTEST_SKIP() << path << " is not writable";
  EXPECT_TRUE(result.Succeeded()) << result.description;
}

}  // namespace
}  // namespace test
}  // namespace hz4
