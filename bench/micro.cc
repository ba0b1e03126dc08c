// SPDX-License-Identifier: Apache-2.0
//
// Micro benchmarks of whatever allocator is preloaded. The program is linked with none; it starts
// itself again under the one that is asked for, so that one binary measures all:
//
//   --allocator=NAME                      hz4 (the default), libc, jemalloc, mimalloc, tcmalloc
//   --allocator=name=library[,ENV=VALUE]  any other
//   --allocator=preloaded                 whatever this process has, nothing preloaded included
//
// Without the flag, a library that is already in LD_PRELOAD is measured. All other flags are Google
// Benchmark's. Exit status 2 on bad arguments, 1 when the library did not get loaded.

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "bench/peers_allocators.h"
#include "bench/process.h"

namespace hz4 {
namespace {

// Tells the second start that it is one, and under which name.
constexpr char kStartedFor[] = "MICRO_STARTED_FOR";
constexpr char kFlag[] = "--allocator=";

// Takes the flag out of the arguments. Empty: it was not there.
std::string TakeAllocator(std::vector<char*>* arguments) {
  std::string value;
  for (auto argument = arguments->begin(); argument != arguments->end();) {
    if (std::strncmp(*argument, kFlag, std::strlen(kFlag)) == 0) {
      value = *argument + std::strlen(kFlag);
      argument = arguments->erase(argument);
    } else {
      ++argument;
    }
  }
  return value;
}

[[noreturn]] void StartUnder(const PeerAllocator& allocator, std::vector<char*> arguments) {
  setenv(kStartedFor, allocator.name.c_str(), 1);
  unsetenv("LD_PRELOAD");
  for (std::string& variable : AllocatorEnvironment(allocator)) {
    const size_t equals = variable.find('=');
    setenv(variable.substr(0, equals).c_str(), variable.c_str() + equals + 1, 1);
  }
  arguments.push_back(nullptr);
  execv("/proc/self/exe", arguments.data());
  std::fprintf(stderr, "micro: cannot start under %s: %s\n", allocator.name.c_str(),
               std::strerror(errno));
  std::exit(1);
}

[[noreturn]] void BadAllocator(const std::string& why) {
  std::fprintf(stderr, "micro: --allocator: %s\n", why.c_str());
  std::exit(2);
}

PeerAllocator ReadAllocator(const std::string& text) {
  PeerAllocator allocator;
  std::string why;
  const bool found = text.find('=') == std::string::npos
                         ? FindKnownAllocator(text, &allocator, &why)
                         : ParsePeer(text, &allocator, &why);
  if (!found) BadAllocator(why);
  return allocator;
}

// ld.so only warns about a library it cannot preload; figures of another allocator would follow.
void CheckLoaded(const std::string& library) {
  if (library.empty()) return;
  const std::string file = library.substr(library.rfind('/') + 1);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(file) != std::string::npos) return;
  }
  std::fprintf(stderr, "micro: %s was not loaded\n", library.c_str());
  std::exit(1);
}

int Main(int argc, char** argv) {
  StartProcessLauncher();
  std::vector<char*> arguments(argv, argv + argc);
  const std::string asked = TakeAllocator(&arguments);
  const char* const started_for = getenv(kStartedFor);
  const char* const preloaded = getenv("LD_PRELOAD");
  std::string name = "preloaded";
  if (started_for != nullptr) {
    name = started_for;
    unsetenv(kStartedFor);
  } else if (asked != name && (!asked.empty() || preloaded == nullptr)) {
    StartUnder(ReadAllocator(asked.empty() ? "hz4" : asked), arguments);
  }
  const std::string library = preloaded == nullptr ? "" : preloaded;
  CheckLoaded(library);
  benchmark::AddCustomContext("allocator", name);
  benchmark::AddCustomContext("library", library.empty() ? "libc's own" : library);

  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace hz4

int main(int argc, char** argv) { return hz4::Main(argc, argv); }
