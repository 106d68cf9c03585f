// SPDX-License-Identifier: Apache-2.0
#include "holdfast/assertion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <time.h>

#include <cstdio>
#include <limits>
#include <random>
#include <string>

namespace holdfast {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kFirst = -62167219200;
constexpr std::int64_t kLast = 253402300799;

std::string text_of(std::int64_t seconds) {
  const auto text = format_timestamp({seconds});
  return text ? std::string(text->view()) : "refused";
}

std::int64_t seconds_of(std::string_view text) {
  const auto time = parse_timestamp(text);
  return time ? time->value : std::numeric_limits<std::int64_t>::min();
}

std::string reason(std::string_view text) {
  const auto time = parse_timestamp(text);
  if (time) return "accepted";
  EXPECT_EQ(time.status(), Status::invalid_argument);
  return std::string(time.error().detail.view());
}

// What the C library makes of the same second.
std::string reference_text(std::int64_t seconds) {
  const auto time = static_cast<time_t>(seconds);
  tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  (void)std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900,
                      parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return text.data();
}

TEST(Timestamp, NamesKnownSeconds) {
  EXPECT_EQ(text_of(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(text_of(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(text_of(1776643200), "2026-04-20T00:00:00Z");
  EXPECT_EQ(text_of(951782400), "2000-02-29T00:00:00Z");
  EXPECT_EQ(text_of(4107542399), "2100-02-28T23:59:59Z");
  EXPECT_EQ(text_of(4107542400), "2100-03-01T00:00:00Z");
  EXPECT_EQ(text_of(2147483648), "2038-01-19T03:14:08Z");
  EXPECT_EQ(text_of(kFirst), "0000-01-01T00:00:00Z");
  EXPECT_EQ(text_of(kLast), "9999-12-31T23:59:59Z");
}

TEST(Timestamp, RefusesYearsWithoutFourDigits) {
  for (const std::int64_t seconds :
       {kFirst - 1, kLast + 1, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(format_timestamp({seconds}).status(), Status::invalid_argument) << seconds;
  }
}

TEST(Timestamp, AgreesWithTheCLibraryOnEveryDay) {
  std::mt19937_64 random(7);
  for (std::int64_t day = kFirst / 86400; day <= kLast / 86400; ++day) {
    const std::int64_t seconds = day * 86400 + static_cast<std::int64_t>(random() % 86400);
    const auto text = format_timestamp({seconds});
    ASSERT_TRUE(text);
    ASSERT_EQ(text->view(), reference_text(seconds)) << seconds;
    const auto back = parse_timestamp(text->view());
    ASSERT_TRUE(back) << text->view();
    ASSERT_EQ(back->value, seconds);
  }
}

TEST(Timestamp, AcceptsExactlyTheDatesThatExist) {
  std::size_t accepted = 0;
  std::size_t days = 0;
  for (const int year : {0, 1900, 1999, 2000, 2023, 2024, 2100, 9999}) {
    if (sizeof(time_t) < 8 && (year < 1902 || year > 2037)) continue;  // the C library of such a machine has none
    days += year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 366 : 365;
    for (int month = 0; month <= 13; ++month) {
      for (int day = 0; day <= 32; ++day) {
        std::array<char, 40> text{};
        (void)std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT12:34:56Z", year, month, day);
        tm parts{};
        parts.tm_year = year - 1900;
        parts.tm_mon = month - 1;
        parts.tm_mday = day;
        (void)timegm(&parts);  // moves a date that does not exist to one that does
        const bool exists = parts.tm_mon == month - 1 && parts.tm_mday == day;
        EXPECT_EQ(parse_timestamp(text.data()).has_value(), exists) << text.data();
        accepted += exists ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(accepted, days);
}

TEST(Timestamp, AcceptsExactlyTheTimesOfDay) {
  for (int hour = 0; hour < 100; ++hour) {
    for (int minute = 0; minute < 100; ++minute) {
      for (const int second : {0, 1, 59, 60, 61, 99}) {
        std::array<char, 40> text{};
        (void)std::snprintf(text.data(), text.size(), "1970-01-01T%02d:%02d:%02dZ", hour, minute, second);
        const bool exists = hour < 24 && minute < 60 && second < 60;
        ASSERT_EQ(parse_timestamp(text.data()).has_value(), exists) << text.data();
        if (exists) {
          ASSERT_EQ(seconds_of(text.data()), hour * 3600 + minute * 60 + second);
        }
      }
    }
  }
}

TEST(Timestamp, RefusesEveryOtherForm) {
  for (const std::string_view text :
       {"", "2026-04-20T00:00:00", "2026-04-20T00:00:00z", "2026-04-20t00:00:00Z", "2026-04-20 00:00:00Z",
        "2026-04-20T00:00:00+00:00", "2026-04-20T00:00:00.0Z", "2026-04-20T00:00:00Z ", " 2026-04-20T00:00:00Z",
        "2026-4-20T00:00:00Z", "02026-04-20T00:00:00Z", "+026-04-20T00:00:00Z", "-026-04-20T00:00:00Z",
        "2026-04-20T0 :00:00Z", "2026/04/20T00:00:00Z", "20260420T000000Z", "1776643200", "2026-04-20T24:00:00"}) {
    EXPECT_THAT(reason(text), HasSubstr("of the form 2026-04-20T00:00:00Z")) << text;
  }
  EXPECT_THAT(reason("2026-02-29T00:00:00Z"), HasSubstr("no such date"));
  EXPECT_THAT(reason("2026-04-20T24:00:00Z"), HasSubstr("no such time of day"));
  EXPECT_THAT(reason("2016-12-31T23:59:60Z"), HasSubstr("no such time of day"));
}

// Each byte value at each position: only a digit where the form has one can be accepted.
TEST(Timestamp, RefusesEveryOtherByteAtEveryPosition) {
  const std::string good = "2026-10-20T10:10:10Z";
  for (std::size_t position = 0; position < good.size(); ++position) {
    for (int value = 0; value < 256; ++value) {
      std::string text = good;
      text[position] = static_cast<char>(value);
      const bool was_digit = good[position] >= '0' && good[position] <= '9';
      const bool is_digit = value >= '0' && value <= '9';
      if (was_digit && is_digit) continue;
      ASSERT_EQ(parse_timestamp(text).has_value(), text == good) << position << ' ' << value;
    }
  }
}

}  // namespace
}  // namespace holdfast
