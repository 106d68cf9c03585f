// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/plain_text.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace holdfast {
namespace {

struct Character {
  std::size_t size;  // 0: not UTF-8
  std::uint32_t code;
};

// RFC 3629 §3: no overlong forms, no surrogates, nothing above U+10FFFF.
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, lead};
  const std::size_t size = lead >= 0xC2 && lead <= 0xDF   ? 2
                           : (lead & 0xF0U) == 0xE0       ? 3
                           : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                          : 0;
  if (size == 0 || text.size() < size) return {0, 0};
  std::uint32_t code = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {0, 0};
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  const bool is_overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool is_outside = code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF);
  return is_overlong || is_outside ? Character{0, 0} : Character{size, code};
}

bool is_shown(std::uint32_t code) {
  const bool is_control = code < 0x20 || (code >= 0x7F && code < 0xA0);
  const bool turns_direction = (code >= 0x200E && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
                               (code >= 0x2066 && code <= 0x2069) || code == 0x061C || code == 0xFEFF;
  return !is_control && !turns_direction;
}

// An echo is often escaped ("\\/", "%2B") or cut short, so whatever stands in both for this long is taken for one.
constexpr std::size_t kShortestEcho = 8;

std::vector<std::string_view> pieces_of(std::string_view secret) {
  std::vector<std::string_view> pieces;
  const std::size_t size = std::min(kShortestEcho, secret.size());
  for (std::size_t i = 0; i + size <= secret.size(); ++i) pieces.push_back(secret.substr(i, size));
  std::ranges::sort(pieces);
  return pieces;
}

std::string without(std::string_view text, std::string_view secret) {
  if (secret.empty()) return std::string(text);
  const std::vector<std::string_view> pieces = pieces_of(secret);
  const std::size_t size = pieces.front().size();
  std::string kept;
  std::size_t echoed_to = 0;  // end of what is being left out
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.size() - i >= size && std::ranges::binary_search(pieces, text.substr(i, size))) {
      if (echoed_to <= i) kept += "[removed]";
      echoed_to = i + size;
    }
    if (i >= echoed_to) kept += text[i];
  }
  return kept;
}

}  // namespace

std::string plain_text(std::string_view bytes, std::string_view secret) {
  std::string text;
  bytes = bytes.substr(0, kMaxPlainTextSource);
  while (!bytes.empty()) {
    const Character next = first_character(bytes);
    const bool is_space = next.size == 1 && (next.code == '\n' || next.code == '\r' || next.code == '\t');
    if (next.size == 0) {
      text += "\xEF\xBF\xBD";
    } else if (is_space) {
      if (!text.empty() && !text.ends_with(' ')) text += ' ';
    } else if (is_shown(next.code)) {
      text += bytes.substr(0, next.size);
    }
    bytes.remove_prefix(next.size == 0 ? 1 : next.size);
  }
  // After the clean-up, so that a control character inside does not hide the secret from the search.
  return without(text, secret);
}

}  // namespace holdfast
