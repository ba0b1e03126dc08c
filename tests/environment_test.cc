// SPDX-License-Identifier: Apache-2.0
#include "hz4/environment.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace hz4 {
namespace {

using Stack = std::vector<uintptr_t>;

uintptr_t Address(const char* text) { return reinterpret_cast<uintptr_t>(text); }

// What the kernel lays out for a program.
Stack MakeStack(const std::vector<const char*>& argv, const std::vector<const char*>& envp,
                const Stack& auxv) {
  Stack stack = {argv.size()};
  for (const char* text : argv) stack.push_back(Address(text));
  stack.push_back(0);
  for (const char* text : envp) stack.push_back(Address(text));
  stack.push_back(0);
  stack.insert(stack.end(), auxv.begin(), auxv.end());
  stack.insert(stack.end(), {AT_NULL, 0});
  return stack;
}

std::vector<std::string> Read(const Environment& environment) {
  std::vector<std::string> variables;
  for (const char* const* p = environment.envp; p != nullptr && *p != nullptr; ++p) {
    variables.push_back(*p);
  }
  return variables;
}

TEST(InitialStack, IsRead) {
  Stack stack =
      MakeStack({"prog", "-x"}, {"A=1", "HZ4_FRONT=none"}, {AT_PAGESZ, 4096, AT_SECURE, 0});
  Environment environment;
  ASSERT_TRUE(ReadInitialStack(stack.data(), &environment));
  EXPECT_EQ(Read(environment), (std::vector<std::string>{"A=1", "HZ4_FRONT=none"}));
  EXPECT_FALSE(environment.secure);
}

TEST(InitialStack, EmptyEnvironment) {
  Stack stack = MakeStack({"prog"}, {}, {});
  Environment environment;
  ASSERT_TRUE(ReadInitialStack(stack.data(), &environment));
  EXPECT_NE(environment.envp, nullptr);
  EXPECT_TRUE(Read(environment).empty());
}

TEST(InitialStack, SecureProcessHasNoEnvironmentToBeTrusted) {
  Stack stack = MakeStack({"prog"}, {"HZ4_FRONT=none"}, {AT_PAGESZ, 4096, AT_SECURE, 1, AT_UID, 0});
  Environment environment;
  ASSERT_TRUE(ReadInitialStack(stack.data(), &environment));
  EXPECT_TRUE(environment.secure);
  EXPECT_EQ(environment.envp, nullptr);
}

TEST(InitialStack, AnotherShapeIsRefused) {
  const char* const untouched[] = {nullptr};
  const Stack good = MakeStack({"prog", "arg"}, {"A=1"}, {});
  Stack no_arguments = MakeStack({}, {"A=1"}, {});
  Stack too_many = good;
  too_many[0] = 3;
  Stack too_few = good;
  too_few[0] = 1;
  Stack pointer = good;
  pointer[0] = Address("text");
  for (const Stack& stack : {no_arguments, too_many, too_few, pointer}) {
    Environment environment = {untouched, false};
    EXPECT_FALSE(ReadInitialStack(stack.data(), &environment)) << "argc " << stack[0];
    EXPECT_EQ(environment.envp, untouched);
  }
}

TEST(FindEnvironment, IsTheOneOfThisProcess) {
  Environment found = FindEnvironment();
  EXPECT_EQ(found.secure, getauxval(AT_SECURE) != 0);
  ASSERT_NE(found.envp, nullptr);
  std::vector<std::string> libc;
  for (char** p = environ; *p != nullptr; ++p) libc.push_back(*p);
  EXPECT_EQ(Read(found), libc);
}

// The process's own environment, not what the program made of libc's copy.
TEST(FindEnvironment, DoesNotSeeWhatTheProgramSets) {
  std::vector<std::string> before = Read(FindEnvironment());
  ASSERT_EQ(setenv("HZ4_TEST_SETENV", "1", 1), 0);
  EXPECT_EQ(Read(FindEnvironment()), before);
  unsetenv("HZ4_TEST_SETENV");
}

}  // namespace
}  // namespace hz4
