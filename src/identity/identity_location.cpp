// SPDX-License-Identifier: Apache-2.0
#include "src/identity/identity_location.hpp"

#include "holdfast/identity.hpp"

#include "hal/system_error.hpp"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace holdfast {
namespace {

constexpr const char* kSystemFile = "/etc/holdfast/identity.json";
constexpr const char* kFileInConfiguration = "/holdfast/identity.json";

// A relative value is to be ignored (XDG Base Directory Specification 0.8, "Environment variables"), and in a set-id
// program the whole environment is somebody else's.
std::string absolute_variable(const char* name) {
  const char* value = secure_getenv(name);
  if (value == nullptr || value[0] != '/') return {};
  std::string text = value;
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

// Empty when the environment names no home.
std::string configuration_folder() {
  std::string folder = absolute_variable("XDG_CONFIG_HOME");
  if (!folder.empty()) return folder;
  folder = absolute_variable("HOME");
  return folder.empty() ? folder : folder + "/.config";
}

std::string user_file() {
  const std::string folder = configuration_folder();
  return folder.empty() ? folder : folder + kFileInConfiguration;
}

// A file that cannot be looked at is there for this purpose: reading it then says why it cannot be used.
bool may_exist(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

Result<std::string> find() {
  const std::string of_user = user_file();
  if (!of_user.empty() && may_exist(of_user)) return of_user;
  if (may_exist(kSystemFile)) return std::string(kSystemFile);
  return failure(Status::file_invalid, Layer::identity, "looking for the identity file")
      .about("neither " + (of_user.empty() ? "a file in the home folder (HOME is not set)" : of_user) + " nor " +
             kSystemFile + " exists")
      .with_hint("make one with: holdfast agent register, or name it with --identity-file");
}

Result<std::string> default_file() {
  if (geteuid() == 0) return std::string(kSystemFile);
  std::string of_user = user_file();
  if (of_user.empty()) {
    return failure(Status::invalid_argument, Layer::identity, "choosing the place of the identity file")
        .about("neither XDG_CONFIG_HOME nor HOME is an absolute path")
        .with_hint("name the file with --identity-file");
  }
  return of_user;
}

// A service's user often has a home that is not there.
Error not_made(int code, const std::string& path) {
  return hal::system_error(code, "making a folder", path)
      .with_hint("that is where an identity goes by default: name another place for it with --identity-file");
}

Error out_of_memory(const char* doing) noexcept {
  return failure(Status::resource_exhausted, Layer::identity, doing).about("memory");
}

}  // namespace

CreatedFolders::CreatedFolders(CreatedFolders&& other) noexcept : paths_(std::exchange(other.paths_, {})) {}

CreatedFolders::~CreatedFolders() {
  while (!paths_.empty()) {
    rmdir(paths_.back().c_str());
    paths_.pop_back();
  }
}

Result<void> CreatedFolders::create(const std::string& path, unsigned mode) {
  if (mkdir(path.c_str(), static_cast<mode_t>(mode)) != 0) {
    if (errno == EEXIST) return {};
    return not_made(errno, path);
  }
  paths_.push_back(path);
  // The umask may have taken bits away that a reader of the file needs.
  if (chmod(path.c_str(), static_cast<mode_t>(mode)) != 0) return not_made(errno, path);
  return {};
}

Result<CreatedFolders> create_default_folders(const std::string& path) {
  CreatedFolders folders;
  const auto chosen = default_file();
  if (!chosen || *chosen != path) return folders;
  const std::string own_folder = path.substr(0, path.rfind('/'));
  const std::string above = own_folder.substr(0, own_folder.rfind('/'));
  if (geteuid() != 0) HOLDFAST_TRY(folders.create(above, 0700));
  HOLDFAST_TRY(folders.create(own_folder, 0755));
  return folders;
}

Result<std::string> find_identity_file() noexcept {
  try {
    return find();
  } catch (...) {
    return out_of_memory("looking for the identity file");
  }
}

Result<std::string> default_identity_file() noexcept {
  try {
    return default_file();
  } catch (...) {
    return out_of_memory("choosing the place of the identity file");
  }
}

}  // namespace holdfast
