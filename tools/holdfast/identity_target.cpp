// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/identity_target.hpp"

#include "hal/signal_shield.hpp"
#include "hal/system_error.hpp"
#include "hal/trusted_file.hpp"
#include "src/identity/identity_location.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace holdfast::tool {
namespace {

constexpr const char* kChecking = "checking that the identity file can be written";
constexpr off_t kRoomNeeded = 64L * 1024;  // the largest identity file

// Removes the trial file on every way out.
class TrialFile {
 public:
  explicit TrialFile(const std::string& folder) : path_(folder + "/.identity-trial-XXXXXX") {
    file_ = hal::FileDescriptor(::mkostemp(path_.data(), O_CLOEXEC));
  }
  ~TrialFile() {
    if (file_) ::unlink(path_.c_str());
  }
  TrialFile(const TrialFile&) = delete;
  TrialFile& operator=(const TrialFile&) = delete;

  [[nodiscard]] const hal::FileDescriptor& file() const { return file_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  hal::FileDescriptor file_;
};

Result<void> try_folder(const std::string& folder) {
  const TrialFile trial(folder);
  if (!trial.file()) {
    const int code = errno;
    Error error = hal::system_error(code, kChecking, folder, code == ENOENT ? "does not exist" : "takes no new file");
    if (code == ENOENT) {
      error.hint = "make that folder first (mkdir -p), or name a file in another with --identity-file";
    } else if (error.status == Status::permission_denied) {
      error.hint = "name a file in a folder where this user may write with --identity-file";
    }
    return error;
  }
  const int code = ::posix_fallocate(trial.file().get(), 0, kRoomNeeded);
  if (code == ENOSPC || code == EDQUOT || code == EFBIG) {
    return hal::system_error(code, kChecking, folder, "has no room");
  }
  // The same check that every reader of the identity file will make.
  HOLDFAST_TRY(hal::open_trusted(trial.path(), hal::FilePrivacy::readable));
  return {};
}

}  // namespace

Result<std::string> absolute_path(std::string_view path) {
  if (path.empty()) return std::string();
  std::error_code code;
  const std::filesystem::path whole = std::filesystem::absolute(std::filesystem::path(path), code);
  if (code) return hal::system_error(code.value(), kChecking, path, "is not a usable path");
  return whole.lexically_normal().string();
}

Result<IdentityTarget> prepare_identity_target(std::string_view given) {
  IdentityTarget target;
  target.path = given.empty() ? HOLDFAST_TRY(default_identity_file()) : HOLDFAST_TRY(absolute_path(given));
  // Ended in between, the tool would leave folders and a file behind.
  const hal::SignalShield shield;
  // Gone again at the end, if they were missing: storing the identity makes them for good.
  const CreatedFolders folders = HOLDFAST_TRY(create_default_folders(target.path));
  HOLDFAST_TRY(try_folder(std::filesystem::path(target.path).parent_path().string()));
  struct stat info {};
  if (::lstat(target.path.c_str(), &info) == 0) target.existing = HOLDFAST_TRY(load_identity(target.path));
  return target;
}

Result<FoundIdentity> read_identity(std::string_view given) {
  constexpr const char* kMakeOne = "name the file with --identity-file, or make one with: holdfast agent register";
  Result<std::string> path = given.empty() ? find_identity_file() : absolute_path(given);
  if (!path) {
    Error error = path.error();
    error.hint = kMakeOne;
    return error;
  }
  Result<Identity> identity = load_identity(*path);
  if (!identity) {
    Error error = identity.error();
    if (error.native == ENOENT && error.layer == Layer::system) error.hint = kMakeOne;
    return error;
  }
  return FoundIdentity{std::move(path).value(), std::move(identity).value()};
}

std::string identity_option_again(const command_line::Arguments& arguments) {
  if (!arguments.has("identity-file")) return {};
  return " --identity-file " + shell_quoted(arguments.value("identity-file"));
}

void say_how_to_make_a_header(Terminal& terminal, const command_line::Arguments& arguments,
                              const IdentityTarget& target, bool is_pin_lasting) {
  std::string command = "holdfast header --register";
  if (arguments.has("identity-file")) command += " --identity-file " + shell_quoted(target.path);
  if (arguments.has("pin-source") && !is_pin_lasting) {
    command += " --pin-source " + shell_quoted(arguments.value("pin-source"));
  }
  terminal.next_step("Make a header for a request", command + " | curl -H @- URL");
}

}  // namespace holdfast::tool
