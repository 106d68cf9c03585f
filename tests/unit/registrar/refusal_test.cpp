// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/refusal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr WallSeconds kNow{784111777};
constexpr const char* kSameTime = "Sun, 06 Nov 1994 08:49:37 GMT";

HttpResponse response(int status, std::string date = {}) {
  HttpResponse result;
  result.status = status;
  result.date = std::move(date);
  return result;
}
std::string detail(const Error& error) { return std::string(error.detail.view()); }

TEST(Refusal, TheStatusFollowsTheRemedy) {
  for (const int status : {429, 500, 502, 503, 504, 599}) {
    EXPECT_EQ(refusal_of(response(status), kNow).status, Status::authority_unavailable) << status;
  }
  for (const int status : {301, 302, 307, 308, 400, 401, 403, 404, 409, 413, 422, 499}) {
    EXPECT_EQ(refusal_of(response(status), kNow).status, Status::authority_refused) << status;
  }
  for (const int status : {0, 100, 600, 999}) {
    EXPECT_EQ(refusal_of(response(status), kNow).status, Status::authority_answer_invalid) << status;
  }
}

TEST(Refusal, TheHttpStatusIsNamed) {
  const Error error = refusal_of(response(401), kNow);
  EXPECT_EQ(error.native, 401U);
  EXPECT_STREQ(error.native_name, "HTTP 401");
  EXPECT_STREQ(refusal_of(response(599), kNow).native_name, "HTTP 599");
  EXPECT_EQ(refusal_of(response(600), kNow).native_name, nullptr);
  EXPECT_EQ(error.layer, Layer::http);
}

TEST(Refusal, AClockDifferenceOfMoreThanAMinuteIsNamed) {
  const Error ahead = refusal_of(response(401, kSameTime), WallSeconds{kNow.value + 600});
  EXPECT_THAT(detail(ahead), HasSubstr("600 s ahead of"));
  EXPECT_THAT(std::string(hint_of(ahead)), HasSubstr("set this machine's clock"));
  const Error behind = refusal_of(response(403, kSameTime), WallSeconds{kNow.value - 61});
  EXPECT_THAT(detail(behind), HasSubstr("61 s behind"));
  for (const std::int64_t difference : {-60, 0, 60}) {
    EXPECT_THAT(detail(refusal_of(response(401, kSameTime), WallSeconds{kNow.value + difference})),
                Not(HasSubstr("clock")));
  }
  EXPECT_THAT(detail(refusal_of(response(401, "yesterday"), kNow)), Not(HasSubstr("clock")));
  // An outage is not the clock's fault.
  EXPECT_EQ(refusal_of(response(503, kSameTime), WallSeconds{0}).hint, nullptr);
}

TEST(Refusal, WhatIsNotFoundIsLookedForInTheUrl) {
  EXPECT_THAT(std::string(hint_of(refusal_of(response(404), kNow))), HasSubstr("base URL"));
  EXPECT_THAT(std::string(hint_of(refusal_of(response(401), kNow))), Not(HasSubstr("base URL")));
}

TEST(Refusal, ARedirectSaysWhere) {
  HttpResponse redirect = response(307);
  redirect.location = "https://elsewhere.example/\x1b[1m";
  const Error error = refusal_of(redirect, kNow);
  EXPECT_EQ(detail(error), "redirects are not followed: to https://elsewhere.example/[1m");
  EXPECT_THAT(std::string(hint_of(error)), HasSubstr("base URL"));
}

TEST(Refusal, OfARedirectNoQueryAndNoSecretIsTold) {
  HttpResponse redirect = response(307);
  for (const char* location :
       {"https://elsewhere.example/login?token=s3cr3t", "https://elsewhere.example/login#s3cr3t"}) {
    redirect.location = location;
    EXPECT_EQ(detail(refusal_of(redirect, kNow)), "redirects are not followed: to https://elsewhere.example/login");
  }
  redirect.location = "https://elsewhere.example/s3cr3t/x";
  EXPECT_EQ(detail(refusal_of(redirect, kNow, "s3cr3t")),
            "redirects are not followed: to https://elsewhere.example/[removed]/x");
}

TEST(Refusal, AWaitThatIsTooLongIsNamed) {
  HttpResponse busy = response(429);
  busy.retry_after = "3600";
  EXPECT_EQ(detail(refusal_of(busy, kNow)), "it asks to wait 3600 s");
  busy.retry_after = "20";
  EXPECT_EQ(detail(refusal_of(busy, kNow)), "");
}

TEST(Refusal, ATooLongAnswerIsInvalid) {
  HttpResponse longer = response(200);
  longer.is_cut = true;
  const Error error = refusal_of(longer, kNow);
  EXPECT_EQ(error.status, Status::authority_answer_invalid);
  EXPECT_THAT(detail(error), HasSubstr("64 KiB"));
}

}  // namespace
}  // namespace holdfast
