// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/http_date.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace holdfast {
namespace {

constexpr std::array<std::string_view, 7> kDays{"Thu", "Fri", "Sat", "Sun",
                                                "Mon", "Tue", "Wed"};  // 1970 began on one
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::int64_t kSecondsPerDay = 86'400;
// Longer than any wait we would make; keeps a hostile number out of the arithmetic.
constexpr std::int64_t kLongestWait = 366 * kSecondsPerDay;

}  // namespace

std::optional<WallSeconds> parse_http_date(std::string_view text) noexcept {
  constexpr std::string_view kShape = "Sun, 06 Nov 1994 08:49:37 GMT";
  if (text.size() != kShape.size()) return std::nullopt;
  for (const std::size_t i : {3U, 4U, 7U, 11U, 16U, 19U, 22U, 25U, 26U, 27U, 28U}) {
    if (text[i] != kShape[i]) return std::nullopt;
  }
  const auto month = std::ranges::find(kMonths, text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  const auto month_number = static_cast<unsigned>(month - kMonths.begin()) + 1;

  FixedText<kTimestampSize> timestamp;
  timestamp.append(text.substr(12, 4));
  timestamp.append(month_number < 10 ? "-0" : "-1");
  timestamp.append(static_cast<char>('0' + month_number % 10));
  timestamp.append("-");
  timestamp.append(text.substr(5, 2));
  timestamp.append("T");
  timestamp.append(text.substr(17, 8));
  timestamp.append("Z");
  const auto time = parse_timestamp(timestamp.view());
  if (!time) return std::nullopt;

  const std::int64_t day = time->value >= 0 ? time->value / kSecondsPerDay : -1;
  if (day < 0 || text.substr(0, 3) != kDays[static_cast<std::size_t>(day % 7)]) return std::nullopt;
  return *time;
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view text, WallSeconds now) noexcept {
  if (text.empty()) return std::nullopt;
  if (const auto date = parse_http_date(text)) {
    return std::chrono::seconds(std::clamp<std::int64_t>(date->value - now.value, 0, kLongestWait));
  }
  if (!std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  std::int64_t seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  // More digits than the type holds is a very long time, not nonsense.
  return std::chrono::seconds(read.ec == std::errc() ? std::min(seconds, kLongestWait) : kLongestWait);
}

}  // namespace holdfast
