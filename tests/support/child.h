// SPDX-License-Identifier: Apache-2.0
//
// Programs started by a test, with libhz4.so preloaded or without, and what to print when one of
// them does not do what it should. The child's environment is: PATH, HOME and the like; where a
// test finds its files; this test's own HZ4_ variables (its variant); then the variables given.
// Nothing else.
#ifndef HZ4_TESTS_SUPPORT_CHILD_H_
#define HZ4_TESTS_SUPPORT_CHILD_H_

#include <string>
#include <utility>
#include <vector>

#include "bench/process.h"

namespace hz4 {
namespace test {

struct ChildResult {
  ProcessResult process;
  std::string description;  // command line that repeats it, outcome, ends of stdout and stderr

  bool Succeeded() const { return process.Succeeded(); }
  bool Aborted() const;
  const std::string& out() const { return process.out; }
  const std::string& err() const { return process.err; }
  // The lines of stderr.
  std::vector<std::string> ErrorLines() const;
};

// Child({"git", "log"}).Preload().Set("LANG=C").Run()
class Child {
 public:
  explicit Child(std::vector<std::string> argv) : argv_(std::move(argv)) {}

  // With LD_PRELOAD=libhz4.so.
  Child& Preload(bool preload = true) {
    preload_ = preload;
    return *this;
  }
  // One more "NAME=VALUE"; wins over the variant's.
  Child& Set(std::string variable) {
    variables_.push_back(std::move(variable));
    return *this;
  }
  // Without this test's own HZ4_ variables.
  Child& WithoutVariant() {
    variant_ = false;
    return *this;
  }
  Child& In(std::string directory) {
    directory_ = std::move(directory);
    return *this;
  }
  Child& Timeout(double seconds) {
    timeout_seconds_ = seconds;
    return *this;
  }

  ChildResult Run() const;

 private:
  std::vector<std::string> argv_;
  std::vector<std::string> variables_;
  bool preload_ = false;
  bool variant_ = true;
  std::string directory_;
  double timeout_seconds_ = 60;
};

// A file of this test's runfiles by its path from the root; the test fails when it is not there.
std::string Runfile(const std::string& path_from_root);

// The whole content of a file, "" when it cannot be read.
std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& content);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_SUPPORT_CHILD_H_
