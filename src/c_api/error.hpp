// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/holdfast.h"
#include "holdfast/result.hpp"

namespace holdfast::c_api {

/// How one call of the C ABI ends: its status, and the caller's error structure, if there is one.
class Outcome {
 public:
  explicit Outcome(holdfast_error* out) noexcept : out_(out) {}

  /// False if the caller's structure is not one of ours: the call then does nothing and answers `invalid_argument`.
  [[nodiscard]] bool is_usable() const noexcept {
    return out_ == nullptr || out_->struct_size == sizeof(holdfast_error);
  }

  [[nodiscard]] holdfast_status succeeded() const noexcept;
  [[nodiscard]] holdfast_status failed(const Error& error) const noexcept;
  [[nodiscard]] holdfast_status bad_argument(const char* doing, std::string_view what) const noexcept;
  /// As the result says.
  template <typename T>
  [[nodiscard]] holdfast_status of(const Result<T>& result) const noexcept {
    return result ? succeeded() : failed(result.error());
  }

 private:
  holdfast_error* out_;
};

}  // namespace holdfast::c_api
