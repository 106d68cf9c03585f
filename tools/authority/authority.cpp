// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/authority.hpp"

#include "tools/authority/agent_registration.hpp"
#include "tools/authority/header_check.hpp"

namespace holdfast::authority {
namespace {

constexpr std::string_view kAgentPath = "/v1/agent/";
constexpr std::string_view kTaskSuffix = "/task/register";

Answer refuse_path() { return refuse(404, "path_unknown", "nothing is served at this path"); }

Answer refuse_method(std::string_view allowed) {
  Answer answer = refuse(405, "method_not_allowed", "this path takes " + std::string(allowed));
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

Answer tell_health(Store& store) {
  if (const Result<void> state = store.check(); !state) return refuse_store(state.error());
  Answer answer;
  answer.body.set("status", "ok");
  return answer;
}

}  // namespace

Answer Authority::answer(const Request& request) {
  const std::string_view path = request.path;
  const bool is_under_base = path.starts_with(base_path_);
  const std::string_view below = is_under_base ? path.substr(base_path_.size()) : std::string_view();
  // A proxy asks with the method of the request it guards. Under the base path too, so that who has only that URL
  // can ask as well.
  if (path == "/verify" || below == "/verify") {
    return check_header(request, store_, rules_.window_seconds, clock_.wall());
  }
  if (path == "/healthz") {
    return request.method == "GET" || request.method == "HEAD" ? tell_health(store_) : refuse_method("GET, HEAD");
  }
  // Wherever a client's base URL puts it (protocol.md §4).
  if (issuer_ != nullptr && path.ends_with("/agent-identities/jwks")) {
    return request.method == "GET" || request.method == "HEAD" ? issuer_->answer_jwks() : refuse_method("GET, HEAD");
  }
  if (issuer_ != nullptr && path.starts_with("/development/")) return answer_development_path(request);
  return is_under_base ? answer_agent_path(request, below) : refuse_path();
}

Answer Authority::answer_development_path(const Request& request) {
  const bool is_issue = request.path == "/development/agent-identity-jwt";
  if (!is_issue && request.path != "/development/rotate-jwt-key") return refuse_path();
  if (request.method != "POST") return refuse_method("POST");
  return is_issue ? issuer_->issue(request, store_, clock_.wall()) : issuer_->rotate(request, store_);
}

Answer Authority::answer_agent_path(const Request& request, std::string_view path) {
  if (!path.starts_with(kAgentPath)) return refuse_path();
  path.remove_prefix(kAgentPath.size());
  const bool is_post = request.method == "POST";
  if (path == "register") {
    return is_post ? register_agent(request, store_, clock_.wall()) : refuse_method("POST");
  }
  if (!path.ends_with(kTaskSuffix)) return refuse_path();
  path.remove_suffix(kTaskSuffix.size());
  if (path.find('/') != std::string_view::npos) return refuse_path();
  return is_post ? register_task(request, path, store_, rules_, clock_.wall()) : refuse_method("POST");
}

}  // namespace holdfast::authority
