// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/registrar_core.hpp"

#include "src/registrar/curl_error.hpp"
#include "tests/support/stub_signer.hpp"
#include "tests/unit/registrar/virtual_clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <new>

namespace holdfast {
namespace {

using namespace std::chrono_literals;
using test::StubSigner;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Plays a script, and keeps what was asked and how long it would have waited.
class ScriptedTransport final : public HttpTransport {
 public:
  explicit ScriptedTransport(hal::Clock& clock) : clock_(clock) {}

  Result<HttpResponse> post(const HttpRequest& request, hal::BootTime deadline) override {
    requests.push_back(request);
    time_limits.emplace_back(deadline.ns - clock_.boot().ns);
    if (script.empty()) return failure(Status::device_fault, Layer::http, "answering beyond the script");
    const auto answer = script.front();
    script.pop_front();
    return answer();
  }

  void answer(int status, std::string body = {}, std::string retry_after = {}, std::string date = {}) {
    script.push_back([=]() -> Result<HttpResponse> {
      HttpResponse response;
      response.status = status;
      response.body = body;
      response.retry_after = retry_after;
      response.date = date;
      return response;
    });
  }
  void redirect(std::string location) {
    script.push_back([=]() -> Result<HttpResponse> {
      HttpResponse response;
      response.status = 302;
      response.location = location;
      return response;
    });
  }
  void fail(Status status) {
    script.push_back([=]() -> Result<HttpResponse> { return failure(status, Layer::http, "asking in a test"); });
  }

  void reach_nobody() {
    script.push_back([]() -> Result<HttpResponse> {
      return curl_error(CURLE_COULDNT_CONNECT, "asking in a test", "nobody is there");
    });
  }

  std::deque<std::function<Result<HttpResponse>()>> script;
  std::vector<HttpRequest> requests;
  std::vector<std::chrono::nanoseconds> time_limits;

 private:
  hal::Clock& clock_;
};

class RegistrarCoreTest : public testing::Test {
 protected:
  Result<TaskId> register_task(std::chrono::milliseconds timeout = 60s) {
    return core_.register_task(signer_, timeout, excerpt_);
  }
  Result<RuntimeId> register_agent(std::chrono::milliseconds timeout = 60s) {
    return core_.register_agent(registration_, timeout, excerpt_);
  }

