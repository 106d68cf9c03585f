// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/identity.hpp"
#include "holdfast/result.hpp"
#include "holdfast/signer.hpp"

#include <chrono>
#include <memory>
#include <span>
#include <string_view>

namespace holdfast {

/// All of it is fixed at open. Texts are used during the call only.
struct SessionOptions {
  std::string_view identity_file{};  ///< empty: searched for (`find_identity_file`)
  std::string_view pin_source{};     ///< as `SignerOptions::pin_source`
  std::string_view module_path{};
  KeyProfile minimum_profile = KeyProfile::strict;  ///< the file can only be stricter
  std::optional<PublicKey> expected_key{};
  std::chrono::seconds max_age{0};
  std::chrono::milliseconds registration_timeout{30'000};
};

/// An agent's run task: an identity, its signer and one task in memory.
///
/// Movable; every other method may be called from any thread.
class AgentSession {
 public:
  /// Reads the identity file, opens the signer. No network. Allocates.
  [[nodiscard]] static Result<AgentSession> open(const SessionOptions& options) noexcept;

  AgentSession(AgentSession&&) noexcept;
  AgentSession& operator=(AgentSession&&) noexcept;
  ~AgentSession();

  /// Registers a task with the identity's authority, unless one is registered; single-flight. Blocks on the network
  /// up to the registration timeout. The task id stays in memory.
  [[nodiscard]] Result<void> register_task() noexcept;

  /// Writes the value of the next request's `Authorization` header into `out` (`kMaxAuthorizationSize` bytes
  /// suffice) and returns it. The first call registers the task if none is registered yet.
  /// Failures as `TypedSigner::authorization` and `Registrar::register_task`.
  [[nodiscard]] Result<std::string_view> authorization(std::span<char> out,
                                                       Freshness freshness = Freshness::reuse) noexcept;

  [[nodiscard]] const Identity& identity() const noexcept;

 private:
  struct State;
  explicit AgentSession(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
