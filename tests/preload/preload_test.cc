// SPDX-License-Identifier: Apache-2.0
//
// Real programs with libhz4.so preloaded say exactly what they say without it. Each is a shell
// script below programs/ whose second line names what it needs; shell and all children run on hz4.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sstream>

#include "tests/support/child.h"
#include "tests/support/json.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

// The first program of "# needs: a b c" that is missing, or "".
std::string Missing(const std::string& script) {
  const std::string mark = "# needs: ";
  const std::size_t at = script.find(mark);
  if (at == std::string::npos) return "a line '# needs: '";
  std::istringstream names(
      script.substr(at + mark.size(), script.find('\n', at) - at - mark.size()));
  for (std::string name; names >> name;) {
    if (FindExecutable(name).empty()) return name;
  }
  return "";
}

// A port of the loopback device that nobody listens on.
std::string FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  close(fd);
  return std::to_string(ntohs(address.sin_port));
}

class Preload : public testing::TestWithParam<const char*> {};

TEST_P(Preload, SaysTheSame) {
  const std::string path = Runfile("tests/preload/programs/" + std::string(GetParam()) + ".sh");
  const std::string missing = Missing(ReadFile(path));
  if (!missing.empty()) GTEST_SKIP() << missing << " is not installed";

  const std::string base = ScratchDirectory() + "/" + GetParam();
  ASSERT_TRUE(
      Child({"mkdir", "-p", base + "/without", base + "/with"}).WithoutVariant().Run().Succeeded());
  auto program = [&](const std::string& directory) {
    return Child({"/bin/sh", path})
        .In(directory)
        .Set("PORT=" + FreePort())
        .Set("TMPDIR=" + directory)
        .Timeout(120);
  };
  const ChildResult without = program(base + "/without").WithoutVariant().Run();
  ASSERT_TRUE(without.Succeeded()) << without.description;
  const ChildResult with = program(base + "/with")
                               .Preload()
                               .Set("HZ4_PRINT_CONFIG=json")
                               .Set("HZ4_OUTPUT=" + base + "/configuration")
                               .Run();
  EXPECT_TRUE(with.Succeeded()) << with.description;
  EXPECT_EQ(with.out(), without.out()) << with.description;
  EXPECT_EQ(with.err().find("hz4:"), std::string::npos) << with.description;

  // That hz4 was there, in more than the shell.
  std::istringstream records(ReadFile(base + "/configuration"));
  int processes = 0;
  for (std::string line; std::getline(records, line); ++processes) {
    Json record;
    std::string error;
    ASSERT_TRUE(ParseJson(line, &record, &error)) << error << "\n" << line;
  }
  EXPECT_GE(processes, 2) << with.description;
}

INSTANTIATE_TEST_SUITE_P(Program, Preload,
                         testing::Values("git", "gxx", "node", "perl", "python", "redis", "sqlite",
                                         "xz", "zstd"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace test
}  // namespace hz4
