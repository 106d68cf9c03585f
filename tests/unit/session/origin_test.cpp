// SPDX-License-Identifier: Apache-2.0
#include "src/session/origin.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast {
namespace {

std::string text_of(std::string_view url) {
  const auto origin = Origin::of_url(url);
  return origin ? std::string(origin->text().view()) : std::string(origin.error().detail.view());
}

TEST(OriginOfUrl, IsSchemeHostAndPort) {
  EXPECT_EQ(text_of("https://api.example"), "https://api.example");
  EXPECT_EQ(text_of("https://API.Example:443/v1?a=b#c"), "https://api.example");
  EXPECT_EQ(text_of("HtTpS://api.example:8443/"), "https://api.example:8443");
  EXPECT_EQ(text_of("https://api.example:80/"), "https://api.example:80");
  EXPECT_EQ(text_of("wss://api.example:443/"), "wss://api.example");
  EXPECT_EQ(text_of("http://127.0.0.1:8080/"), "http://127.0.0.1:8080");
  EXPECT_EQ(text_of("ws://localhost/"), "ws://localhost");
  EXPECT_EQ(text_of("https://xn--bcher-kva.example/"), "https://xn--bcher-kva.example");
  EXPECT_EQ(text_of("https://[2001:DB8:0:0::1]:443/"), "https://[2001:db8::1]");
  EXPECT_EQ(text_of("https://api.example/a\\b@c \t\xc3\xbc"), "https://api.example") << "the path is not looked at";
}

TEST(OriginOfUrl, EqualMeansTheSameServer) {
  const auto origin = [](std::string_view url) { return Origin::of_url(url).value(); };
  EXPECT_EQ(origin("https://api.example/a"), origin("https://API.EXAMPLE:443/b"));
  EXPECT_EQ(origin("https://[::1]/"), origin("https://[0:0:0:0:0:0:0:1]:0443/"));
  EXPECT_NE(origin("https://api.example/"), origin("wss://api.example/"));
  EXPECT_NE(origin("https://api.example/"), origin("https://api.example:444/"));
  EXPECT_NE(origin("https://api.example/"), origin("https://api-example/"));
  EXPECT_NE(origin("https://127.0.0.1/"), origin("https://[::ffff:127.0.0.1]/"));
}

TEST(OriginOfUrl, RefusesWhatTwoReadersTakeForTwoHosts) {
  for (const std::string_view url : {"",
                                     "api.example",
                                     "https:/api.example",
                                     "https:api.example",
                                     "//api.example/",
                                     "ftp://api.example/",
                                     " https://api.example/",
                                     "https://",
                                     "https:///",
                                     "https:///api.example/",
                                     "https://user@api.example/",
                                     "https://user:pass@api.example/",
                                     "https://api.example%2f@evil.example/",
                                     "https://api.example\\@evil.example/",
                                     "https://api.example\\.evil.example/",
                                     "https:\\\\api.example/",
                                     "https://api.example#@evil.example/",
                                     "https://api.example?@evil.example/",
                                     "https://api.example?a",
                                     "https://api.example./",
                                     "https://.api.example/",
                                     "https://api..example/",
                                     "https://%61pi.example/",
                                     "https://api.ex\tample/",
                                     "https://api.ex\nample/",
                                     "https://api.example /",
                                     "https://api.ex\xc3\xa4mple/",
                                     "https://api\xe3\x80\x82"
                                     "example/",
                                     "https://\xef\xbd\x81pi.example/",
                                     "https://api.example:/",
                                     "https://api.example:0/",
                                     "https://api.example:65536/",
                                     "https://api.example:+443/",
                                     "https://api.example:443:443/",
                                     "https://api.example:4a/",
                                     "https://0x7f.1/",
                                     "https://127.1/",
                                     "https://2130706433/",
                                     "https://017700000001/",
                                     "https://127.0.0.1.example.0x1/",
                                     "https://[::1/",
                                     "https://[::1%25lo]/",
                                     "https://[127.0.0.1]/",
                                     "https://::1/",
                                     "https://[::1]x/"}) {
    EXPECT_EQ(Origin::of_url(url).status(), Status::invalid_argument) << url;
  }
  EXPECT_EQ(Origin::of_url(std::string_view("https://api.example\0.evil.example/", 33)).status(),
            Status::invalid_argument);
  EXPECT_EQ(Origin::of_url("https://" + std::string(254, 'a') + "/").status(), Status::invalid_argument);
}

TEST(OriginOfUrl, PlainTextIsForLoopbackHosts) {
  for (const char* url :
       {"http://api.example/", "ws://api.example/", "http://192.0.2.1/", "http://localhost.example/"}) {
    EXPECT_EQ(Origin::of_url(url).status(), Status::invalid_argument) << url;
  }
  for (const char* url : {"http://localhost:1/", "http://127.8.8.8/", "ws://[::1]/"})
    EXPECT_TRUE(Origin::of_url(url)) << url;
}

}  // namespace
}  // namespace holdfast
