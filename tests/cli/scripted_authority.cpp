// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/scripted_authority.hpp"

#include <time.h>

#include <array>

namespace holdfast::test {
namespace {

constexpr const char* kTask = R"({"task_id":"task-1"})";

// As a server whose clock is `seconds` ahead of this machine's writes it (RFC 9110 §5.6.7). The test runs in the C
// locale.
std::string date_in(time_t seconds) {
  const time_t then = time(nullptr) + seconds;
  tm parts{};
  gmtime_r(&then, &parts);
  std::array<char, 64> text{};
  return {text.data(), strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

}  // namespace

std::unique_ptr<ScriptedServer> make_scripted_authority() {
  auto server = std::make_unique<ScriptedServer>();
  server->play("/busy-once",
               {{.status = 429, .body = "slow down", .headers = {{"Retry-After", "1"}}}, {.body = kTask}});
  server->play("/busy", {{.status = 429, .body = "slow down", .headers = {{"Retry-After", "0"}}}});
  server->play("/busy-for-an-hour", {{.status = 429, .body = "slow down", .headers = {{"Retry-After", "3600"}}}});
  server->play("/failing-once", {{.status = 500, .body = "oops"}, {.body = kTask}});
  server->play("/failing", {{.status = 500, .body = "oops"}});
  server->play("/lost-answer",
               {{.body = R"({"agent_runtime_id":"agent-1"})", .delivery = ScriptedAnswer::Delivery::truncated},
                {.status = 401, .body = "no"}});
  server->play("/elsewhere", {{.status = 307, .headers = {{"Location", "https://other.example/"}}}});
  server->play("/moved", {{.status = 307, .headers = {{"Location", "/more/"}}}});
  server->play("/one-task", {{.body = kTask}, {.status = 401, .body = R"({"error":{"code":"agent_unknown"}})"}});
  server->play("/ahead", {{.status = 401, .body = "time_outside_window", .headers = {{"Date", date_in(600)}}}});
  server->play("/behind", {{.status = 401, .body = "time_outside_window", .headers = {{"Date", date_in(-600)}}}});
  server->play("/unknown-agent", {{.status = 401, .body = R"({"error":{"code":"agent_unknown"}})"}});
  server->play("/html", {{.body = "<!DOCTYPE html>\n<title>\x1b[2JSign in</title>"}});
  server->play("/longest", {{.body = std::string(65536 - std::string(kTask).size(), ' ') + kTask}});
  server->play("/too-long", {{.body = std::string(65537 - std::string(kTask).size(), ' ') + kTask}});
  server->play("/empty-id", {{.body = R"({"task_id":""})"}});
  server->play("/foul-id", {{.body = R"({"task_id":"../task"})"}});
  server->play("/no-id", {{.body = R"({"ok":true})"}});
  server->play("/held", {{.delivery = ScriptedAnswer::Delivery::held}});
  server->play("/more", {{.body = R"({"expires_in":3600,"task_id":"task-1","links":{"self":"x"}})"}});
  server->play("/cut", {{.body = kTask, .delivery = ScriptedAnswer::Delivery::truncated}});
  return server;
}

}  // namespace holdfast::test