  test::VirtualClock clock_;
  ScriptedTransport transport_{clock_};
  StubSigner signer_;
  AgentRegistration registration_{.public_key = *parse_ssh_public_key(StubSigner::kKeyLine),
                                  .access_token = "at-5up3r/s3cr3t+t0k3n==",
                                  .agent_version = "0.1.0"};
  AnswerExcerpt excerpt_;
  RegistrarCore core_{*AuthorityUrl::parse("https://authority.example/api/"), 3, transport_, clock_, 42};
};

TEST_F(RegistrarCoreTest, ATaskRequestIsByteForByteTheProtocols) {
  transport_.answer(200, R"({"task_id":"task-123"})");
  EXPECT_EQ(register_task()->view(), "task-123");
  ASSERT_EQ(transport_.requests.size(), 1U);
  EXPECT_EQ(transport_.requests[0].url, "https://authority.example/api/v1/agent/agent-123/task/register");
  EXPECT_EQ(transport_.requests[0].body,
            R"({"timestamp":"2026-04-20T00:00:00Z","signature":)"
            R"("RrvOb9wXUGTmWxz3wQEFnWjPE0Hn2lq5khr11e0+FoVRwf01T9haqhwnj3lsAsqz72jy+obmRPu8R2HlYeNJAQ=="})");
  EXPECT_TRUE(transport_.requests[0].headers.empty());
  EXPECT_EQ(transport_.time_limits[0], 30s);
  EXPECT_TRUE(excerpt_.empty());
}

TEST_F(RegistrarCoreTest, AnAgentRequestIsByteForByteTheProtocols) {
  transport_.answer(201, R"({"agent_runtime_id":"agent-123"})");
  EXPECT_EQ(register_agent()->view(), "agent-123");
  ASSERT_EQ(transport_.requests.size(), 1U);
  EXPECT_EQ(transport_.requests[0].url, "https://authority.example/api/v1/agent/register");
  EXPECT_EQ(
      transport_.requests[0].body,
      R"({"abom":{"agent_version":"0.1.0","agent_harness_id":"holdfast","running_location":"cli-linux"},)"
      R"("agent_public_key":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs",)"
      R"("capabilities":["responsesapi"],"ttl":null})");
  EXPECT_THAT(transport_.requests[0].headers, ElementsAre("Authorization: Bearer at-5up3r/s3cr3t+t0k3n=="));
  EXPECT_EQ(transport_.time_limits[0], 15s);
}

TEST_F(RegistrarCoreTest, FedrampAccountsSaySo) {
  registration_.is_fedramp = true;
  transport_.answer(200, R"({"agent_runtime_id":"agent-123"})");
  ASSERT_TRUE(register_agent());
  EXPECT_THAT(transport_.requests[0].headers,
              ElementsAre("Authorization: Bearer at-5up3r/s3cr3t+t0k3n==", "X-OpenAI-Fedramp: true"));
}

TEST_F(RegistrarCoreTest, EachAttemptIsSignedAnew) {
  transport_.answer(503);
  transport_.fail(Status::authority_unavailable);
  transport_.answer(200, R"({"task_id":"task-123"})");
  EXPECT_EQ(register_task()->view(), "task-123");
  ASSERT_EQ(transport_.requests.size(), 3U);
  EXPECT_THAT(transport_.requests[0].body, HasSubstr("2026-04-20T00:00:00Z"));
  EXPECT_THAT(transport_.requests[1].body, HasSubstr("2026-04-20T00:00:01Z"));
  EXPECT_THAT(transport_.requests[2].body, HasSubstr("2026-04-20T00:00:02Z"));
  EXPECT_GE(clock_.slept, 750ms);
  EXPECT_LE(clock_.slept, 1500ms);
  EXPECT_TRUE(excerpt_.empty());
}

TEST_F(RegistrarCoreTest, AnAgentIsRetriedWithTheSameRequest) {
  transport_.answer(500);
  transport_.answer(200, R"({"agent_runtime_id":"agent-123"})");
  ASSERT_TRUE(register_agent());
  ASSERT_EQ(transport_.requests.size(), 2U);
  EXPECT_EQ(transport_.requests[0].body, transport_.requests[1].body);
  EXPECT_EQ(transport_.requests[0].headers, transport_.requests[1].headers);
}

TEST_F(RegistrarCoreTest, TheLastErrorIsReportedWhenTheAttemptsAreUsedUp) {
  for (int i = 0; i < 3; ++i) transport_.answer(500 + i, "broken " + std::to_string(i));
  const auto task = register_task();
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_STREQ(task.error().native_name, "HTTP 502");
  EXPECT_THAT(std::string(task.error().detail.view()), HasSubstr("after 3 attempts"));
  EXPECT_EQ(excerpt_.view(), "broken 2");
  EXPECT_EQ(transport_.requests.size(), 3U);
}

TEST_F(RegistrarCoreTest, NothingElseIsRetried) {
  for (const int status : {301, 307, 400, 401, 403, 404, 408, 409, 422}) {
    transport_.answer(status, "no");
    EXPECT_EQ(register_task().status(), Status::authority_refused) << status;
    EXPECT_EQ(excerpt_.view(), "no");
  }
  transport_.answer(200, "<html>");
  EXPECT_EQ(register_task().status(), Status::authority_answer_invalid);
  EXPECT_EQ(excerpt_.view(), "<html>");
  transport_.answer(200, R"({"encrypted_task_id":"V9tL"})");
  EXPECT_EQ(register_task().status(), Status::sealed_answer);
  for (const Status status : {Status::authority_refused, Status::file_invalid, Status::resource_exhausted,
                              Status::authority_answer_invalid, Status::invalid_argument}) {
    transport_.fail(status);
    EXPECT_EQ(register_task().status(), status);
    EXPECT_TRUE(excerpt_.empty());
  }
  EXPECT_EQ(clock_.slept, 0s);
}

TEST_F(RegistrarCoreTest, RetryAfterIsHonoured) {
  transport_.answer(429, "", "7");
  transport_.answer(503, "", "Sun, 06 Nov 1994 08:49:52 GMT", "Sun, 06 Nov 1994 08:49:37 GMT");
  transport_.answer(200, R"({"task_id":"task-123"})");
  ASSERT_TRUE(register_task());
  EXPECT_GE(clock_.slept, 22s);
  EXPECT_LE(clock_.slept, 24s);
}

TEST_F(RegistrarCoreTest, ARetryAfterThatIsTooLongEndsItAtOnce) {
  transport_.answer(429, "slow down", "21");
  const auto task = register_task(10min);
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_THAT(std::string(task.error().detail.view()), HasSubstr("wait 21 s"));
  EXPECT_EQ(clock_.slept, 0s);
  EXPECT_EQ(transport_.requests.size(), 1U);
}

TEST_F(RegistrarCoreTest, AWaitBeyondTheDeadlineIsNotBegun) {
  transport_.answer(503, "", "10");
  EXPECT_EQ(register_task(10s).status(), Status::authority_unavailable);
  EXPECT_EQ(clock_.slept, 0s);
  transport_.fail(Status::authority_unavailable);
  EXPECT_EQ(register_task(200ms).status(), Status::authority_unavailable);
  EXPECT_EQ(clock_.slept, 0s);
}

TEST_F(RegistrarCoreTest, TheTimeoutBoundsEachRequestToo) {
  transport_.answer(200, R"({"task_id":"task-123"})");
  ASSERT_TRUE(register_task(5s));
  EXPECT_EQ(transport_.time_limits[0], 5s);
  EXPECT_EQ(signer_.last_timeout, 5s);
}

TEST_F(RegistrarCoreTest, TheTimeSpentCountsAgainstTheTimeout) {
  transport_.script.push_back([&]() -> Result<HttpResponse> {
    clock_.advance(30s);
    return failure(Status::authority_unavailable, Layer::http, "asking in a test");
  });
  transport_.answer(200, R"({"task_id":"task-123"})");
  ASSERT_TRUE(register_task(40s));
  EXPECT_LT(transport_.time_limits[1], 10s);
}

TEST_F(RegistrarCoreTest, NoTimeIsNoAttempt) {
  for (const std::chrono::milliseconds timeout : {0ms, -1ms, std::chrono::milliseconds::min()}) {
    EXPECT_EQ(register_task(timeout).status(), Status::deadline_exceeded);
  }
  EXPECT_TRUE(transport_.requests.empty());
  EXPECT_EQ(signer_.signatures, 0);
}

TEST_F(RegistrarCoreTest, AnEndlessTimeoutDoesNotOverflow) {
  transport_.answer(200, R"({"task_id":"task-123"})");
  EXPECT_TRUE(register_task(std::chrono::milliseconds::max()));
}

TEST_F(RegistrarCoreTest, ASignersFailureIsTheAnswer) {
  signer_.fails_with = Status::device_gone;
  EXPECT_EQ(register_task().status(), Status::device_gone);
  EXPECT_TRUE(transport_.requests.empty());
}

TEST_F(RegistrarCoreTest, ATooLongAnswerIsRefusedByItsStatus) {
  transport_.script.push_back([]() -> Result<HttpResponse> {
    HttpResponse response;
    response.status = 200;
    response.body = R"({"task_id":"task-123"})";
    response.is_cut = true;
    return response;
  });
  EXPECT_EQ(register_task().status(), Status::authority_answer_invalid);
}

TEST_F(RegistrarCoreTest, AWrongClockIsNamed) {
  transport_.answer(401, "no", "", "Sun, 06 Nov 1994 08:39:37 GMT");
  const auto task = register_task();
  EXPECT_EQ(task.status(), Status::authority_refused);
  EXPECT_THAT(std::string(task.error().detail.view()), HasSubstr("600 s ahead of"));
}

TEST_F(RegistrarCoreTest, WhatTheAuthorityEchoesIsNotRepeated) {
  transport_.answer(401, "token at-5up3r/s3cr3t+t0k3n== is unknown\x1b[2J");
  ASSERT_FALSE(register_agent());
  EXPECT_EQ(excerpt_.view(), "token [removed] is unknown[2J");
  transport_.answer(400, std::string("bad signature ") + StubSigner::kSignature);
  ASSERT_FALSE(register_task());
  EXPECT_EQ(excerpt_.view(), "bad signature [removed]");
}

TEST_F(RegistrarCoreTest, ARedirectThatHoldsTheSecretIsToldWithoutIt) {
  transport_.redirect("https://elsewhere.example/" + std::string(registration_.access_token));
  const auto refused = register_agent();
  ASSERT_EQ(refused.status(), Status::authority_refused);
  EXPECT_EQ(refused.error().detail.view(), "redirects are not followed: to https://elsewhere.example/[removed]");
  transport_.redirect(std::string("https://elsewhere.example/?s=") + StubSigner::kSignature);
  EXPECT_EQ(register_task().error().detail.view(), "redirects are not followed: to https://elsewhere.example/");
}

TEST_F(RegistrarCoreTest, TheExcerptIsCutAt512) {
  transport_.answer(400, std::string(511, 'x') + "\xC3\xA9");
  ASSERT_FALSE(register_task());
  EXPECT_EQ(excerpt_.view(), std::string(511, 'x'));
}

// The authority crashed behind the registration: that the later attempts reach nobody takes nothing back.
TEST_F(RegistrarCoreTest, AnyAttemptThatMayHaveArrivedMayHaveRegistered) {
  transport_.fail(Status::authority_unavailable);
  transport_.reach_nobody();
  transport_.reach_nobody();
  EXPECT_EQ(register_agent().status(), Status::authority_unavailable);
  EXPECT_TRUE(core_.may_have_acted());
  for (const int refusal : {401, 409}) {
    transport_.fail(Status::authority_unavailable);
    transport_.answer(refusal, "no");
    EXPECT_EQ(register_agent().status(), Status::authority_refused);
    EXPECT_TRUE(core_.may_have_acted()) << refusal;
  }
  transport_.answer(502, "bad gateway");
  transport_.answer(401, "no");
  EXPECT_EQ(register_agent().status(), Status::authority_refused);
  EXPECT_TRUE(core_.may_have_acted());
  transport_.answer(200, "<html>");
  EXPECT_EQ(register_agent().status(), Status::authority_answer_invalid);
  EXPECT_TRUE(core_.may_have_acted());
}

TEST_F(RegistrarCoreTest, WhatIsRefusedOrReachesNobodyIsKnownNotToBeRegistered) {
  const auto expect_nothing = [this](Status status) {
    EXPECT_EQ(register_agent().status(), status);
    EXPECT_FALSE(core_.may_have_acted());
  };
  transport_.fail(Status::authority_unavailable);
  EXPECT_EQ(register_agent(200ms).status(), Status::authority_unavailable);
  ASSERT_TRUE(core_.may_have_acted());
  transport_.answer(401, "no");
  expect_nothing(Status::authority_refused);  // and the call before is forgotten
  for (int attempt = 0; attempt < 3; ++attempt) transport_.reach_nobody();
  expect_nothing(Status::authority_unavailable);
  transport_.answer(429, "slow down");
  transport_.reach_nobody();
  transport_.answer(409, "no");
  expect_nothing(Status::authority_refused);
  transport_.fail(Status::authority_untrusted);
  expect_nothing(Status::authority_untrusted);
  transport_.answer(302);
  expect_nothing(Status::authority_refused);
  transport_.fail(Status::authority_unavailable);
  ASSERT_FALSE(register_agent(200ms));
  registration_.access_token = "two words";
  expect_nothing(Status::invalid_argument);
}

TEST_F(RegistrarCoreTest, AnAttemptBehindWhichMemoryRanOutMayHaveRegistered) {
  transport_.script.push_back([]() -> Result<HttpResponse> { throw std::bad_alloc(); });
  EXPECT_THROW((void)register_agent(), std::bad_alloc);
  EXPECT_TRUE(core_.may_have_acted());
}

TEST_F(RegistrarCoreTest, AnAccessTokenThatWouldBreakTheHeaderIsRefused) {
  const std::string too_long(16 * 1024 + 1, 'a');
  for (const std::string_view token :
       {std::string_view(""), std::string_view("a b"), std::string_view("a\r\nX: y"), std::string_view("a\n"),
        std::string_view("\xC3\xA9"), std::string_view(too_long)}) {
    registration_.access_token = token;
    const auto agent = register_agent();
    EXPECT_EQ(agent.status(), Status::invalid_argument);
    if (!token.empty()) {
      EXPECT_THAT(std::string(agent.error().detail.view()), Not(HasSubstr(std::string(token))));
    }
  }
  EXPECT_TRUE(transport_.requests.empty());
}

}  // namespace
}  // namespace holdfast
