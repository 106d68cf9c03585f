// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/http_date.hpp"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using namespace std::chrono_literals;

TEST(HttpDate, ReadsTheFixedForm) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), WallSeconds{784111777});  // RFC 9110 §5.6.7
  EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), WallSeconds{0});
  EXPECT_EQ(parse_http_date("Thu, 29 Feb 2024 23:59:59 GMT"), WallSeconds{1709251199});
  EXPECT_EQ(parse_http_date("Sat, 03 Oct 2026 12:00:00 GMT"), WallSeconds{1791028800});
  EXPECT_EQ(parse_http_date("Thu, 31 Dec 2026 00:00:00 GMT"), WallSeconds{1798675200});
}

TEST(HttpDate, ReadsNothingElse) {
  for (const char* text :
       {"", "Sun, 06 Nov 1994 08:49:37", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "Mon, 06 Nov 1994 08:49:37 GMT", "sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 6 Nov 1994 08:49:37 GMT ",
        "Sun, 31 Nov 1994 08:49:37 GMT", "Thu, 29 Feb 2023 00:00:00 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06-Nov 1994 08:49:37 GMT", "Sun, +6 Nov 1994 08:49:37 GMT",
        "Wed, 31 Dec 1969 23:59:59 GMT", "Sun, 06 Nov 1994 08.49.37 GMT"}) {
    EXPECT_FALSE(parse_http_date(text)) << text;
  }
}

TEST(RetryAfter, IsSecondsOrADate) {
  const WallSeconds now{784111777};
  EXPECT_EQ(parse_retry_after("0", now), 0s);
  EXPECT_EQ(parse_retry_after("120", now), 120s);
  EXPECT_EQ(parse_retry_after("007", now), 7s);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:52 GMT", now), 15s);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:00 GMT", now), 0s);
  EXPECT_EQ(parse_retry_after("99999999999999999999999999", now), 366 * 24h);
  EXPECT_EQ(parse_retry_after("9223372036854775807", now), 366 * 24h);
}

TEST(RetryAfter, IsNothingElse) {
  for (const char* text : {"", "-1", "+1", "1.5", "1 ", "soon", "0x10", "Sun, 06 Nov 1994"}) {
    EXPECT_FALSE(parse_retry_after(text, WallSeconds{0})) << text;
  }
}

}  // namespace
}  // namespace holdfast
