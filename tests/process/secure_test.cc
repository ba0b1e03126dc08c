// SPDX-License-Identifier: Apache-2.0
//
// A program that runs with more rights than its user (AT_SECURE): the environment decides nothing.

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/support/child.h"

namespace hz4 {
namespace test {
namespace {

TEST(Secure, EnvironmentIsIgnored) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make a set-user-ID program for another user";
  if (FindExecutable("setpriv").empty()) GTEST_SKIP() << "no setpriv (util-linux)";
  // Where another user can reach it: a test's own directory need not be.
  std::string directory = "/tmp/hz4_secure_XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  ASSERT_EQ(chmod(directory.c_str(), 0755), 0);
  const std::string program = directory + "/program";
  const std::string probe = directory + "/probe";
  const std::string output = directory + "/output";
  WriteFile(program, ReadFile(Runfile("tests/process/launch_target")));
  WriteFile(probe, ReadFile(Runfile("tests/process/launch_target_plain")));
  ASSERT_EQ(chmod(program.c_str(), 04755), 0);
  ASSERT_EQ(chmod(probe.c_str(), 04755), 0);

  auto as_nobody = [](const std::string& path) {
    return Child({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", path, "secure"});
  };
  const bool possible = as_nobody(probe).WithoutVariant().Run().out() == "secure 1\n";
  auto run = [&](const std::string& more) {
    return as_nobody(program)
        .WithoutVariant()
        .Set("HZ4_STRICT=abort")
        .Set("HZ4_NO_SUCH_KNOB=1")
        .Set("HZ4_FRONT=rubbish")
        .Set("HZ4_HELP=1")
        .Set("HZ4_PRINT_CONFIG=json")
        .Set("HZ4_STATS=json")
        .Set("HZ4_OUTPUT=" + output)
        .Set(more)
        .Run();
  };
  // Variables that the loader takes out of the environment of such a program, and what it leaves of
  // the stack where they stood.
  std::vector<ChildResult> results;
  for (const char* more :
       {"OTHER=1", "TMPDIR=/tmp", "LD_LIBRARY_PATH=/lib", "GLIBC_TUNABLES=glibc.malloc.check=1"}) {
    results.push_back(run(more));
  }
  const bool wrote = access(output.c_str(), F_OK) == 0;
  // The same program without the bit shows that the environment would have decided otherwise.
  ASSERT_EQ(chmod(program.c_str(), 0755), 0);
  const ChildResult plain = run("OTHER=1");
  unlink(program.c_str());
  unlink(probe.c_str());
  unlink(output.c_str());
  rmdir(directory.c_str());

  if (!possible) GTEST_SKIP() << "set-user-ID programs gain nothing here (nosuid, no_new_privs)";
  for (const ChildResult& secure : results) {
    EXPECT_TRUE(secure.Succeeded()) << secure.description;
    EXPECT_EQ(secure.out(), "secure 1\n") << secure.description;
    EXPECT_EQ(secure.err(), "") << secure.description;
  }
  EXPECT_FALSE(wrote) << "HZ4_OUTPUT was obeyed";
  EXPECT_FALSE(plain.Succeeded()) << plain.description;
}

}  // namespace
}  // namespace test
}  // namespace hz4
