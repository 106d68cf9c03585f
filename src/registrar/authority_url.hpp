// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/result.hpp"

#include <string>
#include <string_view>

namespace holdfast {

/// The base URL of an authority, checked: `https:` to any host or `http:` to a loopback host, without credentials,
/// query, fragment or trailing `/`.
class AuthorityUrl {
 public:
  /// Reads exactly `scheme://host[:port][/path]`. Stricter than RFC 3986 where readers differ: ASCII only, no
  /// backslash, no `.` or `..` segment, IPv4 only in its four-part form. `invalid_argument`, with a hint, otherwise.
  [[nodiscard]] static Result<AuthorityUrl> parse(std::string_view text);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// True for `http:`: such a connection may only ever go to a loopback address.
  [[nodiscard]] bool is_plain_http() const noexcept { return is_plain_http_; }

  /// protocol.md §3.
  [[nodiscard]] std::string agent_registration() const;
  /// protocol.md §2.
  [[nodiscard]] std::string task_registration(const RuntimeId& runtime_id) const;

 private:
  AuthorityUrl(std::string text, bool is_plain_http) : text_(std::move(text)), is_plain_http_(is_plain_http) {}
  std::string text_;
  bool is_plain_http_;
};

}  // namespace holdfast
