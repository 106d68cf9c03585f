// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/agent_registration.hpp"

#include "tests/unit/authority/desk.hpp"

#include <gmock/gmock.h>

namespace holdfast::authority::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using AgentRegistrationTest = Desk;

constexpr const char* kPath = "/api/accounts/v1/agent/register";

TEST_F(AgentRegistrationTest, StoresTheKeyUnderANewRuntimeId) {
  const Answer answer = post_agent(agent_body(key_.ssh_line()));
  EXPECT_EQ(answer.status, 200);
  const std::string id = answer.body.string_member("agent_runtime_id").value_or("");
  EXPECT_THAT(id, StartsWith("agent-"));
  EXPECT_TRUE(RuntimeId::parse(id));
  EXPECT_EQ(answer.runtime_id, id);
  const auto agent = store_.find_agent(id);
  ASSERT_TRUE(agent && *agent);
  EXPECT_EQ((*agent)->public_key, key_.ssh_line());
  EXPECT_EQ((*agent)->capabilities, R"(["responsesapi"])");
  EXPECT_EQ((*agent)->registered_at, clock_.now);
}

TEST_F(AgentRegistrationTest, TakesP256Keys) {
  const holdfast::test::SoftwareKey p256(Scheme::es256);
  EXPECT_EQ(post_agent(agent_body(p256.ssh_line())).status, 200);
}

TEST_F(AgentRegistrationTest, GivesTheSameKeyAnotherId) { EXPECT_NE(add_agent(key_), add_agent(key_)); }

TEST_F(AgentRegistrationTest, RefusesAnythingButTheBearer) {
  const std::string body = agent_body(key_.ssh_line());
  const std::string bearer = store_.bearer();
  EXPECT_EQ(code_of(post(kPath, body)), "bearer_missing");
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"Bearer "},
                                                {"Bearer " + bearer + "x"},
                                                {"Bearer " + bearer.substr(1)},
                                                {"bearer " + bearer},
                                                {"Bearer  " + bearer},
                                                {bearer},
                                                {"Bearer " + bearer, "Bearer " + bearer},
                                                {"Basic " + bearer}}) {
    const Answer answer = post(kPath, body, wrong);
    EXPECT_EQ(answer.status, 401) << wrong.front();
    EXPECT_EQ(code_of(answer), "bearer_refused") << wrong.front();
    ASSERT_EQ(answer.headers.size(), 1U);
    EXPECT_EQ(answer.headers[0].first, "WWW-Authenticate");
    EXPECT_THAT(answer.headers[0].second, StartsWith("Bearer"));
  }
}

TEST_F(AgentRegistrationTest, AsksForTheBearerBeforeItReadsTheBody) {
  EXPECT_EQ(code_of(post(kPath, "no json", {"Bearer wrong"})), "bearer_refused");
}

TEST_F(AgentRegistrationTest, RefusesOtherContent) {
  const auto send = [this](std::string type, std::string encoding) {
    return desk().answer({"POST",
                          kPath,
                          {"Bearer " + store_.bearer()},
                          std::move(type),
                          std::move(encoding),
                          agent_body(key_.ssh_line())});
  };
  EXPECT_EQ(send("", "").status, 415);
  EXPECT_EQ(send("text/plain", "").status, 415);
  EXPECT_EQ(send("application/jsonx", "").status, 415);
  EXPECT_EQ(send("application/json", "gzip").status, 415);
  EXPECT_EQ(send("Application/JSON ; charset=utf-8", "identity").status, 200);
}

TEST_F(AgentRegistrationTest, RefusesBodiesThatAreNotTheProtocols) {
  const std::string good = agent_body(key_.ssh_line());
  const auto with = [&good](const std::string& from, const std::string& to) {
    std::string changed = good;
    const std::size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return changed.replace(at, from.size(), to);
  };
  const std::string long_text(257, 'x');
  for (const auto& [body, says] : std::vector<std::pair<std::string, std::string>>{
           {"", "JSON object"},
           {"[]", "JSON object"},
           {good + "x", "JSON object"},
           {with(R"("ttl":null)", R"("ttl":null,"ttl":null)"), "JSON object"},
           {with(R"(,"ttl":null)", ""), "ttl is missing"},
           {with(R"("ttl":null)", R"("ttl":null,"more":1)"), "only these members"},
           {with(R"("ttl":null)", R"("ttl":0)"), "ttl must be"},
           {with(R"("ttl":null)", R"("ttl":-5)"), "ttl must be"},
           {with(R"("ttl":null)", R"("ttl":"60")"), "ttl must be"},
           {with(R"("ttl":null)", R"("ttl":1.5)"), "ttl must be"},
           {with(R"("ttl":null)", R"("ttl":9223372036854775807)"), "ttl must be"},
           {with(R"(["responsesapi"])", "{}"), "capabilities must be"},
           {with(R"(["responsesapi"])", "[1]"), "each of capabilities"},
           {with(R"(["responsesapi"])", R"([""])"), "each of capabilities"},
           {with(R"("agent_version":"1")", R"("agent_version":1)"), "members of abom"},
           {with(R"("agent_version":"1")", R"("agent_version":"")"), "members of abom"},
           {with(R"("agent_version":"1")", R"("agent_version":")" + long_text + "\""), "members of abom"},
           {with(R"("agent_version":"1",)", ""), "agent_version is missing"},
           {with(R"("agent_version":"1")", R"("agent_version":"1","x":"y")"), "abom: only these members"},
           {with("\"" + key_.ssh_line() + "\"", "7"), "agent_public_key must be"}}) {
    const Answer answer = post_agent(body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_THAT(message_of(answer), HasSubstr(says)) << body;
  }
}

TEST_F(AgentRegistrationTest, RefusesKeysThatAreNotStrictLinesOrUsable) {
  const std::string line = key_.ssh_line();
  // The neutral element of Ed25519: on the curve, of order 1, under which anybody's signature verifies.
  const std::string small_order = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  for (const std::string& wrong : {line + " me@host", line + " ", " " + line, line.substr(12), line + "=",
                                   std::string("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ=="), small_order}) {
    const Answer answer = post_agent(agent_body(wrong));
    EXPECT_EQ(answer.status, 400) << wrong;
    EXPECT_EQ(code_of(answer), "public_key_invalid") << wrong;
  }
}

TEST_F(AgentRegistrationTest, ExpiresWithItsTtl) {
  const std::string id = add_agent(key_, "60");
  const auto agent = store_.find_agent(id);
  ASSERT_TRUE(agent && *agent);
  EXPECT_FALSE(find_expiry(**agent, WallSeconds{clock_.now.value + 59}));
  EXPECT_TRUE(find_expiry(**agent, WallSeconds{clock_.now.value + 60}));
}

}  // namespace
}  // namespace holdfast::authority::test
