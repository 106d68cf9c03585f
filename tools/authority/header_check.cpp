// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/header_check.hpp"

#include "holdfast/verifier.hpp"

#include "tools/authority/agent_registration.hpp"

namespace holdfast::authority {
namespace {

Answer refuse_header(std::string_view reason, std::string_view message) {
  return refuse_unauthorized("AgentAssertion", reason, message);
}

Answer check_assertion(const UnverifiedAssertion& assertion, Store& store, std::int64_t window_seconds,
                       WallSeconds now) {
  const auto agent = store.find_agent(assertion.runtime_id.view());
  if (!agent) return refuse_store(agent.error());
  if (!*agent) return refuse_header("agent_unknown", "no such agent is registered here");
  if (const auto expiry = find_expiry(**agent, now)) return refuse_header("agent_expired", *expiry);
  const Result<PublicKey> key = parse_ssh_public_key((*agent)->public_key);
  if (!key) return refuse_store(key.error());
  if (const auto verdict = verify_assertion(assertion, *key, VerifyWindow{now, window_seconds}); !verdict) {
    return refuse_verdict(verdict.error());
  }
  const auto owner = store.find_task_owner(assertion.task_id.view());
  if (!owner) return refuse_store(owner.error());
  if (!*owner) return refuse_header("task_unknown", "no such task is registered here");
  if (**owner != assertion.runtime_id.view()) {
    return refuse_header("task_of_another_agent", "the task was registered by another agent");
  }
  Answer answer;
  answer.headers.emplace_back("X-Agent-Runtime-Id", assertion.runtime_id.view());
  answer.headers.emplace_back("X-Task-Id", assertion.task_id.view());
  answer.body.set("agent_runtime_id", assertion.runtime_id.view()).set("task_id", assertion.task_id.view());
  answer.reason = "header_accepted";
  return answer;
}

}  // namespace

Answer check_header(const Request& request, Store& store, std::int64_t window_seconds, WallSeconds now) {
  if (request.authorization.empty()) {
    return refuse_header("authorization_missing", "send Authorization: AgentAssertion TOKEN");
  }
  if (request.authorization.size() > 1) {
    return refuse_header("authorization_repeated", "there is more than one Authorization header");
  }
  const Result<UnverifiedAssertion> assertion = parse_authorization(request.authorization.front());
  if (!assertion) return refuse_header("header_malformed", assertion.error().detail.view());
  Answer answer = check_assertion(*assertion, store, window_seconds, now);
  answer.runtime_id = assertion->runtime_id.view();
  return answer;
}

}  // namespace holdfast::authority
