// SPDX-License-Identifier: Apache-2.0
#include "hal/percent_encoding.hpp"

namespace holdfast::hal {

bool is_alphanumeric(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

DecodedOctet take_octet(std::string_view& text) noexcept {
  constexpr std::size_t kEncodedSize = 3;
  const char c = text.front();
  if (c != '%') {
    text.remove_prefix(1);
    return {DecodedOctet::Kind::plain, c};
  }
  const int high = text.size() >= kEncodedSize ? hex_value(text[1]) : -1;
  const int low = text.size() >= kEncodedSize ? hex_value(text[2]) : -1;
  if (high < 0 || low < 0) {
    text.remove_prefix(1);
    return {DecodedOctet::Kind::malformed, c};
  }
  text.remove_prefix(kEncodedSize);
  return {DecodedOctet::Kind::encoded, static_cast<char>(high * 16 + low)};
}

FixedText<3> percent_encoded(std::byte octet) noexcept {
  constexpr char kDigits[] = "0123456789ABCDEF";
  const auto number = std::to_integer<unsigned>(octet);
  const char text[] = {'%', kDigits[number >> 4U], kDigits[number & 15U]};
  return FixedText<3>({text, sizeof text});
}

}  // namespace holdfast::hal
