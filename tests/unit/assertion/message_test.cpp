// SPDX-License-Identifier: Apache-2.0
#include "src/assertion/message.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <type_traits>

namespace holdfast {
namespace {

const TimestampText kTime("2026-04-20T00:00:00Z");

TEST(Message, JoinsItsPartsWithColonsAndNothingElse) {
  const auto message = build_assertion_message(*RuntimeId::parse("agent-123"), *TaskId::parse("task-123"), kTime);
  EXPECT_EQ(message.view(), "agent-123:task-123:2026-04-20T00:00:00Z");
  EXPECT_EQ(message.bytes().size(), 39U);
  const auto registration = build_registration_message(*RuntimeId::parse("agent-123"), kTime);
  EXPECT_EQ(registration.view(), "agent-123:2026-04-20T00:00:00Z");
  EXPECT_EQ(registration.bytes().size(), 30U);
}

TEST(Message, HoldsTheLongestIds) {
  const std::string runtime(128, 'r');
  const std::string task(128, 't');
  const auto message = build_assertion_message(*RuntimeId::parse(runtime), *TaskId::parse(task), kTime);
  EXPECT_EQ(message.view(), runtime + ":" + task + ":2026-04-20T00:00:00Z");
  EXPECT_EQ(message.view().size(), 278U);
  EXPECT_EQ(build_registration_message(*RuntimeId::parse(runtime), kTime).view(), runtime + ":2026-04-20T00:00:00Z");
}

TEST(Message, DiffersForEveryPairOfIds) {
  std::set<std::string> seen;
  std::size_t built = 0;
  for (const char* runtime : {"a", "ab", "a-b", "a.b", "abc", "a~", "..."}) {
    const auto id = *RuntimeId::parse(runtime);
    seen.emplace(build_registration_message(id, kTime).view());
    ++built;
    for (const char* task : {"a", "b", "b-c", "bc", "c", "2026-04-20T00", "2026-04-20T000000Z"}) {
      seen.emplace(build_assertion_message(id, *TaskId::parse(task), kTime).view());
      ++built;
    }
  }
  EXPECT_EQ(seen.size(), built);
}

// P2: nobody but the two functions makes one.
static_assert(!std::is_default_constructible_v<AssertionMessage>);
static_assert(!std::is_constructible_v<AssertionMessage, std::string_view>);
static_assert(std::is_trivially_copyable_v<AssertionMessage>);

}  // namespace
}  // namespace holdfast
