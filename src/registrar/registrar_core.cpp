// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/registrar_core.hpp"

#include "src/json/json.hpp"
#include "src/registrar/answer.hpp"
#include "src/registrar/curl_error.hpp"
#include "src/registrar/http_date.hpp"
#include "src/registrar/plain_text.hpp"
#include "src/registrar/refusal.hpp"
#include "src/registrar/retry.hpp"

#include <string.h>

#include <algorithm>
#include <string>
#include <utility>

namespace holdfast {
namespace {

// Longer than anybody waits; keeps "for ever" out of the arithmetic.
constexpr std::chrono::milliseconds kLongestTimeout = std::chrono::hours(24 * 365);
constexpr std::size_t kMaxAccessTokenSize = std::size_t{16} * 1024;

bool is_success(const HttpResponse& response) {
  return response.status >= 200 && response.status < 300 && !response.is_cut;
}

// Whether the authority may have done what one attempt asked for. A 5xx may come from a proxy that lost the answer,
// or from an authority that failed after the deed; what it refuses it has not done.
bool may_have_done_it(const Result<HttpResponse>& response) {
  if (!response) return may_have_arrived(response.error());
  return response->status >= 500 || response->status < 300;
}

std::string task_body(const TaskRegistration& registration) {
  Json body = Json::object();
  body.set("timestamp", registration.timestamp.view()).set("signature", registration.signature.view());
  return body.dump();
}

std::string agent_body(const AgentRegistration& registration) {
  Json about = Json::object();
  about.set("agent_version", registration.agent_version)
      .set("agent_harness_id", registration.harness_id)
      .set("running_location", registration.running_location);
  Json capabilities = Json::array();
  capabilities.append(Json::string("responsesapi"));
  Json body = Json::object();
  body.set("abom", std::move(about))
      .set("agent_public_key", to_ssh_public_key(registration.public_key).view())
      .set("capabilities", std::move(capabilities))
      .set("ttl", Json());
  return body.dump();
}

// RFC 6750 §2.1 (b64token), a little wider: visible ASCII. A line end in it would begin another header.
Result<void> check_access_token(std::string_view token) {
  const auto refusal = [](std::string_view why) {
    return failure(Status::invalid_argument, Layer::registrar, "reading the access token").about(why);
  };
  if (token.empty()) return refusal("it is empty");
  if (token.size() > kMaxAccessTokenSize) return refusal("it is longer than 16 KiB");
  if (!std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; })) {
    return refusal("it holds a space, a line end or a character outside ASCII");
  }
  return {};
}

// A request whose header lines hold the access token; they do not outlive it.
class AgentRequest {
 public:
  AgentRequest(const AuthorityUrl& authority, const AgentRegistration& registration)
      : secret_(registration.access_token) {
    request_.url = authority.agent_registration();
    request_.body = agent_body(registration);
    std::string line = "Authorization: Bearer ";
    line.reserve(line.size() + secret_.size());
    line += secret_;
    request_.headers.push_back(std::move(line));
    if (registration.is_fedramp) request_.headers.emplace_back("X-OpenAI-Fedramp: true");
  }
  AgentRequest(const AgentRequest&) = delete;
  AgentRequest& operator=(const AgentRequest&) = delete;
  ~AgentRequest() { explicit_bzero(request_.headers.front().data(), request_.headers.front().size()); }

  [[nodiscard]] Result<const HttpRequest*> next(std::chrono::nanoseconds) { return &request_; }
  [[nodiscard]] std::string_view secret() const { return secret_; }
  [[nodiscard]] static std::chrono::nanoseconds time_limit() { return kAgentRequestTimeout; }

 private:
  HttpRequest request_;
  std::string_view secret_;
};

// A request that is signed anew for each attempt. What was signed is not for messages either: within the authority's
// window it registers another task.
class TaskRequest {
 public:
  TaskRequest(const AuthorityUrl& authority, TypedSigner& signer) : signer_(signer) {
    request_.url = authority.task_registration(signer.runtime_id());
  }

