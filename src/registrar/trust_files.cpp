// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/trust_files.hpp"

#include "hal/trusted_file.hpp"

#include <filesystem>

namespace holdfast {
namespace {

constexpr const char* kWhoTheAuthorityIs =
    "whoever can write it decides who the authority is: make it, and every folder above it, owned by root or this "
    "user "
    "and not writable by others (chmod go-w)";
constexpr const char* kPutItThere =
    "put the CA's certificates there (PEM); --ca-file, or the identity file, names that place";
constexpr const char* kWhoWeAre =
    "make it, and every folder above it, owned by root or this user and not writable by others (chmod go-w)";

struct Named {
  const char* doing;
  const char* hint;                      // where others may write it
  const char* hint_if_absent = nullptr;  // where there is none
};

Error in_words(const Error& inner, const Named& named) {
  Error error = inner;
  error.doing = named.doing;
  if (error.status == Status::file_untrusted) error.hint = named.hint;
  if (error.status == Status::file_invalid && named.hint_if_absent != nullptr) error.hint = named.hint_if_absent;
  return error;
}

// libcurl opens by name. Once links are resolved, only who may write one of the folders could exchange the file.
std::string resolved(const std::string& path) {
  std::error_code code;
  const std::filesystem::path real = std::filesystem::canonical(path, code);
  return code ? path : real.string();  // what cannot be resolved is refused by the check, by its own name
}

Result<std::string> check_file(const std::string& path, const Named& named) {
  if (path.empty()) return std::string();
  // By the name that was given: the folders of its links decide as well which file is meant.
  const auto file = hal::open_trusted(path, hal::FilePrivacy::readable);
  if (!file) return in_words(file.error(), named);
  return resolved(path);
}

Result<std::string> check_directory(const std::string& path, const Named& named) {
  if (path.empty()) return std::string();
  const auto folder = hal::check_trusted_folder(path);
  if (!folder) return in_words(folder.error(), named);
  std::string real = resolved(path);
  std::error_code code;
  for (std::filesystem::directory_iterator entry(real, code), end; !code && entry != end; entry.increment(code)) {
    std::error_code dangling;  // a link to nothing is nobody's certificate
    if (!entry->is_regular_file(dangling)) continue;
    const auto file = hal::open_trusted(entry->path().native(), hal::FilePrivacy::readable);
    // What we may not read, libcurl may not either.
    if (!file && file.status() != Status::permission_denied) return in_words(file.error(), named);
  }
  if (code) {
    return in_words(failure(Status::file_invalid, Layer::system, named.doing).about(path + " cannot be listed"),
                    named);
  }
  return real;
}

}  // namespace

Result<TrustFiles> check_trust_files(const RegistrarOptions& options) {
  TrustFiles files;
  files.ca_file =
      HOLDFAST_TRY(check_file(options.ca_file, {"checking the CA file", kWhoTheAuthorityIs, kPutItThere}));
  files.ca_directory =
      HOLDFAST_TRY(check_directory(options.ca_directory, {"checking the CA directory", kWhoTheAuthorityIs}));
  files.client_certificate =
      HOLDFAST_TRY(check_file(options.client_certificate, {"checking the client certificate", kWhoWeAre}));
  files.client_key = HOLDFAST_TRY(check_file(options.client_key, {"checking the client key", kWhoWeAre}));
  return files;
}

}  // namespace holdfast
