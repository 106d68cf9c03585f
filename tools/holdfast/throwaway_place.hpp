// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <string>
#include <string_view>

namespace holdfast::tool {

/// What the label of every key begins with that `holdfast token check` makes on a token.
inline constexpr std::string_view kThrowawayPrefix = "holdfast-check-";

/// Where a throwaway key goes: on a token under a label that no other key has; for a TPM into a file in a folder of
/// its own, which is gone with this object.
class ThrowawayPlace {
 public:
  /// `token_uri` names a token or a TPM, and no key.
  [[nodiscard]] static Result<ThrowawayPlace> choose(std::string_view token_uri);

  ThrowawayPlace(ThrowawayPlace&& other) noexcept;
  ThrowawayPlace(const ThrowawayPlace&) = delete;
  ThrowawayPlace& operator=(const ThrowawayPlace&) = delete;
  ThrowawayPlace& operator=(ThrowawayPlace&&) = delete;
  ~ThrowawayPlace();

  /// For the device that makes the key: of a token all that is on it, of a TPM the one file.
  [[nodiscard]] const std::string& uri() const { return uri_; }
  /// The key's label; empty for a TPM, whose keys are called by their file.
  [[nodiscard]] const std::string& label() const { return label_; }

 private:
  ThrowawayPlace() = default;

  std::string uri_;
  std::string label_;
  std::string folder_;
};

}  // namespace holdfast::tool