  [[nodiscard]] Result<const HttpRequest*> next(std::chrono::nanoseconds time_left) {
    registration_ = HOLDFAST_TRY(signer_.sign_task_registration(time_left));
    request_.body = task_body(registration_);
    return &request_;
  }
  [[nodiscard]] std::string_view secret() const { return registration_.signature.view(); }
  [[nodiscard]] static std::chrono::nanoseconds time_limit() { return kTaskRequestTimeout; }

 private:
  TypedSigner& signer_;
  TaskRegistration registration_{};
  HttpRequest request_;
};

Error with_attempts(Error error, unsigned attempts) {
  if (attempts < 2) return error;
  const std::string note = "after " + std::to_string(attempts) + " attempts";
  if (!error.detail.empty()) error.detail.append("; ");
  error.detail.append(note);
  return error;
}

}  // namespace

hal::BootTime RegistrarCore::deadline_of(std::chrono::milliseconds timeout) noexcept {
  return clock_.boot().after(std::clamp(timeout, std::chrono::milliseconds(0), kLongestTimeout));
}

template <typename Source, typename Reader>
auto RegistrarCore::exchange(Source& source, Reader read_answer, hal::BootTime deadline, AnswerExcerpt& excerpt)
    -> decltype(read_answer(std::string_view())) {
  RetrySchedule schedule(attempts_, seed_++);
  may_have_acted_ = false;
  while (true) {
    excerpt.clear();
    const std::chrono::nanoseconds time_left(deadline.ns - clock_.boot().ns);
    if (time_left.count() <= 0) {
      return failure(Status::deadline_exceeded, Layer::registrar, "registering with the authority");
    }
    const HttpRequest* request = HOLDFAST_TRY(source.next(time_left));
    // Memory may run out behind the moment when it was sent.
    const bool may_have_acted_before = std::exchange(may_have_acted_, true);
    const auto response = transport_.post(*request, std::min(deadline, clock_.boot().after(source.time_limit())));
    may_have_acted_ = may_have_acted_before || may_have_done_it(response);
    if (response && is_success(*response)) {
      auto answer = read_answer(response->body);
      if (!answer) excerpt.append(plain_text(response->body, source.secret()));
      return answer;
    }

    Error error = response ? refusal_of(*response, clock_.wall(), source.secret()) : response.error();
    std::optional<std::chrono::seconds> retry_after;
    if (response) {
      excerpt.append(plain_text(response->body, source.secret()));
      // The authority's dates are meant by its own clock.
      retry_after = parse_retry_after(response->retry_after, parse_http_date(response->date).value_or(clock_.wall()));
    }
    const auto wait = schedule.next(retry_after);
    error = with_attempts(error, schedule.attempts_made());
    if (error.status != Status::authority_unavailable || !wait) return error;
    const hal::BootTime next_attempt = clock_.boot().after(*wait);
    if (next_attempt >= deadline) return error;
    clock_.sleep_until(next_attempt);
  }
}

Result<TaskId> RegistrarCore::register_task(TypedSigner& signer, std::chrono::milliseconds timeout,
                                            AnswerExcerpt& excerpt) {
  TaskRequest request(authority_, signer);
  const hal::BootTime deadline = deadline_of(timeout);
  const auto read_answer = [&](std::string_view body) {
    const std::chrono::nanoseconds left(std::max<std::int64_t>(deadline.ns - clock_.boot().ns, 0));
    return read_task_answer(body, signer.sealed_tasks(), left);
  };
  return exchange(request, read_answer, deadline, excerpt);
}

Result<RuntimeId> RegistrarCore::register_agent(const AgentRegistration& registration,
                                                std::chrono::milliseconds timeout, AnswerExcerpt& excerpt) {
  excerpt.clear();
  may_have_acted_ = false;
  HOLDFAST_TRY(check_access_token(registration.access_token));
  AgentRequest request(authority_, registration);
  return exchange(request, read_agent_answer, deadline_of(timeout), excerpt);
}

}  // namespace holdfast
