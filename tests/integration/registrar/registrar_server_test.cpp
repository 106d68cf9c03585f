// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/registrar/loopback_port.hpp"
#include "tests/integration/registrar/registrar_fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using Delivery = ScriptedAnswer::Delivery;

class RegistrarOverHttp : public RegistrarFixture {
 protected:
  ScriptedServer server_;
};

TEST_F(RegistrarOverHttp, ATaskIsRegistered) {
  server_.answer({.body = R"({"task_id":"task-123","expires_in":3600,"more":{"a":[null]}})"});
  options_.originator = "holdfast_test";
  const auto task = register_task(server_.url() + "/api/");
  ASSERT_TRUE(task) << detail_of(task.error());
  EXPECT_EQ(task->view(), "task-123");
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].path, "/api/v1/agent/agent-123/task/register");
  EXPECT_EQ(requests[0].body,
            std::string(R"({"timestamp":"2026-04-20T00:00:00Z","signature":")") + StubSigner::kSignature + "\"}");
  EXPECT_EQ(requests[0].header("content-type"), "application/json");
  EXPECT_EQ(requests[0].header("user-agent"), "holdfast/" HOLDFAST_VERSION);
  EXPECT_EQ(requests[0].header("originator"), "holdfast_test");
  for (const char* name : {"authorization", "cookie", "expect", "accept-encoding", "x-openai-fedramp"}) {
    EXPECT_FALSE(requests[0].headers.contains(name)) << name;
  }
}

TEST_F(RegistrarOverHttp, AnAgentIsRegistered) {
  server_.answer({.body = R"({"agent_runtime_id":"agent-123"})"});
  options_.authority_url = server_.url();
  const auto agent = Registrar::create(options_)->register_agent(
      {.public_key = signer_.public_key(), .access_token = "at-s3cr3t", .agent_version = "0.1.0", .is_fedramp = true},
      20s);
  ASSERT_TRUE(agent) << detail_of(agent.error());
  EXPECT_EQ(agent->view(), "agent-123");
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].path, "/v1/agent/register");
  EXPECT_EQ(requests[0].header("authorization"), "Bearer at-s3cr3t");
  EXPECT_EQ(requests[0].header("x-openai-fedramp"), "true");
  EXPECT_THAT(requests[0].body, HasSubstr(R"("capabilities":["responsesapi"],"ttl":null})"));
}

TEST_F(RegistrarOverHttp, AllFourSpellingsAreUnderstood) {
  for (const char* name : {"task_id", "taskId"}) {
    server_.answer({.status = 201, .body = std::string("{\"") + name + "\":\"task-9\"}"});
    EXPECT_EQ(register_task(server_.url())->view(), "task-9") << name;
  }
  for (const char* name : {"encrypted_task_id", "encryptedTaskId"}) {
    server_.answer({.body = std::string("{\"") + name + "\":\"V9tLNZ8j\"}"});
    EXPECT_EQ(register_task(server_.url()).status(), Status::sealed_answer) << name;
  }
}

TEST_F(RegistrarOverHttp, LocalhostIsThisMachine) {
  server_.answer({.body = R"({"task_id":"task-123"})"});
  EXPECT_TRUE(register_task(server_.url("localhost")));
}

TEST_F(RegistrarOverHttp, AnAuthorityThatIsDownCanBeTriedAgainLater) {
  const LoopbackPort nobody_listens;
  options_.attempts = 2;
  const auto task = register_task(nobody_listens.url());
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_STREQ(task.error().native_name, "CURLE_COULDNT_CONNECT");
  EXPECT_THAT(detail_of(task.error()), HasSubstr("after 2 attempts"));
  EXPECT_EQ(signer_.signatures, 2);
  EXPECT_TRUE(excerpt_.empty());
}

