// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "src/json/json.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace holdfast::authority {

/// The parts of an HTTP request the authority looks at; nothing in it is checked.
struct Request {
  std::string method;
  std::string path;  ///< as it stood on the request line, not percent-decoded, without the query
  std::vector<std::string> authorization;
  std::string content_type;
  std::string content_encoding;
  std::string body;
};

/// What goes back, and what the log says about it.
struct Answer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  Json body;
  std::string reason = "ok";  ///< a fixed word, such as "task_unknown"
  std::string detail;         ///< for the log only: what a 500 is about
  std::string runtime_id;     ///< for the log; only ids that have the right form get here
};

/// A refusal: `{"error":{"code":reason,"message":message}}`.
[[nodiscard]] Answer refuse(int status, std::string_view reason, std::string_view message);

/// A 401 with the challenge RFC 9110 §11.6.1 asks for.
[[nodiscard]] Answer refuse_unauthorized(std::string_view challenge, std::string_view reason,
                                         std::string_view message);

/// A 500: the state could not be read or written. The store's own words go to the log, not to the client.
[[nodiscard]] Answer refuse_store(const Error& error);

/// What a failed signature check means to a client: outside the window, or not the agent's signature (401). A stored
/// key that cannot be used is a 500.
[[nodiscard]] Answer refuse_verdict(const Error& error);

/// The body as a JSON object, or why not: another content type or an encoding (415), not a JSON object (400).
[[nodiscard]] std::variant<Json, Answer> read_json_object(const Request& request);

/// The first member of `object` that is not in `expected`, or the first of `expected` that is missing, as a
/// sentence; empty if the object has exactly these members.
[[nodiscard]] std::string compare_members(const Json& object, std::initializer_list<std::string_view> expected);

}  // namespace holdfast::authority
