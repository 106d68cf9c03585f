// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/clock.hpp"
#include "tools/authority/http_exchange.hpp"
#include "tools/authority/jwt_issuer.hpp"
#include "tools/authority/store.hpp"
#include "tools/authority/task_registration.hpp"

#include <string>

namespace holdfast::authority {

/// The authority without its HTTP: which request is answered by what. Any thread; borrows the store and the clock.
class Authority {
 public:
  /// `base_path` stands in front of `/v1`, without a trailing slash. `issuer` hands out JWTs for tests; null: none.
  Authority(std::string base_path, Rules rules, Store& store, hal::Clock& clock, JwtIssuer* issuer = nullptr)
      : base_path_(std::move(base_path)), rules_(rules), store_(store), clock_(clock), issuer_(issuer) {}

  /// Answers `request`; never fails: what went wrong is an answer too.
  [[nodiscard]] Answer answer(const Request& request);

 private:
  [[nodiscard]] Answer answer_development_path(const Request& request);
  [[nodiscard]] Answer answer_agent_path(const Request& request, std::string_view path);

  std::string base_path_;
  Rules rules_;
  Store& store_;
  hal::Clock& clock_;
  JwtIssuer* issuer_;
};

}  // namespace holdfast::authority
