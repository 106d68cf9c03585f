// SPDX-License-Identifier: Apache-2.0
#include "tools/command_line/command_line.hpp"

#include <algorithm>

namespace holdfast::command_line {

std::string_view nearest(std::string_view text, const std::vector<std::string_view>& names) {
  constexpr std::size_t kShortestPrefix = 2;
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, text.size() / 3) + 1;
  for (const std::string_view name : names) {
    if (text.size() >= kShortestPrefix && name.starts_with(text)) return name;
    // Levenshtein's distance, one row at a time, with a swap of two neighbours for one step.
    std::vector<std::size_t> before(name.size() + 1);
    std::vector<std::size_t> row(name.size() + 1);
    std::vector<std::size_t> two_before;
    for (std::size_t j = 0; j <= name.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= text.size(); ++i) {
      two_before = before;
      before = row;
      row[0] = i;
      for (std::size_t j = 1; j <= name.size(); ++j) {
        const std::size_t replaced = before[j - 1] + (text[i - 1] == name[j - 1] ? 0 : 1);
        row[j] = std::min({before[j] + 1, row[j - 1] + 1, replaced});
        const bool is_swap = i > 1 && j > 1 && text[i - 1] == name[j - 2] && text[i - 2] == name[j - 1];
        if (is_swap) row[j] = std::min(row[j], two_before[j - 2] + 1);
      }
    }
    if (row[name.size()] < best_distance) {
      best_distance = row[name.size()];
      best = name;
    }
  }
  return best;
}

}  // namespace holdfast::command_line