TEST_F(RegistrarOverHttp, ARefusalCarriesTheAnswer) {
  server_.answer({.status = 401, .body = "{\"error\":\"unknown agent\x1b[2J\"}\n"});
  const auto task = register_task(server_.url());
  EXPECT_EQ(task.status(), Status::authority_refused);
  EXPECT_STREQ(task.error().native_name, "HTTP 401");
  EXPECT_EQ(task.error().native, 401U);
  EXPECT_EQ(excerpt_.view(), "{\"error\":\"unknown agent[2J\"} ");
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(RegistrarOverHttp, RetryAfterIsWaitedFor) {
  server_.answer({.status = 429, .headers = {{"Retry-After", "1"}}});
  server_.answer({.body = R"({"task_id":"task-123"})"});
  EXPECT_TRUE(register_task(server_.url()));
  EXPECT_EQ(server_.requests().size(), 2U);
}

TEST_F(RegistrarOverHttp, ARetryAfterBeyondTheTimeoutEndsItAtOnce) {
  server_.answer({.status = 429, .headers = {{"Retry-After", "19"}}});
  const auto task = register_task(server_.url(), 10s);
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_STREQ(task.error().native_name, "HTTP 429");
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(RegistrarOverHttp, AFailureThatPassesIsSurvivedWithANewSignature) {
  server_.answer({.status = 500, .body = "<html>oops</html>"});
  server_.answer({.body = R"({"task_id":"task-123"})"});
  ASSERT_TRUE(register_task(server_.url()));
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_NE(requests[0].body, requests[1].body);
  EXPECT_TRUE(excerpt_.empty());
}

TEST_F(RegistrarOverHttp, AnAnswerOf64KiBIsReadAndOneByteMoreIsNot) {
  std::string full = R"({"task_id":"task-123","padding":")";
  full.append(65'536 - full.size() - 2, 'x');
  full += "\"}";
  for (const Delivery delivery : {Delivery::whole, Delivery::chunked}) {
    server_.answer({.body = full, .delivery = delivery});
    EXPECT_TRUE(register_task(server_.url()));
    server_.answer({.body = full + " ", .delivery = delivery});
    const auto task = register_task(server_.url());
    EXPECT_EQ(task.status(), Status::authority_answer_invalid);
    EXPECT_THAT(detail_of(task.error()), HasSubstr("64 KiB"));
  }
  server_.answer({.status = 403, .body = full + " "});
  EXPECT_EQ(register_task(server_.url()).status(), Status::authority_refused);
  EXPECT_EQ(server_.requests().size(), 5U) << "none of these is tried again";
}

TEST_F(RegistrarOverHttp, AnythingButTheProtocolsAnswerIsInvalid) {
  for (const char* body : {"<!doctype html><html>Log in</html>", "", "[]", "{}", R"({"task_id":""})",
                           R"({"task_id":"a:b"})", R"({"task_id":"a","task_id":"a"})", "\x1f\x8b\x08"}) {
    server_.answer({.body = body});
    EXPECT_EQ(register_task(server_.url()).status(), Status::authority_answer_invalid) << body;
  }
  EXPECT_EQ(server_.requests().size(), 8U) << "none of these is tried again";
}

TEST_F(RegistrarOverHttp, ACompressedAnswerIsNotUnpacked) {
  server_.answer({.body = R"({"task_id":"task-123"})", .headers = {{"Content-Encoding", "gzip"}}});
  // Its bytes are read as they came: no decoder stands between the limit and the memory.
  EXPECT_TRUE(register_task(server_.url()));
}

TEST_F(RegistrarOverHttp, ARedirectIsNotFollowed) {
  ScriptedServer elsewhere;
  for (const int status : {301, 302, 303, 307, 308}) {
    server_.answer({.status = status, .headers = {{"Location", elsewhere.url() + "/x"}}});
    const auto task = register_task(server_.url());
    EXPECT_EQ(task.status(), Status::authority_refused) << status;
    EXPECT_THAT(detail_of(task.error()), HasSubstr("redirects are not followed: to " + elsewhere.url()));
  }
  EXPECT_TRUE(elsewhere.requests().empty());
  EXPECT_EQ(server_.requests().size(), 5U);
}

TEST_F(RegistrarOverHttp, AClockTenMinutesOffIsNamed) {
  const std::time_t theirs = std::time(nullptr) - 600;
  std::tm parts{};
  gmtime_r(&theirs, &parts);
  char date[40];
  std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  server_.answer({.status = 401, .headers = {{"Date", date}}});
  const auto task = register_task(server_.url());
  EXPECT_EQ(task.status(), Status::authority_refused);
  EXPECT_THAT(detail_of(task.error()), testing::ContainsRegex("clock is (599|6[0-9][0-9]) s ahead of"));
  EXPECT_THAT(std::string(hint_of(task.error())), HasSubstr("clock"));
}

TEST_F(RegistrarOverHttp, ASlowAnswerEndsAtTheTimeout) {
  server_.answer({.delivery = Delivery::held});
  const auto task = register_task(server_.url(), 1s);
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_STREQ(task.error().native_name, "CURLE_OPERATION_TIMEDOUT");
  await([&] { return !server_.requests().empty(); });
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(RegistrarOverHttp, ATruncatedAnswerIsTriedAgain) {
  server_.answer({.body = R"({"task_id":"task-123"})", .delivery = Delivery::truncated});
  server_.answer({.body = R"({"task_id":"task-123"})"});
  EXPECT_TRUE(register_task(server_.url()));
  EXPECT_EQ(server_.requests().size(), 2U);
  options_.attempts = 1;
  server_.answer({.body = R"({"task_id":"task-123"})", .delivery = Delivery::truncated});
  const auto task = register_task(server_.url());
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_STREQ(task.error().native_name, "CURLE_PARTIAL_FILE");
}

TEST_F(RegistrarOverHttp, TheEnvironmentsProxyIsNotUsed) {
  ScriptedServer proxy;
  ASSERT_EQ(setenv("http_proxy", proxy.url().c_str(), 1), 0);
  ASSERT_EQ(setenv("all_proxy", proxy.url().c_str(), 1), 0);
  server_.answer({.body = R"({"task_id":"task-123"})"});
  EXPECT_TRUE(register_task(server_.url()));
  options_.use_environment_proxy = true;
  server_.answer({.body = R"({"task_id":"task-123"})"});
  EXPECT_TRUE(register_task(server_.url())) << "http: stays on this machine";
  EXPECT_TRUE(proxy.requests().empty());
}

TEST_F(RegistrarFixture, HttpToAHostThatIsNotLoopbackIsRefusedBeforeAnythingIsSigned) {
  EXPECT_EQ(register_task("http://192.0.2.1:8080").status(), Status::invalid_argument);
  EXPECT_EQ(register_task("http://authority.example").status(), Status::invalid_argument);
  EXPECT_EQ(signer_.signatures, 0);
}

// A listener that answers with bytes of no protocol, or none at all.
class RawListener {
 public:
  explicit RawListener(std::string answer) : answer_(std::move(answer)) {
    if (listen(port_.fd(), 4) != 0) throw std::runtime_error("no listener");
    thread_ = std::thread([this] { serve_one(); });
  }
  ~RawListener() { thread_.join(); }
  RawListener(const RawListener&) = delete;
  RawListener& operator=(const RawListener&) = delete;
  [[nodiscard]] std::string url() const { return port_.url(); }

 private:
  void serve_one() const {
    const int peer = accept(port_.fd(), nullptr, nullptr);
    char request[4096];
    if (recv(peer, request, sizeof request, 0) > 0 && !answer_.empty()) {
      EXPECT_GT(send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL), 0);
    }
    close(peer);
  }

  std::string answer_;
  LoopbackPort port_;
  std::thread thread_;
};

TEST_F(RegistrarFixture, WhatIsNotHttpIsInvalid) {
  options_.attempts = 1;
  {
    const RawListener listener("SSH-2.0-OpenSSH_9.2p1\r\n");
    EXPECT_EQ(register_task(listener.url()).status(), Status::authority_answer_invalid);
  }
  const RawListener listener("");
  const auto task = register_task(listener.url());
  EXPECT_EQ(task.status(), Status::authority_unavailable);
}

TEST_F(RegistrarFixture, HeadersWithoutEndAreInvalid) {
  std::string answer = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 70; ++i) answer += "X-" + std::to_string(i) + ": " + std::string(1000, 'x') + "\r\n";
  const RawListener listener(answer + "Content-Length: 2\r\n\r\n{}");
  EXPECT_EQ(register_task(listener.url()).status(), Status::authority_answer_invalid);
}

}  // namespace
}  // namespace holdfast::test
