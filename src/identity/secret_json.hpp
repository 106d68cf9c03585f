// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

/// JSON that holds a secret, read where it lies (RFC 8259): a JSON library leaves copies of every string in freed
/// memory, this reader makes none. Escapes of the strings that are asked for are resolved in place, as the result is
/// never longer; so the text is the caller's to lock and to wipe, and is not JSON any more afterwards.
///
/// Strict: UTF-8, no duplicate of a wanted name, nothing after the value, at most 32 levels. Allocates nothing.
namespace holdfast {

struct SecretJsonValue {
  enum class Kind : std::uint8_t { absent, null, boolean, number, string, array, object };
  Kind kind = Kind::absent;
  std::span<char> text;  ///< a string's content without escapes; the source of any other value

  [[nodiscard]] bool is_there() const noexcept { return kind != Kind::absent && kind != Kind::null; }
  [[nodiscard]] std::string_view view() const noexcept { return {text.data(), text.size()}; }
};

struct WantedMember {
  std::string_view name;
  SecretJsonValue value{};
};

/// Reads the object `text` and sets the value of each wanted member; those that are not there stay absent.
/// `file_invalid`, with the byte at which it stops to be JSON; never with any of the text.
[[nodiscard]] Result<void> read_json_members(std::span<char> text, std::span<WantedMember> wanted) noexcept;

/// Whether the array `text`, all of strings, holds `item`. `file_invalid` for another array.
[[nodiscard]] Result<bool> json_array_holds(std::span<char> text, std::string_view item) noexcept;

}  // namespace holdfast
