// SPDX-License-Identifier: Apache-2.0
#include "src/assertion/detail_text.hpp"

#include <array>
#include <charconv>

namespace holdfast {

DetailText& DetailText::append_signed(std::int64_t number) noexcept {
  if (number < 0) text_.append("-");
  // Modulo 2^64, so that the smallest number has one, too.
  const auto magnitude = static_cast<std::uint64_t>(number);
  return append_unsigned(number < 0 ? 0 - magnitude : magnitude, 10);
}

DetailText& DetailText::append_unsigned(std::uint64_t number, int base) noexcept {
  std::array<char, 20> digits{};  // 2^64 - 1 has as many
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  text_.append({digits.data(), static_cast<std::size_t>(end - digits.data())});
  return *this;
}

}  // namespace holdfast
