// SPDX-License-Identifier: Apache-2.0
//
// Parsing and printing run inside a program's first malloc, on whatever stack that has: a little
// one must do. Nothing here may allocate either; tests/words_symbols_test.py shows that it cannot.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <fstream>
#include <sstream>

#include "hz4/config_print.h"
#include "hz4/environment.h"
#include "hz4/stats/print.h"
#include "tests/knobs_testing.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

constexpr size_t kStackBytes = 32 * 1024;
constexpr size_t kGuardBytes = 64 * 1024;  // below it: what does not fit faults

ucontext_t back;
void (*body)();
void RunBody() { body(); }

void OnLittleStack(void (*function)()) {
  char* memory = static_cast<char*>(
      mmap(nullptr, kGuardBytes + kStackBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  ASSERT_EQ(mprotect(memory + kGuardBytes, kStackBytes, PROT_READ | PROT_WRITE), 0);
  body = function;
  ucontext_t little;
  ASSERT_EQ(getcontext(&little), 0);
  little.uc_stack.ss_sp = memory + kGuardBytes;
  little.uc_stack.ss_size = kStackBytes;
  little.uc_link = &back;
  makecontext(&little, RunBody, 0);
  ASSERT_EQ(swapcontext(&back, &little), 0);
  munmap(memory, kGuardBytes + kStackBytes);
}

const char* const* environment;
KnobSet set;
unsigned lines = 0;

TEST(LittleStack, IsEnoughForEverythingThatIsSaid) {
  const std::string path = ScratchDirectory() + "/records";
  Variables variables = {"HZ4_OUTPUT=" + path,
                         "HZ4_PRINT_CONFIG=json",
                         "HZ4_STATS=json",
                         "HZ4_MID_LOCK_TIME_STATS_BOX=1",
                         "HZ4_MID_LOCK_TIME_STATS=1",
                         "HZ4_MID_OWNER_LOCAL_STACK_ADAPTIVE_BOX=1",
                         "HZ4_MID_FREE_BATCH_LIMIT=2",
                         "HZ4_FRONT=" + std::string(1000, '\n'),
                         "HZ4_" + std::string(1000, 'A') + "=1"};
  std::vector<const char*> envp;
  for (const std::string& variable : variables) envp.push_back(variable.c_str());
  envp.push_back(nullptr);
  environment = envp.data();

  OnLittleStack([] {
    static const SeamRow seams[] = {{"malloc", "percpu"}};
    static const ConfigFacts facts = {{"1.0.0", "id", "libhz4.so"}, seams, 1, nullptr, 0};
    static StatsReport report;
    static const DiagnosticSink count = {[](void*, const char*, size_t) { ++lines; }, nullptr};
    FindEnvironment();
    set = ParseKnobs(environment, &count);
    ReportConfig(set, facts);
    report = {&set.value, facts.library, MergeStats(), {}};
    WriteStats(report);
  });
  EXPECT_EQ(lines, 7u) << set.notes;
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_NE(text.str().find("{\"hz4\":\"config\""), std::string::npos);
  EXPECT_NE(text.str().find("{\"hz4\":\"stats\""), std::string::npos);
  EXPECT_NE(text.str().find("[HZ4_MID_LOCK_STATS]"), std::string::npos);
}

}  // namespace
}  // namespace test
}  // namespace hz4
