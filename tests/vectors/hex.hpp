// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::test {

/// The bytes that `hex` names; ends the program on anything but pairs of hexadecimal digits.
inline std::vector<std::byte> from_hex(std::string_view hex) {
  const auto digit = [](char c) {
    const std::size_t value =
        std::string_view("0123456789abcdef").find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
    if (value == std::string_view::npos) std::abort();
    return static_cast<unsigned>(value);
  };
  if (hex.size() % 2 != 0) std::abort();
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return bytes;
}

}  // namespace holdfast::test
