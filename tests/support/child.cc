// SPDX-License-Identifier: Apache-2.0

#include "tests/support/child.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <sstream>

#include "bench/runfile.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

std::string NameOf(const std::string& entry) { return entry.substr(0, entry.find('=')); }

// The later entry of a name wins.
void SetVariable(std::vector<std::string>* env, const std::string& entry) {
  for (std::string& old : *env) {
    if (NameOf(old) == NameOf(entry)) {
      old = entry;
      return;
    }
  }
  env->push_back(entry);
}

std::string Quoted(const std::string& word) {
  if (!word.empty() && word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789_-+=./:,%@") == std::string::npos) {
    return word;
  }
  std::string quoted = "'";
  for (char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string End(const std::string& text) {
  constexpr std::size_t kKept = 4000;
  return text.size() <= kKept ? text : "...\n" + text.substr(text.size() - kKept);
}

}  // namespace

bool ChildResult::Aborted() const {
  return process.outcome == ProcessOutcome::kSignaled && process.signal == SIGABRT;
}

std::vector<std::string> ChildResult::ErrorLines() const {
  std::vector<std::string> lines;
  std::istringstream stream(process.err);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

ChildResult Child::Run() const {
  ProcessSpec spec;
  spec.argv = argv_;
  spec.directory = directory_;
  spec.timeout_seconds = timeout_seconds_;
  spec.env = BaseEnvironment();
  for (const char* name : {"TEST_SRCDIR", "TEST_TMPDIR"}) {
    if (!Variable(name).empty()) spec.env.push_back(std::string(name) + "=" + Variable(name));
  }
  std::vector<std::string> own;
  if (variant_) own = Hz4Variables();
  if (preload_) own.push_back("LD_PRELOAD=" + Runfile("hz4/libhz4.so"));
  own.insert(own.end(), variables_.begin(), variables_.end());
  std::string line = "env ";
  for (const std::string& entry : own) {
    SetVariable(&spec.env, entry);
    line += Quoted(entry) + " ";
  }
  for (const std::string& word : argv_) line += Quoted(word) + " ";

  ChildResult result;
  result.process = RunProcess(spec);
  result.description = line + "\n-> " + DescribeOutcome(spec, result.process) + "\nstdout:\n" +
                       End(result.process.out) + "\nstderr:\n" + End(result.process.err) + "\n" +
                       End(result.process.hang_report);
  return result;
}

std::string Runfile(const std::string& path_from_root) {
  const std::string path = FindRunfile(path_from_root);
  EXPECT_FALSE(path.empty()) << path_from_root << " is not among this test's files";
  return path;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
}

}  // namespace test
}  // namespace hz4
