// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/task_registration.hpp"

#include "tests/unit/authority/desk.hpp"

#include <gmock/gmock.h>

namespace holdfast::authority::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using TaskRegistrationTest = Desk;

TEST_F(TaskRegistrationTest, AnswersInEachSpelling) {
  const std::string agent = add_agent(key_);
  for (const auto& [form, member] :
       {std::pair{AnswerForm::task_id, "task_id"}, {AnswerForm::task_id_camel, "taskId"}}) {
    rules_.answer = form;
    const Answer answer = post_task(agent, key_.task_request(agent, clock_.now));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body.size(), 1U);
    const std::string task = answer.body.string_member(member).value_or("");
    EXPECT_THAT(task, StartsWith("task-"));
    EXPECT_EQ(store_.find_task_owner(task).value(), agent);
  }
  for (const auto& [form, member] : {std::pair{AnswerForm::encrypted_task_id, "encrypted_task_id"},
                                     {AnswerForm::encrypted_task_id_camel, "encryptedTaskId"}}) {
    rules_.answer = form;
    const Answer answer = post_task(agent, key_.task_request(agent, clock_.now));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body.size(), 1U);
    const auto task = key_.open_sealed(answer.body.string_member(member).value_or(""));
    ASSERT_TRUE(task);
    EXPECT_EQ(store_.find_task_owner(*task).value(), agent);
  }
}

TEST_F(TaskRegistrationTest, RefusesToSealToAP256Key) {
  const holdfast::test::SoftwareKey p256(Scheme::es256);
  const std::string agent = add_agent(p256);
  EXPECT_EQ(post_task(agent, p256.task_request(agent, clock_.now)).status, 200);
  rules_.answer = AnswerForm::encrypted_task_id;
  const Answer answer = post_task(agent, p256.task_request(agent, clock_.now));
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(code_of(answer), "sealing_unsupported");
}

TEST_F(TaskRegistrationTest, TakesTimesWithinTheWindowAndNoOthers) {
  const std::string agent = add_agent(key_);
  for (const std::int64_t offset : {-300, 300, 0}) {
    EXPECT_EQ(post_task(agent, key_.task_request(agent, {clock_.now.value + offset})).status, 200) << offset;
  }
  for (const std::int64_t offset : {-301, 301, -86'400}) {
    const Answer answer = post_task(agent, key_.task_request(agent, {clock_.now.value + offset}));
    EXPECT_EQ(answer.status, 401) << offset;
    EXPECT_EQ(code_of(answer), "time_outside_window") << offset;
    EXPECT_THAT(message_of(answer), HasSubstr(" s ")) << offset;
  }
  rules_.window_seconds = 10;
  EXPECT_EQ(post_task(agent, key_.task_request(agent, {clock_.now.value - 11})).status, 401);
}

TEST_F(TaskRegistrationTest, RefusesSignaturesOfOthers) {
  const std::string agent = add_agent(key_);
  const std::string other_agent = add_agent(key_);
  const holdfast::test::SoftwareKey stranger(Scheme::ed25519);
  EXPECT_EQ(code_of(post_task(agent, stranger.task_request(agent, clock_.now))), "signature_mismatch");
  // The right key over another agent's id.
  const Answer answer = post_task(agent, key_.task_request(other_agent, clock_.now));
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(code_of(answer), "signature_mismatch");
  EXPECT_EQ(answer.runtime_id, agent);
}

TEST_F(TaskRegistrationTest, RefusesUnknownAndExpiredAgents) {
  const Answer unknown = post_task("agent-nobody", key_.task_request("agent-nobody", clock_.now));
  EXPECT_EQ(unknown.status, 401);
  EXPECT_EQ(code_of(unknown), "agent_unknown");
  const std::string agent = add_agent(key_, "60");
  clock_.now.value += 60;
  EXPECT_EQ(code_of(post_task(agent, key_.task_request(agent, clock_.now))), "agent_expired");
}

TEST_F(TaskRegistrationTest, RefusesIdsOfTheWrongForm) {
  for (const std::string& id : {std::string("a:b"), std::string("%61"), std::string(".."), std::string(129, 'a')}) {
    const Answer answer = post_task(id, "{}");
    EXPECT_EQ(answer.status, 400) << id;
    EXPECT_EQ(code_of(answer), "runtime_id_invalid") << id;
    EXPECT_EQ(answer.runtime_id, "") << id;
  }
}

TEST_F(TaskRegistrationTest, RefusesBodiesThatAreNotTheProtocols) {
  const std::string agent = add_agent(key_);
  const std::string good = key_.task_request(agent, clock_.now);
  const std::string signature = Json::parse(good)->string_member("signature").value();
  const auto body = [](const std::string& time, const std::string& text) {
    return R"({"timestamp":")" + time + R"(","signature":")" + text + R"("})";
  };
  std::string unpadded = signature;
  unpadded.resize(86);
  std::string url_safe = "-_" + signature.substr(2);
  const std::string time = "2026-04-20T00:00:00Z";
  for (const auto& [wrong, code] : std::vector<std::pair<std::string, std::string>>{
           {"", "body_malformed"},
           {good + "x", "body_malformed"},
           {R"({"timestamp":"a"})", "body_invalid"},
           {R"({"timestamp":1,"signature":2})", "body_invalid"},
           {good.substr(0, good.size() - 1) + R"(,"more":1})", "body_invalid"},
           {body("2026-04-20T00:00:00", signature), "timestamp_malformed"},
           {body("2026-04-20T00:00:00.000Z", signature), "timestamp_malformed"},
           {body("2026-02-30T00:00:00Z", signature), "timestamp_malformed"},
           {body(time, ""), "signature_malformed"},
           {body(time, unpadded), "signature_malformed"},
           {body(time, url_safe), "signature_malformed"},
           {body(time, signature + signature), "signature_malformed"}}) {
    const Answer answer = post_task(agent, wrong);
    EXPECT_EQ(answer.status, 400) << wrong;
    EXPECT_EQ(code_of(answer), code) << wrong;
  }
  EXPECT_EQ(post_task(agent, good).status, 200);
}

}  // namespace
}  // namespace holdfast::authority::test
