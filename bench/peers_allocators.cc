// SPDX-License-Identifier: Apache-2.0
//
// Finding allocators and reading what the user says about them.

#include "bench/peers_allocators.h"

#include <elf.h>

#include <cctype>
#include <cstring>
#include <fstream>

#include "bench/runfile.h"

namespace hz4 {
namespace {

constexpr char kHz4Library[] = "hz4/libhz4.so";

struct Known {
  const char* name;
  const char* file;
  const char* package;
};
constexpr Known kKnown[] = {
    {"jemalloc", "libjemalloc.so.2", "libjemalloc2"},
    {"mimalloc", "libmimalloc.so.2.0", "libmimalloc2.0"},
    {"tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"},
};
constexpr const char* kDirectories[] = {"/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu",
                                        "/usr/local/lib", "/usr/lib64", "/usr/lib"};

bool IsSharedLibrary(const std::string& path) {
  Elf64_Ehdr header = {};
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(&header), sizeof(header));
  return file && std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_type == ET_DYN;
}

// Where a word that begins at `at` is the name of a variable with "=" behind it.
bool IsAssignment(const std::string& text, size_t at) {
  size_t end = at;
  while (end < text.size() &&
         (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_')) {
    ++end;
  }
  return end > at && end < text.size() && text[end] == '=' &&
         std::isdigit(static_cast<unsigned char>(text[at])) == 0;
}

bool IsName(const std::string& name) {
  for (char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && std::strchr("_.+-", c) == nullptr) {
      return false;
    }
  }
  return !name.empty();
}

bool ResolveLibrary(const std::string& library, PeerAllocator* allocator, std::string* error) {
  const std::string name = allocator->name;
  if (library.find('/') == std::string::npos) {
    const bool found = FindKnownAllocator(library, allocator, error);
    allocator->name = name;
    if (!found) *error += "; a library of your own is written as a path: ./" + library;
    return found;
  }
  allocator->library = UserPath(library);
  if (allocator->library.find_first_of(" :") != std::string::npos) {
    *error = "library " + allocator->library + ": LD_PRELOAD cannot hold a blank or a colon";
    return false;
  }
  if (!IsSharedLibrary(allocator->library)) {
    *error = "library " + allocator->library + ": not a readable 64-bit shared library";
    return false;
  }
  const std::string file = library.substr(library.rfind('/') + 1);
  if (file.rfind("libhz4", 0) == 0) allocator->kind = PeerAllocator::Kind::kHz4;
  return true;
}

}  // namespace

std::string KnownAllocatorNames() {
  std::string names = "hz4, libc";
  for (const Known& known : kKnown) names += std::string(", ") + known.name;
  return names;
}

bool FindKnownAllocator(const std::string& name, PeerAllocator* allocator, std::string* why) {
  allocator->name = name;
  if (name == "libc") return true;
  if (name == "hz4") {
    allocator->kind = PeerAllocator::Kind::kHz4;
    allocator->library = FindRunfile(kHz4Library);
    *why = std::string("hz4: ") + kHz4Library + " is not among this program's runfiles";
    return !allocator->library.empty();
  }
  for (const Known& known : kKnown) {
    if (name != known.name) continue;
    *why = name + ": " + known.file + " is in none of";
    for (const char* directory : kDirectories) {
      const std::string path = std::string(directory) + "/" + known.file;
      *why += std::string(" ") + directory;
      if (!IsSharedLibrary(path)) continue;
      allocator->library = path;
      return true;
    }
    *why += std::string("; Debian's package is ") + known.package;
    return false;
  }
  *why = name + ": no such allocator; known without a path are " + KnownAllocatorNames();
  return false;
}

bool ParsePeer(const std::string& text, PeerAllocator* allocator, std::string* error) {
  *allocator = PeerAllocator();
  const size_t equals = text.find('=');
  allocator->name = text.substr(0, equals);
  if (equals == std::string::npos || !IsName(allocator->name)) {
    *error = "\"" + text + "\": expected name=library[,ENV=VALUE...]";
    return false;
  }
  size_t end = std::min(text.find(',', equals), text.size());
  const std::string library = text.substr(equals + 1, end - equals - 1);
  while (end < text.size()) {
    const size_t start = end + 1;
    if (!IsAssignment(text, start)) {
      *error = "\"" + text.substr(start) + "\" in \"" + text + "\": expected ENV=VALUE";
      return false;
    }
    do {
      end = std::min(text.find(',', end + 1), text.size());
    } while (end < text.size() && !IsAssignment(text, end + 1));
    allocator->env.push_back(text.substr(start, end - start));
  }
  if (!ResolveLibrary(library, allocator, error)) {
    *error = "\"" + text + "\": " + *error;
    return false;
  }
  return true;
}

std::vector<std::string> AllocatorEnvironment(const PeerAllocator& allocator) {
  std::vector<std::string> environment;
  if (!allocator.library.empty()) environment.push_back("LD_PRELOAD=" + allocator.library);
  if (allocator.kind == PeerAllocator::Kind::kHz4) environment.push_back("HZ4_STRICT=abort");
  environment.insert(environment.end(), allocator.env.begin(), allocator.env.end());
  return environment;
}

}  // namespace hz4
