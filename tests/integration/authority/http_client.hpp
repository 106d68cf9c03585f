// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/json/json.hpp"
#include "tests/support/authority_process.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::test {

/// One answer; `status` 0 and `failure` if there was none.
struct HttpAnswer {
  long status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  std::string failure;

  [[nodiscard]] std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
  /// A string member of the body.
  [[nodiscard]] std::string member(std::string_view name) const;
  /// The code of the error in the body.
  [[nodiscard]] std::string code() const;
};

struct HttpCall {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;
  std::optional<std::string> body;
  std::string ca_file;
  bool is_chunked = false;
};

/// Makes one call with libcurl.
[[nodiscard]] HttpAnswer call(const HttpCall& what);

/// A call to `authority` that trusts exactly its certificate; a body goes as JSON.
[[nodiscard]] HttpAnswer post_json(const AuthorityProcess& authority, const std::string& path,
                                   const std::string& body, std::vector<std::string> headers = {});
[[nodiscard]] HttpAnswer verify(const AuthorityProcess& authority, const std::string& authorization);

}  // namespace holdfast::test
