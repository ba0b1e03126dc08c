// SPDX-License-Identifier: Apache-2.0
//
// Initialisation, from outside: init_program does what can be done only before it.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/core/sanitizers.h"
#include "tests/support/child.h"
#include "tests/support/json.h"

namespace hz4 {
namespace test {
namespace {

const char* const kFronts[] = {"percpu", "thread", "none"};

Child Program(const std::string& how) {
  Child child({Runfile("tests/core/init_program")});
  child.Set("TEST_INIT=" + how);
  return child;
}

// Under TSan the per-thread front alone: see tests/core/main.cc.
std::vector<std::string> Fronts() {
  if (kUnderTsan) return {"thread"};
  return {std::begin(kFronts), std::end(kFronts)};
}

TEST(Init, ThreadsThatRaceForTheFirstCall) {
  for (const std::string& front : Fronts()) {
    for (const char* map : {"direct", "radix"}) {
      for (int round = 0; round < 4; ++round) {
        const ChildResult r =
            Program("race").Set("HZ4_FRONT=" + front).Set(std::string("HZ4_PAGE_MAP=") + map).Run();
        EXPECT_TRUE(r.Succeeded()) << r.description;
        EXPECT_EQ(r.out().substr(0, 3), "ok ") << r.description;
      }
    }
  }
}

TEST(Init, TheInitialisingThreadMayCallEveryDoor) {
  if (kUnderTsan) GTEST_SKIP() << "the hook is in the search for a per-CPU front";
  const ChildResult r = Program("reenter").Set("HZ4_FRONT=percpu").Run();
  EXPECT_TRUE(r.Succeeded()) << r.description;
}

TEST(Init, EveryCallOfTheSystemMayBeRefused) {
  for (const std::string& front : Fronts()) {
    const std::string knob = "HZ4_FRONT=" + front;
    const ChildResult whole = Program("calls").Set(knob).Run();
    ASSERT_TRUE(whole.Succeeded()) << whole.description;
    const unsigned long calls = std::stoul(whole.out().substr(3));
    ASSERT_GT(calls, 5u);
    for (unsigned long n = 1; n <= calls; ++n) {
      for (bool sticky : {false, true}) {
        Child child = Program("fail").Set(knob).Set("TEST_FAIL_NTH=" + std::to_string(n));
        if (sticky) child.Set("TEST_FAIL_STICKY=1");
        const ChildResult r = child.Run();
        EXPECT_TRUE(r.Succeeded()) << "call " << n << " of " << calls << "\n" << r.description;
      }
    }
  }
}

// The last call seals the table.
TEST(Init, ATableThatCannotBeSealedIsSaidAndUsed) {
  const ChildResult whole = Program("calls").Run();
  const unsigned long calls = std::stoul(whole.out().substr(3));
  const ChildResult r = Program("fail").Set("TEST_FAIL_NTH=" + std::to_string(calls)).Run();
  EXPECT_TRUE(r.Succeeded()) << r.description;
  EXPECT_NE(r.err().find("the dispatch table could not be made read-only"), std::string::npos)
      << r.description;
}

// --- what the configuration says of this machine ---

// The knob's object in the configuration that the program printed.
Json KnobOf(const ChildResult& r, const std::string& name) {
  for (const std::string& line : r.ErrorLines()) {
    if (line.rfind("{\"hz4\":\"config\"", 0) != 0) continue;
    Json config;
    std::string error;
    EXPECT_TRUE(ParseJson(line, &config, &error)) << error << "\n" << line;
    for (const Json& knob : config["knobs"].items) {
      if (knob["name"].text == name) return knob;
    }
  }
  ADD_FAILURE() << "no configuration with " << name << "\n" << r.description;
  return {};
}

TEST(Fallback, WithoutRseqThePerThreadFrontServesAndTheReasonIsPrinted) {
  const ChildResult r = Program("calls")
                            .Set("HZ4_FRONT=percpu")
                            .Set("GLIBC_TUNABLES=glibc.pthread.rseq=0")
                            .Set("HZ4_PRINT_CONFIG=json")
                            .Run();
  EXPECT_TRUE(r.Succeeded()) << r.description;
  const Json knob = KnobOf(r, "HZ4_FRONT");
  EXPECT_EQ(knob["value"].text, "thread") << r.description;
  EXPECT_EQ(knob["origin"].text.rfind("fallback because ", 0), 0u) << knob["origin"].text;
  EXPECT_NE(knob["origin"].text.find("rseq"), std::string::npos) << knob["origin"].text;
}

TEST(Fallback, WithoutAddressSpaceTheRadixMapServes) {
  if (kUnderAsan || kUnderTsan) GTEST_SKIP() << "a sanitizer needs its address space";
  const std::string program = Runfile("tests/core/init_program");
  const ChildResult r = Child({"/bin/sh", "-c", "ulimit -v 200000; exec \"$0\"", program})
                            .Set("TEST_INIT=calls")
                            .Set("HZ4_PAGE_MAP=direct")
                            .Set("HZ4_PRINT_CONFIG=json")
                            .Run();
  EXPECT_TRUE(r.Succeeded()) << r.description;
  const Json knob = KnobOf(r, "HZ4_PAGE_MAP");
  EXPECT_EQ(knob["value"].text, "radix");
  EXPECT_EQ(knob["origin"].text.rfind("fallback because ", 0), 0u) << knob["origin"].text;
}

TEST(Fallback, WhatIsAvailableIsNotReplaced) {
  const ChildResult r = Program("calls").Set("HZ4_FRONT=none").Set("HZ4_PRINT_CONFIG=json").Run();
  EXPECT_TRUE(r.Succeeded()) << r.description;
  EXPECT_EQ(KnobOf(r, "HZ4_FRONT")["origin"].text, "environment");
  EXPECT_EQ(KnobOf(r, "HZ4_PAGE_MAP")["origin"].text, "default");
}

}  // namespace
}  // namespace test
}  // namespace hz4
