// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/public_key.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace holdfast::test {

/// A signing key in this process' memory, made with OpenSSL: the agent's part of the protocol without a token.
class SoftwareKey {
 public:
  /// A random key.
  explicit SoftwareKey(Scheme scheme);
  /// The Ed25519 key of a seed.
  explicit SoftwareKey(std::span<const std::byte, 32> seed);
  SoftwareKey(SoftwareKey&&) noexcept;
  ~SoftwareKey();

  [[nodiscard]] PublicKey public_key() const;
  [[nodiscard]] std::string ssh_line() const;
  [[nodiscard]] Signature sign(std::string_view message) const;

  /// The `Authorization` value for these ids, which must have the right form.
  [[nodiscard]] std::string authorization(std::string_view runtime_id, std::string_view task_id,
                                          WallSeconds time) const;
  /// The body of a task registration.
  [[nodiscard]] std::string task_request(std::string_view runtime_id, WallSeconds time) const;
  /// What is in a sealed box (standard base64) to this Ed25519 key.
  [[nodiscard]] std::optional<std::string> open_sealed(const std::string& box) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::test
