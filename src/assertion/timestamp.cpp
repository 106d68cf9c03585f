// SPDX-License-Identifier: Apache-2.0
#include "holdfast/assertion.hpp"

#include <array>
#include <cstdint>

// Own arithmetic on the proleptic Gregorian calendar: gmtime_r allocates and opens the zone file on its first call,
// and timegm accepts dates that do not exist.
namespace holdfast {
namespace {

constexpr std::int64_t kSecondsPerDay = 86400;
constexpr std::int64_t kDaysPerEra = 146097;  // 400 years, after which the calendar repeats

constexpr bool is_leap_year(int year) noexcept { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

constexpr int days_in_month(int year, int month) noexcept {
  constexpr std::array<std::int8_t, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[static_cast<std::size_t>(month) - 1] + (month == 2 && is_leap_year(year) ? 1 : 0);
}

// Days from 0000-03-01 to the first of March of `year`, for year >= -1: with years that begin in March, the leap day
// is the last of its year and the lengths of the months before it follow one formula.
constexpr std::int64_t days_before_march_year(std::int64_t year) noexcept {
  const std::int64_t shifted = year + 400;  // never negative, so that division rounds down
  return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 - kDaysPerEra;
}

// Days from the first of March to the first of the month that comes `index` months later.
constexpr std::int64_t days_before_march_month(std::int64_t index) noexcept { return (153 * index + 2) / 5; }

constexpr std::int64_t days_from_march_epoch(int year, int month, int day) noexcept {
  const bool counts_to_last_year = month <= 2;
  return days_before_march_year(year - (counts_to_last_year ? 1 : 0)) +
         days_before_march_month(month + (counts_to_last_year ? 9 : -3)) + day - 1;
}

constexpr std::int64_t kUnixEpochDay = days_from_march_epoch(1970, 1, 1);

constexpr std::int64_t seconds_at(int year, int month, int day, std::int64_t second_of_day) noexcept {
  return (days_from_march_epoch(year, month, day) - kUnixEpochDay) * kSecondsPerDay + second_of_day;
}

constexpr std::int64_t kFirstSecond = seconds_at(0, 1, 1, 0);
constexpr std::int64_t kLastSecond = seconds_at(9999, 12, 31, kSecondsPerDay - 1);
static_assert(kFirstSecond == -62167219200 && kLastSecond == 253402300799);

struct Date {
  std::int64_t year;
  std::int64_t month;
  std::int64_t day;
};

constexpr Date date_of(std::int64_t days_from_march) noexcept {
  const std::int64_t shifted = days_from_march + kDaysPerEra;
  const std::int64_t era = shifted / kDaysPerEra;
  const std::int64_t day_of_era = shifted % kDaysPerEra;
  // 36524 days in a century without its leap day, 1461 in four years; the last day of each would overshoot.
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (kDaysPerEra - 1)) / 365;
  const std::int64_t day_of_year = day_of_era - (year_of_era * 365 + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_index = (5 * day_of_year + 2) / 153;
  const bool is_next_year = month_index >= 10;
  return {(era - 1) * 400 + year_of_era + (is_next_year ? 1 : 0), month_index + (is_next_year ? -9 : 3),
          day_of_year - days_before_march_month(month_index) + 1};
}

constexpr void put_digits(char* to, std::int64_t value, int count) noexcept {
  for (; count > 0; value /= 10) to[--count] = static_cast<char>('0' + value % 10);
}

constexpr const char* kReading = "reading a timestamp";

Error refusal(std::string_view rule) noexcept {
  return failure(Status::invalid_argument, Layer::core, kReading).about(rule);
}

constexpr int number_at(std::string_view digits, std::size_t at, std::size_t count) noexcept {
  int number = 0;
  for (const char digit : digits.substr(at, count)) number = number * 10 + (digit - '0');
  return number;
}

}  // namespace

Result<TimestampText> format_timestamp(WallSeconds time) noexcept {
  if (time.value < kFirstSecond || time.value > kLastSecond) {
    return failure(Status::invalid_argument, Layer::core, "writing a timestamp")
        .about("the year does not have four digits");
  }
  const std::int64_t since_first = time.value - kFirstSecond;
  const std::int64_t second = since_first % kSecondsPerDay;
  const Date date = date_of((time.value - second) / kSecondsPerDay + kUnixEpochDay);
  std::array<char, kTimestampSize> text{'0', '0', '0', '0', '-', '0', '0', '-', '0', '0',
                                        'T', '0', '0', ':', '0', '0', ':', '0', '0', 'Z'};
  put_digits(&text[0], date.year, 4);
  put_digits(&text[5], date.month, 2);
  put_digits(&text[8], date.day, 2);
  put_digits(&text[11], second / 3600, 2);
  put_digits(&text[14], second / 60 % 60, 2);
  put_digits(&text[17], second % 60, 2);
  return TimestampText(std::string_view(text.data(), text.size()));
}

Result<WallSeconds> parse_timestamp(std::string_view text) noexcept {
  constexpr std::string_view kShape = "0000-00-00T00:00:00Z";
  static_assert(kShape.size() == kTimestampSize);
  if (text.size() != kShape.size()) return refusal("it is not of the form 2026-04-20T00:00:00Z");
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == '0' ? !is_digit : text[i] != kShape[i]) {
      return refusal("it is not of the form 2026-04-20T00:00:00Z");
    }
  }
  const int year = number_at(text, 0, 4);
  const int month = number_at(text, 5, 2);
  const int day = number_at(text, 8, 2);
  const int hour = number_at(text, 11, 2);
  const int minute = number_at(text, 14, 2);
  const int second = number_at(text, 17, 2);
  if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
    return refusal("there is no such date");
  }
  // POSIX time has no name for a leap second, so 60 is refused (RFC 3339 §5.6 would allow it).
  if (hour > 23 || minute > 59 || second > 59) return refusal("there is no such time of day");
  return WallSeconds{seconds_at(year, month, day, hour * 3600 + minute * 60 + second)};
}

}  // namespace holdfast
