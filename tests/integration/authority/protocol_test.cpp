// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/authority/agent_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class ProtocolTest : public testing::TestWithParam<bool> {
 protected:
  static std::vector<std::string> arguments() {
    return GetParam() ? std::vector<std::string>{} : std::vector<std::string>{"--http"};
  }
};
INSTANTIATE_TEST_SUITE_P(Transports, ProtocolTest, testing::Bool(),
                         [](const auto& transport) { return transport.param ? "https" : "http"; });

TEST_P(ProtocolTest, TakesAnAgentFromRegistrationToAnAcceptedHeader) {
  const AuthorityProcess authority(arguments());
  ASSERT_TRUE(authority.is_ready()) << authority.log();
  EXPECT_THAT(authority.url(), testing::StartsWith(GetParam() ? "https://127.0.0.1:" : "http://127.0.0.1:"));
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) {
    AgentClient agent(authority, scheme);
    const HttpAnswer registered = agent.register_agent();
    ASSERT_EQ(registered.status, 200) << registered.body << registered.failure;
    EXPECT_EQ(registered.header("x-holdfast-authority"), "development");
    EXPECT_EQ(registered.header("content-type"), "application/json");
    EXPECT_THAT(registered.header("date"), HasSubstr(" GMT"));
    const HttpAnswer task = agent.register_task();
    ASSERT_EQ(task.status, 200) << task.body;
    const HttpAnswer verdict = agent.check(task.member("task_id"));
    EXPECT_EQ(verdict.status, 200) << verdict.body;
    EXPECT_EQ(verdict.header("x-agent-runtime-id"), agent.runtime_id());
    EXPECT_EQ(verdict.header("x-task-id"), task.member("task_id"));
    EXPECT_EQ(verdict.header("x-holdfast-authority"), "development");
  }
}

TEST(ProtocolRefusalTest, AsksForTheBearer) {
  const AuthorityProcess authority;
  AgentClient agent(authority);
  const HttpAnswer none = post_json(authority, "/v1/agent/register", agent.registration());
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(none.code(), "bearer_missing");
  EXPECT_EQ(none.header("www-authenticate"), "Bearer");
  const HttpAnswer wrong = post_json(authority, "/v1/agent/register", agent.registration(),
                                     {"Authorization: Bearer " + std::string(43, 'x')});
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(wrong.code(), "bearer_refused");
}

TEST(ProtocolRefusalTest, ChecksWhatAnAgentSaysOfItself) {
  const AuthorityProcess authority;
  const AgentClient agent(authority);
  const std::string bearer = "Authorization: Bearer " + authority.bearer();
  const auto send = [&](std::string body) { return post_json(authority, "/v1/agent/register", body, {bearer}); };
  std::string comment = agent.registration();
  comment.insert(comment.find(R"(","capabilities)"), " me@host");
  EXPECT_EQ(send(comment).code(), "public_key_invalid");
  EXPECT_EQ(send("{}").code(), "body_invalid");
  EXPECT_EQ(send("[1").code(), "body_malformed");
  EXPECT_EQ(send("").code(), "body_malformed");
  EXPECT_EQ(call({"POST",
                  authority.url() + "/v1/agent/register",
                  {bearer, "Content-Type: text/plain"},
                  agent.registration(),
                  authority.certificate()})
                .status,
            415);
  EXPECT_EQ(
      post_json(authority, "/v1/agent/register", agent.registration(), {bearer, "Content-Encoding: gzip"}).code(),
      "content_encoding_unsupported");
}

TEST(ProtocolRefusalTest, ChecksTaskRegistrations) {
  const AuthorityProcess authority;
  AgentClient agent(authority);
  AgentClient other(authority);
  ASSERT_EQ(agent.register_agent().status, 200);
  ASSERT_EQ(other.register_agent().status, 200);
  EXPECT_EQ(agent.register_task(-250).status, 200);
  const HttpAnswer behind = agent.register_task(-600);
  EXPECT_EQ(behind.status, 401);
  EXPECT_EQ(behind.code(), "time_outside_window");
  EXPECT_THAT(behind.body, HasSubstr("s behind"));
  EXPECT_EQ(agent.register_task(600).code(), "time_outside_window");
  const HttpAnswer mismatch = agent.send_task(other.key().task_request(agent.runtime_id(), now()));
  EXPECT_EQ(mismatch.status, 401);
  EXPECT_EQ(mismatch.code(), "signature_mismatch");
  EXPECT_EQ(mismatch.header("www-authenticate"), "AgentAssertion");
  const HttpAnswer unknown =
      post_json(authority, "/v1/agent/agent-nobody/task/register", agent.key().task_request("agent-nobody", now()));
  EXPECT_EQ(unknown.status, 401);
  EXPECT_EQ(unknown.code(), "agent_unknown");
  EXPECT_EQ(post_json(authority, "/v1/agent/a%3Ab/task/register", "{}").code(), "runtime_id_invalid");
  EXPECT_EQ(post_json(authority, "/v1/agent/../task/register", "{}").code(), "runtime_id_invalid");
}

