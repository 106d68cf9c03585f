// SPDX-License-Identifier: Apache-2.0
#include "hal/display.hpp"

namespace holdfast::hal {
namespace {

// The length of the well-formed UTF-8 sequence at the beginning of `text` (Unicode 15 table 3-7), 0 if there is none.
std::size_t sequence_size(std::string_view text) noexcept {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  const std::size_t size = lead < 0x80                    ? 1
                           : lead >= 0xC2 && lead <= 0xDF ? 2
                           : lead >= 0xE0 && lead <= 0xEF ? 3
                           : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                          : 0;
  if (size == 0 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xC0U) != 0x80U) return 0;
  }
  if (size > 1) {
    const unsigned char second = at(1);
    const bool is_overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool is_outside = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
    const bool is_c1_control = lead == 0xC2 && second < 0xA0;
    if (is_overlong || is_outside || is_c1_control) return 0;
  }
  return size;
}

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

std::size_t write_printable(std::string_view text, std::span<char> room) noexcept {
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t size = sequence_size(text);
    const std::string_view shown = size == 0 || is_control(text[0]) ? std::string_view("?") : text.substr(0, size);
    if (shown.size() > room.size() - used) break;
    shown.copy(room.data() + used, shown.size());
    used += shown.size();
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return used;
}

bool is_printable(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t size = sequence_size(text);
    if (size == 0 || is_control(text[0])) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace holdfast::hal
