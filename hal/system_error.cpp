// SPDX-License-Identifier: Apache-2.0
#include "hal/system_error.hpp"

#include <errno.h>
#include <string.h>

namespace holdfast::hal {

Status system_status(int code) noexcept {
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

Error system_error(int code, const char* doing, std::string_view about, std::string_view why) noexcept {
  return system_error(system_status(code), code, doing, about, why);
}

Error system_error(Status status, int code, const char* doing, std::string_view about,
                   std::string_view why) noexcept {
  Error error = failure(status, Layer::system, doing).about(about);
  error.native = static_cast<std::uint64_t>(code);
  error.native_name = code != 0 ? strerrorname_np(code) : nullptr;  // a literal of the C library, or null
  if (!why.empty()) {
    error.detail.append(" ");
    error.detail.append(why);
  }
  return error;
}

}  // namespace holdfast::hal
