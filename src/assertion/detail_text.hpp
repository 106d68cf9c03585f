// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <array>
#include <charconv>
#include <concepts>
#include <string_view>

namespace holdfast {

/// The detail of an error as it is put together: words and numbers, no heap, cut at an error's capacity.
///
/// Bytes from outside go in as numbers only, so that no message carries foreign control characters.
class DetailText {
 public:
  DetailText& operator<<(std::string_view words) noexcept {
    text_.append(words);
    return *this;
  }
  DetailText& operator<<(std::integral auto number) noexcept { return append_number(number, 10); }
  /// Appends a byte as `0x2f`.
  DetailText& hex(unsigned char byte) noexcept {
    text_.append(byte < 0x10 ? "0x0" : "0x");
    return append_number(static_cast<unsigned>(byte), 16);
  }

  [[nodiscard]] std::string_view view() const noexcept { return text_.view(); }

 private:
  DetailText& append_number(std::integral auto number, int base) noexcept {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
    text_.append({digits.data(), static_cast<std::size_t>(end - digits.data())});
    return *this;
  }

  decltype(Error::detail) text_;
};

}  // namespace holdfast
