// SPDX-License-Identifier: Apache-2.0
//
// The allocators of a comparison: a library to preload and the variables that go with it.

#ifndef HZ4_BENCH_PEERS_ALLOCATORS_H_
#define HZ4_BENCH_PEERS_ALLOCATORS_H_

#include <string>
#include <vector>

namespace hz4 {

struct PeerAllocator {
  enum class Kind {
    kPeer,     // another allocator
    kHz4,      // this project's
    kCeiling,  // no allocator: the loop of the lanes on an array
  };
  std::string name;
  Kind kind = Kind::kPeer;
  std::string library;           // absolute path; empty: libc's own
  std::vector<std::string> env;  // "NAME=VALUE"
};

// The names that need no path: hz4 (from this build), libc, and Debian's jemalloc, mimalloc and
// tcmalloc (gperftools).
std::string KnownAllocatorNames();

// False: *why says what was looked for and where, and what to install.
bool FindKnownAllocator(const std::string& name, PeerAllocator* allocator, std::string* why);

// Reads `name=library[,ENV=VALUE...]`. The library is a path, as the user wrote it, or a known
// name. A value may hold commas: what follows one belongs to it unless it looks like ENV= itself.
bool ParsePeer(const std::string& text, PeerAllocator* allocator, std::string* error);

// What a run under the allocator adds to its environment: LD_PRELOAD, the allocator's variables,
// and for hz4 HZ4_STRICT=abort, so that a misspelt knob cannot be measured.
std::vector<std::string> AllocatorEnvironment(const PeerAllocator& allocator);

}  // namespace hz4

#endif  // HZ4_BENCH_PEERS_ALLOCATORS_H_
