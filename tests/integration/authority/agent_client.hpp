// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/integration/authority/http_client.hpp"
#include "tests/support/software_key.hpp"

#include <time.h>

#include <string>

namespace holdfast::test {

inline WallSeconds now(std::int64_t offset = 0) { return {time(nullptr) + offset}; }

/// An agent with a software key, as it registers and signs.
class AgentClient {
 public:
  explicit AgentClient(const AuthorityProcess& authority, Scheme scheme = Scheme::ed25519)
      : authority_(&authority), key_(scheme) {}

  [[nodiscard]] const SoftwareKey& key() const { return key_; }
  [[nodiscard]] const std::string& runtime_id() const { return runtime_id_; }
  /// The same agent at another authority process, such as the restarted one.
  void move_to(const AuthorityProcess& authority) { authority_ = &authority; }

  [[nodiscard]] std::string registration() const {
    return R"({"abom":{"agent_version":"0.1.0","agent_harness_id":"holdfast","running_location":"cli-linux"},)"
           R"("agent_public_key":")" +
           key_.ssh_line() + R"(","capabilities":["responsesapi"],"ttl":null})";
  }
  HttpAnswer register_agent() {
    HttpAnswer answer = post_json(*authority_, "/v1/agent/register", registration(),
                                  {"Authorization: Bearer " + authority_->bearer()});
    runtime_id_ = answer.member("agent_runtime_id");
    return answer;
  }
  [[nodiscard]] HttpAnswer register_task(std::int64_t clock_offset = 0) const {
    return send_task(key_.task_request(runtime_id_, now(clock_offset)));
  }
  [[nodiscard]] HttpAnswer send_task(const std::string& body) const {
    return post_json(*authority_, "/v1/agent/" + runtime_id_ + "/task/register", body);
  }
  [[nodiscard]] HttpAnswer check(const std::string& task_id, std::int64_t clock_offset = 0) const {
    return verify(*authority_, key_.authorization(runtime_id_, task_id, now(clock_offset)));
  }

 private:
  const AuthorityProcess* authority_;
  SoftwareKey key_;
  std::string runtime_id_;
};

}  // namespace holdfast::test
