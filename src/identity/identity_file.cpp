// SPDX-License-Identifier: Apache-2.0
#include "holdfast/identity.hpp"

#include "hal/system_error.hpp"
#include "hal/trusted_file.hpp"
#include "src/identity/atomic_file.hpp"
#include "src/identity/identity_document.hpp"
#include "src/identity/identity_location.hpp"

#include <errno.h>
#include <sys/stat.h>

#include <filesystem>
#include <new>
#include <vector>

namespace holdfast {
namespace {

constexpr const char* kRestore =
    "restore it from a copy; without one, move it away and register a key once more: holdfast agent register";

Error out_of_memory(const char* doing) noexcept {
  return failure(Status::resource_exhausted, Layer::identity, doing).about("memory");
}

// The checks below want a path from the root; what a person types may start where they stand.
Result<std::string> absolute(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos) {
    return failure(Status::invalid_argument, Layer::identity, "naming an identity file").about("the path is empty");
  }
  std::error_code code;
  std::string result = std::filesystem::absolute(std::filesystem::path(path), code).string();
  if (code) return hal::system_error(code.value(), "naming an identity file", path);
  return result;
}

Result<std::string> read_text(const std::string& path) {
  const hal::FileDescriptor file = HOLDFAST_TRY(hal::open_trusted(path, hal::FilePrivacy::readable));
  std::vector<std::byte> bytes(kMaxIdentityFileSize);
  auto size = hal::read_all(file.get(), bytes);
  if (!size) {
    Error error = size.error();
    error.detail = std::string_view(path + " cannot be read, or is larger than 64 KiB");
    error.hint = kRestore;
    return error;
  }
  return std::string(reinterpret_cast<const char*>(bytes.data()), *size);
}

// A detail that names the member gets the file's name in front.
Error in_file(const std::string& path, const Error& inner) {
  Error error = inner;
  error.detail = std::string_view(path + ": " + std::string(inner.detail.view()));
  return error;
}

Result<Identity> load(std::string_view given) {
  const std::string path = HOLDFAST_TRY(absolute(given));
  const std::string text = HOLDFAST_TRY(read_text(path));
  auto identity = read_identity_document(text);
  if (identity) return identity;
  Error error = in_file(path, identity.error());
  if (error.hint == nullptr && error.status == Status::file_invalid) error.hint = kRestore;
  return error;
}

// The document to write into: what stands there already, or null.
Result<Json> document_to_rewrite(const std::string& path, bool replace) {
  struct stat info {};
  if (!replace || (lstat(path.c_str(), &info) != 0 && errno == ENOENT)) return Json();
  const std::string text = HOLDFAST_TRY(read_text(path));
  auto document = open_identity_document(text);
  if (!document) {
    return in_file(path, document.error()).with_hint("move the file away if it is not needed, then try again");
  }
  return document;
}

Result<void> store(const Identity& identity, std::string_view given, bool replace) {
  const std::string path = HOLDFAST_TRY(absolute(given));
  Json document = HOLDFAST_TRY(document_to_rewrite(path, replace));
  write_identity_document(identity, document);
  const std::string text = document.dump(2) + "\n";

  // Nothing is written that could not be read again.
  const auto read_back = read_identity_document(text);
  if (!read_back || text.size() > kMaxIdentityFileSize) {
    Error error = failure(Status::invalid_argument, Layer::identity, "writing an identity file");
    if (!read_back) error.hint = read_back.error().hint;
    error.detail = read_back ? std::string_view("it would be larger than 64 KiB") : read_back.error().detail.view();
    return error;
  }
  CreatedFolders folders = HOLDFAST_TRY(create_default_folders(path));
  HOLDFAST_TRY(write_file_atomically(path, text, replace ? Existing::replaced : Existing::refused));
  folders.keep();
  return {};
}

}  // namespace

Result<Identity> load_identity(std::string_view path) noexcept {
  try {
    return load(path);
  } catch (...) {
    return out_of_memory("reading an identity file");
  }
}

Result<void> store_identity(const Identity& identity, std::string_view path, bool replace) noexcept {
  try {
    return store(identity, path, replace);
  } catch (...) {
    return out_of_memory("writing an identity file");
  }
}

}  // namespace holdfast
