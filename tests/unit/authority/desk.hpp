// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/clock.hpp"
#include "tests/support/software_key.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tools/authority/authority.hpp"
#include "tools/authority/store.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace holdfast::authority::test {

/// A clock that stands still until a test moves it.
class StandingClock final : public hal::Clock {
 public:
  WallSeconds now{1'776'643'200};  // 2026-04-20T00:00:00Z

  WallSeconds wall() noexcept override { return now; }
  hal::BootTime boot() noexcept override { return {}; }
  bool wait(const std::atomic<std::uint32_t>& /*word*/, std::uint32_t /*expected*/,
            hal::BootTime /*deadline*/) noexcept override {
    return false;
  }
  void wake_all(std::atomic<std::uint32_t>& /*word*/) noexcept override {}
  void sleep_until(hal::BootTime /*moment*/) noexcept override {}
};

/// An authority with an empty store, spoken to without HTTP.
class Desk : public testing::Test {
 protected:
  Answer post(std::string path, std::string body, std::vector<std::string> authorization = {}) {
    return desk().answer(
        {"POST", std::move(path), std::move(authorization), "application/json", "", std::move(body)});
  }
  Answer post_agent(std::string body) {
    return post("/api/accounts/v1/agent/register", std::move(body), {"Bearer " + store_.bearer()});
  }
  Answer post_task(const std::string& runtime_id, std::string body) {
    return post("/api/accounts/v1/agent/" + runtime_id + "/task/register", std::move(body));
  }
  Answer verify(std::vector<std::string> authorization) {
    return desk().answer({"GET", "/verify", std::move(authorization), "", "", ""});
  }

  static std::string agent_body(const std::string& public_key, const std::string& ttl = "null") {
    return R"({"abom":{"agent_version":"1","agent_harness_id":"holdfast","running_location":"cli-linux"},)"
           R"("agent_public_key":")" +
           public_key + R"(","capabilities":["responsesapi"],"ttl":)" + ttl + "}";
  }
  std::string add_agent(const holdfast::test::SoftwareKey& key, const std::string& ttl = "null") {
    return post_agent(agent_body(key.ssh_line(), ttl)).body.string_member("agent_runtime_id").value_or("");
  }
  std::string add_task(const holdfast::test::SoftwareKey& key, const std::string& runtime_id) {
    return post_task(runtime_id, key.task_request(runtime_id, clock_.now)).body.string_member("task_id").value_or("");
  }

  Authority desk() { return {"/api/accounts", rules_, store_, clock_}; }

  holdfast::test::TemporaryFolder folder_;
  StandingClock clock_;
  Rules rules_;
  Store store_ = Store::open(folder_.file("authority.db")).value();
  holdfast::test::SoftwareKey key_{Scheme::ed25519};
};

inline std::string code_of(const Answer& answer) {
  const auto error = answer.body.member("error");
  return error ? error->string_member("code").value_or("") : "";
}
inline std::string message_of(const Answer& answer) {
  const auto error = answer.body.member("error");
  return error ? error->string_member("message").value_or("") : "";
}

}  // namespace holdfast::authority::test
