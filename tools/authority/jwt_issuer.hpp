// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/result.hpp"

#include "src/json/json.hpp"
#include "tools/authority/http_exchange.hpp"
#include "tools/authority/store.hpp"

#include <mutex>
#include <string>
#include <string_view>

namespace holdfast::authority {

/// Issues Agent Identity JWTs for tests (protocol.md §4): RS256, with a key that is shown in a JWKS and can be
/// replaced. Such a JWT holds the private key of an agent that this authority has just made and registered.
///
/// The keys stand beside the database, readable by their owner only, and are made when first needed. Any thread.
class JwtIssuer {
 public:
  /// `path` is the database's: the keys are PATH.jwt.pem and, after a rotation, PATH.jwt-previous.pem.
  explicit JwtIssuer(std::string path) : path_(std::move(path)) {}

  /// Answers GET …/agent-identities/jwks: the present key, and the one before it, as its JWTs are still about.
  [[nodiscard]] Answer answer_jwks();
  /// Answers POST /development/agent-identity-jwt with the bearer: `{}`, or `{"expires_in":SECONDS}`, which may be
  /// negative. Makes an agent with an Ed25519 key and hands it out as a JWT.
  [[nodiscard]] Answer issue(const Request& request, Store& store, WallSeconds now);
  /// Answers POST /development/rotate-jwt-key with the bearer: a new key signs from now on.
  [[nodiscard]] Answer rotate(const Request& request, Store& store);

 private:
  std::string path_;
  std::mutex mutex_;
};

}  // namespace holdfast::authority
