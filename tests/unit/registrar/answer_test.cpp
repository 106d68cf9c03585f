// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/answer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using testing::HasSubstr;

TEST(TaskAnswer, BothClearSpellingsAreRead) {
  EXPECT_EQ(read_task_answer(R"({"task_id":"task-123"})")->view(), "task-123");
  EXPECT_EQ(read_task_answer(R"({"taskId":"task-123"})")->view(), "task-123");
}

TEST(TaskAnswer, BothSealedSpellingsAreTheirOwnError) {
  for (const char* body : {R"({"encrypted_task_id":"V9tL"})", R"({"encryptedTaskId":"V9tL"})"}) {
    const auto answer = read_task_answer(body);
    EXPECT_EQ(answer.status(), Status::sealed_answer) << body;
    EXPECT_THAT(std::string(hint_of(answer.error())), HasSubstr("an authority that answers in clear"));
  }
}

class Opener final : public SealedTaskOpener {
 public:
  Result<TaskId> open_sealed_task(std::string_view sealed, std::chrono::nanoseconds timeout) noexcept override {
    asked = std::string(sealed);
    time = timeout;
    if (sealed == "opens") return TaskId::parse("task-123");
    return failure(Status::authority_answer_invalid, Layer::core, "opening");
  }
  std::string asked;
  std::chrono::nanoseconds time{};
};

TEST(TaskAnswer, BothSealedSpellingsGoToTheOpener) {
  for (const std::string name : {"encrypted_task_id", "encryptedTaskId"}) {
    Opener opener;
    EXPECT_EQ(read_task_answer("{\"" + name + "\":\"opens\"}", &opener, std::chrono::seconds(7))->view(), "task-123");
    EXPECT_EQ(opener.time, std::chrono::seconds(7));
    EXPECT_EQ(read_task_answer("{\"" + name + "\":\"no\"}", &opener).status(), Status::authority_answer_invalid);
    EXPECT_EQ(opener.asked, "no");
    EXPECT_EQ(read_task_answer("{\"" + name + "\":7}", &opener).status(), Status::authority_answer_invalid);
  }
}

TEST(TaskAnswer, WhatIsInClearIsNotForTheOpener) {
  Opener opener;
  EXPECT_EQ(read_task_answer(R"({"encrypted_task_id":"opens","taskId":"b"})", &opener)->view(), "b");
  EXPECT_EQ(opener.asked, "");
}

TEST(TaskAnswer, TheFirstSpellingPresentWins) {
  EXPECT_EQ(read_task_answer(R"({"encryptedTaskId":"x","taskId":"b","task_id":"a"})")->view(), "a");
  EXPECT_EQ(read_task_answer(R"({"encrypted_task_id":"x","taskId":"b"})")->view(), "b");
  EXPECT_EQ(read_task_answer(R"({"task_id":null,"taskId":"b"})")->view(), "b");
  // A first one that does not hold is not passed over.
  EXPECT_EQ(read_task_answer(R"({"task_id":"","taskId":"b"})").status(), Status::authority_answer_invalid);
  EXPECT_EQ(read_task_answer(R"({"task_id":7,"taskId":"b"})").status(), Status::authority_answer_invalid);
}

TEST(TaskAnswer, UnknownMembersAreIgnored) {
  EXPECT_EQ(read_task_answer(R"({"expires_in":60,"nested":{"task_id":"no"},"task_id":"a"} )")->view(), "a");
}

struct BadAnswer {
  const char* body;
  const char* named;
};
TEST(TaskAnswer, WhatTheProtocolDoesNotSayIsRefused) {
  const BadAnswer cases[] = {{"", "empty"},
                             {" \n", "empty"},
                             {"<!doctype html><html>", "web page"},
                             {"[]", "not a JSON object"},
                             {"\"task-123\"", "not a JSON object"},
                             {R"({"task_id":"a")", "not a JSON object"},
                             {R"({"task_id":"a","task_id":"b"})", "not a JSON object"},
                             {"{}", "no task_id"},
                             {R"({"task_id":null})", "no task_id"},
                             {R"({"task_id":""})", "empty"},
                             {R"({"task_id":["a"]})", "not a string"},
                             {R"({"task_id":"a:b"})", "task_id"},
                             {R"({"task_id":".."})", "task_id"},
                             {R"({"taskId":"a\u0000"})", "taskId"},
                             {R"({"task_id":"a/../b"})", "task_id"}};
  for (const auto& [body, named] : cases) {
    const auto answer = read_task_answer(body);
    ASSERT_EQ(answer.status(), Status::authority_answer_invalid) << body;
    EXPECT_THAT(std::string(answer.error().detail.view()), HasSubstr(named)) << body;
  }
}

TEST(TaskAnswer, AnIdHasAtMost128Characters) {
  EXPECT_TRUE(read_task_answer("{\"task_id\":\"" + std::string(128, 'a') + "\"}"));
  EXPECT_EQ(read_task_answer("{\"task_id\":\"" + std::string(129, 'a') + "\"}").status(),
            Status::authority_answer_invalid);
}

TEST(AgentAnswer, HoldsTheRuntimeId) {
  EXPECT_EQ(read_agent_answer(R"({"agent_runtime_id":"agent-123","x":1})")->view(), "agent-123");
  for (const char* body : {"{}", R"({"agent_runtime_id":""})", R"({"agent_runtime_id":"a b"})",
                           R"({"agent_runtime_id":1})", R"({"agentRuntimeId":"a"})", "<html>"}) {
    EXPECT_EQ(read_agent_answer(body).status(), Status::authority_answer_invalid) << body;
  }
}

}  // namespace
}  // namespace holdfast
