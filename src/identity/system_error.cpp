// SPDX-License-Identifier: Apache-2.0
#include "src/identity/system_error.hpp"

#include <errno.h>
#include <string.h>

namespace holdfast {
namespace {

Status status_of(int code) noexcept {
  switch (code) {
    case EACCES:
    case EPERM:
    case EROFS:
      return Status::permission_denied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return Status::resource_exhausted;
    case EEXIST:
      return Status::already_exists;
    default:
      return Status::file_invalid;
  }
}

}  // namespace

Error system_error(int code, const char* doing, std::string_view path) noexcept {
  Error error = failure(status_of(code), Layer::system, doing).about(path);
  error.native = static_cast<std::uint64_t>(code);
  error.native_name = strerrorname_np(code);  // a literal of the C library, or null
  return error;
}

}  // namespace holdfast
