// SPDX-License-Identifier: Apache-2.0
#include "holdfast/result.hpp"

namespace holdfast {

Error::Error(const Error& other) noexcept = default;
Error& Error::operator=(const Error& other) noexcept = default;

Error Error::about(std::string_view text) && noexcept {
  detail.clear();
  detail.append(text);
  return *this;
}

Error Error::with_hint(const char* text) && noexcept {
  hint = text;
  return *this;
}

Error failure(Status status, Layer layer, const char* doing) noexcept {
  Error error;
  error.status = status;
  error.layer = layer;
  error.doing = doing;
  return error;
}

}  // namespace holdfast
