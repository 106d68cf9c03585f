// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast {

/// Reads the JSON of an assertion member by member: one object (RFC 8259 §4) whose values are all strings.
///
/// Stricter than RFC 8259, so that no two readers can understand the same bytes differently: strings hold
/// printable ASCII and no escapes. Allocates nothing; the members point into the text.
class FlatJsonReader {
 public:
  struct Member {
    std::string_view name;
    std::string_view value;
  };

  explicit FlatJsonReader(std::string_view text) noexcept : text_(text) {}

  /// The next member, or nothing once the object and the text have ended. `header_refused` with the rule broken;
  /// the reader is of no use after that. Whether a name comes twice is the caller's to see.
  [[nodiscard]] Result<std::optional<Member>> next() noexcept;

 private:
  enum class State : std::uint8_t { before_object, before_first_member, after_member };

  void skip_space() noexcept;
  [[nodiscard]] bool take(char expected) noexcept;
  [[nodiscard]] Result<std::string_view> take_string() noexcept;
  [[nodiscard]] Result<std::optional<Member>> end() noexcept;
  [[nodiscard]] Error unexpected(std::string_view expected) const noexcept;

  std::string_view text_;
  std::size_t position_ = 0;
  State state_ = State::before_object;
};

}  // namespace holdfast
