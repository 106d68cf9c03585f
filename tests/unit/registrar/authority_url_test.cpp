// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/authority_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using testing::HasSubstr;

TEST(AuthorityUrl, MakesTheUrlsOfTheProtocol) {
  const RuntimeId runtime_id = *RuntimeId::parse("agent-runtime-id");
  for (const char* base : {"https://auth.openai.com/api/accounts", "https://auth.openai.com/api/accounts/",
                           "HTTPS://auth.openai.com/api/accounts//"}) {
    const auto url = AuthorityUrl::parse(base);
    ASSERT_TRUE(url) << base;
    EXPECT_EQ(url->agent_registration(), "https://auth.openai.com/api/accounts/v1/agent/register");
    EXPECT_EQ(url->task_registration(runtime_id),
              "https://auth.openai.com/api/accounts/v1/agent/agent-runtime-id/task/register");
  }
  EXPECT_EQ(AuthorityUrl::parse("https://a.example/")->agent_registration(), "https://a.example/v1/agent/register");
}

TEST(AuthorityUrl, TakesHttpToLoopbackOnly) {
  for (const char* url : {"http://127.0.0.1:8080", "http://127.255.255.254/x", "http://[::1]:1",
                          "http://localhost:80/a", "http://LocalHost", "http://[0:0:0:0:0:0:0:1]"}) {
    const auto read = AuthorityUrl::parse(url);
    ASSERT_TRUE(read) << url;
    EXPECT_TRUE(read->is_plain_http());
  }
  for (const char* url : {"http://a.example", "http://128.0.0.1", "http://126.255.255.255", "http://[::2]",
                          "http://[::ffff:127.0.0.1]", "http://localhost.", "http://localhost.example",
                          "http://127.0.0.1.example", "http://0.0.0.0", "http://[::]"}) {
    EXPECT_EQ(AuthorityUrl::parse(url).status(), Status::invalid_argument) << url;
  }
}

TEST(AuthorityUrl, TakesHttpsToAnyHost) {
  for (const char* url : {"https://a.example", "https://10.0.0.1:8443/x", "https://[2001:db8::1]/a%20b",
                          "https://a:1", "https://a:65535/x/.well-known/...", "https://a/%2ewell-known",
                          "https://a.example.", "https://4you", "https://node.4you"}) {
    const auto read = AuthorityUrl::parse(url);
    ASSERT_TRUE(read) << url;
    EXPECT_FALSE(read->is_plain_http());
    EXPECT_EQ(read->text(), url);
  }
}

struct BadUrl {
  const char* url;
  const char* named;
};
TEST(AuthorityUrl, SaysWhyItRefuses) {
  const BadUrl cases[] = {{"", "empty"},
                          {"a.example", "neither https"},
                          {"ftp://a.example", "neither https"},
                          {"https:/a.example", "neither https"},
                          {"file:///etc/passwd", "neither https"},
                          {"https://", "host"},
                          {"https:///path", "host"},
                          {"https://:443", "host"},
                          {"https://me:secret@a.example", "credentials"},
                          {"http://127.0.0.1@a.example", "credentials"},
                          {"https://a.example/?x=1", "query"},
                          {"https://a.example/#x", "fragment"},
                          {"https://a.example\\@b.example", "backslash"},
                          {"https://a.example/a b", "space"},
                          {"https://a.example/\r\nX: y", "control"},
                          {"https://\xC3\xA9.example", "ASCII"},
                          {"https://a.example/a/../b", "segment"},
                          {"https://a.example/./b", "segment"},
                          {"https://a.example/..", "segment"},
                          {"https://a.example/a/%2e%2E/b", "segment"},
                          {"https://a.example/.%2E", "segment"},
                          {"https://a.example/%2e", "segment"},
                          {"https://..", "dot"},
                          {"https://.a.example", "dot"},
                          {"https://a..example", "dot"},
                          {"https://a.example/a|b", "path"},
                          {"https://a.example:0", "port"},
                          {"https://a.example:65536", "port"},
                          {"https://a.example:", "port"},
                          {"https://a.example:8o", "port"},
                          {"https://[::1", "]"},
                          {"https://[::1]x", "port"},
                          {"https://[a.example]", "IPv6"},
                          {"https://[fe80::1%25eth0]", "IPv6"},
                          {"http://127.1", "host"},
                          {"http://2130706433", "host"},
                          {"http://0x7f.0.0.1", "host"},
                          {"http://0x7f000001", "host"},
                          {"http://127.0.0.1.", "only"}};
  for (const auto& [url, named] : cases) {
    const auto read = AuthorityUrl::parse(url);
    ASSERT_EQ(read.status(), Status::invalid_argument) << url;
    EXPECT_THAT(std::string(read.error().detail.view()), HasSubstr(named)) << url;
  }
}

TEST(AuthorityUrl, DoesNotRepeatCredentials) {
  const auto read = AuthorityUrl::parse("https://me:secret@a.example");
  EXPECT_EQ(read.error().detail.view().find("secret"), std::string_view::npos);
}

TEST(AuthorityUrl, HasAtMost1024Characters) {
  const std::string base = "https://a.example/";
  EXPECT_TRUE(AuthorityUrl::parse(base + std::string(1024 - base.size(), 'a')));
  EXPECT_FALSE(AuthorityUrl::parse(base + std::string(1025 - base.size(), 'a')));
}

}  // namespace
}  // namespace holdfast
