// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holdfast::test {

/// A name for the case `index` of a parametrised test: its number, and the words of `text`, which others may have as
/// well. GoogleTest takes letters, digits and underscores of ASCII.
inline std::string case_name(std::size_t index, std::string_view text) {
  std::string name = std::to_string(index);
  bool is_between_words = true;
  for (const char c : text) {
    const bool is_of_a_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_of_a_word && is_between_words) name += '_';
    if (is_of_a_word) name += c;
    is_between_words = !is_of_a_word;
  }
  return name;
}

}  // namespace holdfast::test
