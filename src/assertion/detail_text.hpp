// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <concepts>
#include <cstdint>
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
  DetailText& operator<<(std::signed_integral auto number) noexcept { return append_signed(number); }
  DetailText& operator<<(std::unsigned_integral auto number) noexcept { return append_unsigned(number, 10); }
  /// Appends a byte as `0x2f`.
  DetailText& hex(unsigned char byte) noexcept {
    text_.append(byte < 0x10 ? "0x0" : "0x");
    return append_unsigned(byte, 16);
  }

  [[nodiscard]] std::string_view view() const noexcept { return text_.view(); }

 private:
  DetailText& append_signed(std::int64_t number) noexcept;
  DetailText& append_unsigned(std::uint64_t number, int base) noexcept;

  decltype(Error::detail) text_;
};

}  // namespace holdfast
