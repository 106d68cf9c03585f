// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstddef>
#include <span>
#include <string_view>

/// How what a token says is shown to people.
namespace holdfast::hal {

/// Appends `text` with what a terminal or a log would act upon (control characters, broken UTF-8) shown as '?':
/// labels are the token's, and so hostile. Returns how much of `room` is used then.
[[nodiscard]] std::size_t write_printable(std::string_view text, std::span<char> room) noexcept;

template <std::size_t Capacity>
void append_printable(FixedText<Capacity>& to, std::string_view text) noexcept {
  char buffer[Capacity];
  to.append({buffer, write_printable(text, buffer)});
}

template <std::size_t Capacity>
void append_hex(FixedText<Capacity>& to, std::span<const std::byte> bytes) noexcept {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const std::byte byte : bytes) {
    const auto number = std::to_integer<unsigned>(byte);
    const char pair[] = {kDigits[number >> 4U], kDigits[number & 15U]};
    to.append({pair, sizeof pair});
  }
}

/// True if all of `text` is well-formed UTF-8 without control characters.
[[nodiscard]] bool is_printable(std::string_view text) noexcept;

}  // namespace holdfast::hal
