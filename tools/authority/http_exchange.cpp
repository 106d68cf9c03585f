// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/http_exchange.hpp"

#include <strings.h>

#include <array>

namespace holdfast::authority {
namespace {

constexpr std::string_view kJsonType = "application/json";

// The media type without its parameters (RFC 9110 §8.3.1); `charset` does not change what JSON is (RFC 8259 §11).
bool is_json_type(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return type.size() == kJsonType.size() && strncasecmp(type.data(), kJsonType.data(), type.size()) == 0;
}

}  // namespace

Answer refuse(int status, std::string_view reason, std::string_view message) {
  Answer answer;
  answer.status = status;
  answer.reason = reason;
  answer.body.set("error", Json::object().set("code", reason).set("message", message));
  return answer;
}

Answer refuse_unauthorized(std::string_view challenge, std::string_view reason, std::string_view message) {
  Answer answer = refuse(401, reason, message);
  answer.headers.emplace_back("WWW-Authenticate", challenge);
  return answer;
}

Answer refuse_store(const Error& error) {
  Answer answer = refuse(500, "state_unavailable", "the authority cannot use its state; its log says why");
  std::array<char, 512> buffer{};
  answer.detail = write_message(error, buffer);
  return answer;
}

Answer refuse_verdict(const Error& error) {
  if (error.status == Status::signature_mismatch) {
    return refuse_unauthorized("AgentAssertion", "signature_mismatch",
                               "the signature is not that of the agent's key over this message");
  }
  if (error.status == Status::header_refused) {
    return refuse_unauthorized("AgentAssertion", "time_outside_window", error.detail.view());
  }
  return refuse_store(error);
}

std::variant<Json, Answer> read_json_object(const Request& request) {
  if (!is_json_type(request.content_type)) {
    return refuse(415, "content_type_unsupported", "the body must be application/json");
  }
  if (!request.content_encoding.empty() && strcasecmp(request.content_encoding.c_str(), "identity") != 0) {
    return refuse(415, "content_encoding_unsupported", "the body must not be compressed");
  }
  std::optional<Json> parsed = Json::parse(request.body);
  if (!parsed || !parsed->is_object()) {
    return refuse(400, "body_malformed", "the body is not one JSON object with each member once");
  }
  return *std::move(parsed);
}

std::string compare_members(const Json& object, std::initializer_list<std::string_view> expected) {
  for (const std::string_view name : expected) {
    if (!object.member(name)) return "the member " + std::string(name) + " is missing";
  }
  if (object.size() != expected.size()) {
    std::string names;
    for (const std::string_view name : expected) names.append(names.empty() ? "" : ", ").append(name);
    return "only these members are allowed: " + names;
  }
  return {};
}

}  // namespace holdfast::authority
