// SPDX-License-Identifier: Apache-2.0
//
// Where a benchmark finds the programs and libraries it was built with, and the files its user
// means. Works under `bazel run`, `bazel test`, and when the binary is started from bazel-bin.

#ifndef HZ4_BENCH_RUNFILE_H_
#define HZ4_BENCH_RUNFILE_H_

#include <string>

namespace hz4 {

// The absolute path of a file named from the repository's root ("hz4/libhz4.so"), or empty if it is
// not among this binary's runfiles nor beside it in the output tree.
std::string FindRunfile(const std::string& path_from_root);

// A path as the user wrote it on the command line, made absolute from where the user stands:
// `bazel run` starts programs elsewhere and says so in BUILD_WORKING_DIRECTORY.
std::string UserPath(const std::string& path);

// Makes a directory and those above it, where they are missing. False, with errno set: it is not
// there.
bool MakeDirectories(const std::string& path);

}  // namespace hz4

#endif  // HZ4_BENCH_RUNFILE_H_