TEST(ProtocolRefusalTest, TellsWhyAHeaderIsRefused) {
  const AuthorityProcess authority({"--window", "60"});
  AgentClient agent(authority);
  AgentClient other(authority);
  ASSERT_EQ(agent.register_agent().status, 200);
  ASSERT_EQ(other.register_agent().status, 200);
  const std::string task = agent.register_task().member("task_id");
  EXPECT_EQ(agent.check(task).status, 200);
  EXPECT_EQ(other.check(task).code(), "task_of_another_agent");
  EXPECT_EQ(agent.check("task-none").code(), "task_unknown");
  EXPECT_EQ(agent.check(task, -120).code(), "time_outside_window");
  EXPECT_EQ(verify(authority, other.key().authorization(agent.runtime_id(), task, now())).code(),
            "signature_mismatch");
  EXPECT_EQ(verify(authority, agent.key().authorization("agent-nobody", task, now())).code(), "agent_unknown");
  EXPECT_EQ(verify(authority, "AgentAssertion e30").code(), "header_malformed");
  const HttpAnswer none = call({"GET", authority.verify_url(), {}, {}, authority.certificate()});
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(none.code(), "authorization_missing");
  EXPECT_EQ(none.header("www-authenticate"), "AgentAssertion");
}

TEST(ProtocolAnswerTest, AnswersInTheSpellingAskedFor) {
  for (const auto& [spelling, is_sealed] :
       {std::pair{"task_id", false}, {"taskId", false}, {"encrypted_task_id", true}, {"encryptedTaskId", true}}) {
    const AuthorityProcess authority({"--answer", spelling});
    AgentClient agent(authority);
    ASSERT_EQ(agent.register_agent().status, 200);
    const std::string text = agent.register_task().member(spelling);
    const std::string task = is_sealed ? agent.key().open_sealed(text).value_or("") : text;
    EXPECT_EQ(agent.check(task).status, 200) << spelling << ": " << text;
    AgentClient p256(authority, Scheme::es256);
    ASSERT_EQ(p256.register_agent().status, 200);
    EXPECT_EQ(p256.register_task().status, is_sealed ? 422 : 200) << spelling;
  }
}

TEST(ProxyTest, VerifiesWhateverTheGuardedRequestWas) {
  const AuthorityProcess authority({"--http"});
  AgentClient agent(authority);
  ASSERT_EQ(agent.register_agent().status, 200);
  const std::string value =
      agent.key().authorization(agent.runtime_id(), agent.register_task().member("task_id"), now());
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    const HttpAnswer answer = call(
        {method, authority.verify_url() + "?a=b", {"Authorization: " + value, "Range: bytes=90000-90001"}, {}, {}});
    EXPECT_EQ(answer.status, 200) << method << answer.body << answer.failure;
    EXPECT_EQ(answer.header("x-agent-runtime-id"), agent.runtime_id()) << method;
  }
  EXPECT_EQ(call({"POST", authority.verify_url(), {"Authorization: " + value, "Content-Encoding: gzip"}, "body", {}})
                .status,
            200);
}

TEST(LogTest, TellsRequestsAndNeverASecret) {
  AuthorityProcess authority;
  AgentClient agent(authority);
  ASSERT_EQ(agent.register_agent().status, 200);
  const std::string task = agent.register_task().member("task_id");
  const std::string value = agent.key().authorization(agent.runtime_id(), task, now());
  EXPECT_EQ(verify(authority, value).status, 200);
  EXPECT_EQ(call({"GET", authority.origin() + "/healthz?secret=value", {}, {}, authority.certificate()}).status, 200);
  const std::string bearer = authority.bearer();
  EXPECT_EQ(authority.stop(), 0);
  const std::string log = authority.log();
  EXPECT_THAT(log, HasSubstr(R"("reason":"agent_registered")"));
  EXPECT_THAT(log, HasSubstr(R"("reason":"task_registered")"));
  EXPECT_THAT(log, HasSubstr(R"("reason":"header_accepted")"));
  EXPECT_THAT(log, HasSubstr(agent.runtime_id()));
  EXPECT_THAT(log + authority.output(), Not(HasSubstr(bearer)));
  EXPECT_THAT(log, Not(HasSubstr("AgentAssertion")));
  EXPECT_THAT(log, Not(HasSubstr(value.substr(20, 40))));
  EXPECT_THAT(log, Not(HasSubstr("secret")));
  std::size_t begin = 0;
  for (std::size_t end = log.find('\n'); end != std::string::npos; begin = end + 1, end = log.find('\n', begin)) {
    EXPECT_TRUE(Json::parse(log.substr(begin, end - begin))) << log.substr(begin, end - begin);
  }
}

}  // namespace
}  // namespace holdfast::test
