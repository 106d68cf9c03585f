// SPDX-License-Identifier: Apache-2.0
#include "src/identity/service_urls.hpp"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

// protocol.md §5 and the URLs expected in §7.
TEST(ServiceUrls, TheKnownBasesHaveTheirAuthority) {
  for (const char* origin : {"https://chatgpt.com", "https://chat.openai.com", "https://chatgpt-staging.com"}) {
    for (const char* path : {"", "/", "/backend-api", "/codex", "/backend-api/codex/"}) {
      const std::string base = std::string(origin) + path;
      const auto urls = service_urls({.chatgpt_base = base});
      ASSERT_TRUE(urls) << base;
      const bool is_staging = base.find("staging") != std::string::npos;
      EXPECT_EQ(urls->authapi_base,
                is_staging ? "https://auth.api.openai.org/api/accounts" : "https://auth.openai.com/api/accounts");
    }
  }
  EXPECT_EQ(service_urls({})->jwks_url, "https://chatgpt.com/backend-api/wham/agent-identities/jwks");
  EXPECT_EQ(service_urls({})->authapi_base, "https://auth.openai.com/api/accounts");
}

TEST(ServiceUrls, TheJwksFollowsItsBase) {
  EXPECT_EQ(jwks_url_of("https://chatgpt.com/backend-api/"),
            "https://chatgpt.com/backend-api/wham/agent-identities/jwks");
  EXPECT_EQ(jwks_url_of("http://localhost:8080/api/codex"), "http://localhost:8080/api/codex/agent-identities/jwks");
}

TEST(ServiceUrls, AnUnknownBaseNeedsBothOverrides) {
  const std::string_view base = "http://localhost:8080/api/codex";
  const std::string_view authapi = "https://auth.example/";
  EXPECT_EQ(service_urls({.chatgpt_base = base}).status(), Status::invalid_argument);
  EXPECT_EQ(service_urls({.chatgpt_base = base, .authapi_base = authapi}).status(), Status::invalid_argument);
  EXPECT_EQ(service_urls({.chatgpt_base = base, .jwks_base = base}).status(), Status::invalid_argument);
  EXPECT_EQ(
      service_urls({.chatgpt_base = base, .authapi_base = authapi, .jwks_base = "http://localhost:8080"}).status(),
      Status::invalid_argument);
  const auto urls = service_urls(
      {.chatgpt_base = base, .authapi_base = authapi, .jwks_base = " http://localhost:8080/api/codex/ "});
  ASSERT_TRUE(urls);
  EXPECT_EQ(urls->authapi_base, "https://auth.example");
  EXPECT_EQ(urls->jwks_url, "http://localhost:8080/api/codex/agent-identities/jwks");
  // A known name with another path, or a longer name, is not known.
  for (const char* other : {"https://chatgpt.com/other", "https://chatgpt.com.evil.example", "http://chatgpt.com"}) {
    EXPECT_EQ(service_urls({.chatgpt_base = other}).status(), Status::invalid_argument) << other;
  }
}

TEST(ServiceUrls, NeitherIsDerivedFromTheOther) {
  const auto moved = service_urls({.authapi_base = "https://auth.example"});
  EXPECT_EQ(moved->jwks_url, "https://chatgpt.com/backend-api/wham/agent-identities/jwks");
  EXPECT_EQ(moved->authapi_base, "https://auth.example");
}

}  // namespace
}  // namespace holdfast
