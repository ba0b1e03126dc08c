// SPDX-License-Identifier: Apache-2.0
//
// Runfiles stand in <directory>/<workspace>/<path from root>. The workspace's name is not repeated
// here: whatever directory holds the file is right.

#include "bench/runfile.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace hz4 {
namespace {

std::string OwnPath() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : std::string();
}

std::string Environment(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

std::string Absolute(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) == nullptr ? "" : resolved;
}

std::string FindBelow(const std::string& runfiles, const std::string& path_from_root) {
  DIR* directory = runfiles.empty() ? nullptr : opendir(runfiles.c_str());
  if (directory == nullptr) return "";
  std::string found;
  while (found.empty()) {
    const dirent* entry = readdir(directory);
    if (entry == nullptr) break;
    if (entry->d_name[0] == '.') continue;
    found = Absolute(runfiles + "/" + entry->d_name + "/" + path_from_root);
  }
  closedir(directory);
  return found;
}

}  // namespace

std::string FindRunfile(const std::string& path_from_root) {
  const std::string own = OwnPath();
  for (const std::string& runfiles :
       {Environment("RUNFILES_DIR"), Environment("TEST_SRCDIR"), own + ".runfiles"}) {
    std::string found = FindBelow(runfiles, path_from_root);
    if (!found.empty()) return found;
  }
  // Started from the output tree: its root is some directory above the binary.
  for (size_t slash = own.rfind('/'); slash != std::string::npos && slash > 0;
       slash = own.rfind('/', slash - 1)) {
    std::string found = Absolute(own.substr(0, slash + 1) + path_from_root);
    if (!found.empty()) return found;
  }
  return "";
}

std::string UserPath(const std::string& path) {
  if (path.empty() || path[0] == '/') return path;
  std::string base = Environment("BUILD_WORKING_DIRECTORY");
  if (base.empty()) {
    char here[PATH_MAX];
    base = getcwd(here, sizeof(here)) == nullptr ? "." : here;
  }
  return base + "/" + path;
}

bool MakeDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    mkdir(path.substr(0, slash).c_str(), 0777);
  }
  return mkdir(path.c_str(), 0777) == 0 || errno == EEXIST;
}

}  // namespace hz4
