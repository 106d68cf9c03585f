// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/header_check.hpp"

#include "tests/unit/authority/desk.hpp"

#include <gmock/gmock.h>

namespace holdfast::authority::test {
namespace {

using testing::ElementsAre;
using testing::Pair;

using HeaderCheckTest = Desk;

TEST_F(HeaderCheckTest, AcceptsBothSchemesAndNamesAgentAndTask) {
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) {
    const holdfast::test::SoftwareKey key(scheme);
    const std::string agent = add_agent(key);
    const std::string task = add_task(key, agent);
    const Answer answer = verify({key.authorization(agent, task, clock_.now)});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.reason, "header_accepted");
    EXPECT_THAT(answer.headers, ElementsAre(Pair("X-Agent-Runtime-Id", agent), Pair("X-Task-Id", task)));
  }
}

TEST_F(HeaderCheckTest, KeepsNoReplayStore) {
  const std::string agent = add_agent(key_);
  const std::string value = key_.authorization(agent, add_task(key_, agent), clock_.now);
  EXPECT_EQ(verify({value}).status, 200);
  clock_.now.value += 300;
  EXPECT_EQ(verify({value}).status, 200);
  clock_.now.value += 1;
  EXPECT_EQ(code_of(verify({value})), "time_outside_window");
}

TEST_F(HeaderCheckTest, TellsEachRefusal) {
  const std::string agent = add_agent(key_);
  const std::string task = add_task(key_, agent);
  const std::string other_agent = add_agent(key_);
  const holdfast::test::SoftwareKey stranger(Scheme::ed25519);
  const std::string good = key_.authorization(agent, task, clock_.now);
  for (const auto& [values, code] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{}, "authorization_missing"},
           {{good, good}, "authorization_repeated"},
           {{"Bearer " + store_.bearer()}, "header_malformed"},
           {{"agentassertion" + good.substr(14)}, "header_malformed"},
           {{good + "="}, "header_malformed"},
           {{key_.authorization("agent-nobody", task, clock_.now)}, "agent_unknown"},
           {{key_.authorization(agent, "task-none", clock_.now)}, "task_unknown"},
           {{key_.authorization(other_agent, task, clock_.now)}, "task_of_another_agent"},
           {{stranger.authorization(agent, task, clock_.now)}, "signature_mismatch"},
           {{key_.authorization(agent, task, {clock_.now.value - 301})}, "time_outside_window"},
           {{key_.authorization(agent, task, {clock_.now.value + 301})}, "time_outside_window"}}) {
    const Answer answer = verify(values);
    EXPECT_EQ(answer.status, 401) << code;
    EXPECT_EQ(code_of(answer), code);
    EXPECT_THAT(answer.headers, ElementsAre(Pair("WWW-Authenticate", "AgentAssertion"))) << code;
    EXPECT_FALSE(message_of(answer).empty()) << code;
  }
}

TEST_F(HeaderCheckTest, DoesNotTellStrangersWhetherATaskExists) {
  const std::string agent = add_agent(key_);
  const holdfast::test::SoftwareKey stranger(Scheme::ed25519);
  EXPECT_EQ(code_of(verify({stranger.authorization(agent, "task-none", clock_.now)})), "signature_mismatch");
}

TEST_F(HeaderCheckTest, RefusesAnExpiredAgent) {
  const std::string agent = add_agent(key_, "60");
  const std::string task = add_task(key_, agent);
  clock_.now.value += 60;
  EXPECT_EQ(code_of(verify({key_.authorization(agent, task, clock_.now)})), "agent_expired");
}

}  // namespace
}  // namespace holdfast::authority::test
