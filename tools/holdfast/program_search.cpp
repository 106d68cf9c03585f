// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/program_search.hpp"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace holdfast::tool {
namespace {

bool is_program(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::string program_on_path(std::string_view name) {
  const char* given = ::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): there is one thread
  std::string_view folders = given != nullptr ? given : "/bin:/usr/bin";
  while (true) {
    const std::string_view folder = folders.substr(0, folders.find(':'));
    std::string path = (folder.empty() ? "." : std::string(folder)) + "/" + std::string(name);
    if (is_program(path)) return path;
    if (folder.size() == folders.size()) return {};
    folders.remove_prefix(folder.size() + 1);
  }
}

std::string program_of_ours(std::string_view name) {
  std::error_code code;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", code);
  if (!code) {
    std::string beside = (own.parent_path() / name).string();
    if (is_program(beside)) return beside;
  }
  return program_on_path(name);
}

}  // namespace holdfast::tool
