// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"
#include "holdfast/signer.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace holdfast {

/// How to reach an authority; fixed when made. Files: absolute paths, to what only root and this user can change.
struct RegistrarOptions {
  std::string
      authority_url{};    ///< authapi base; `https:`, or `http:` to a loopback address only; trailing `/` removed
  std::string ca_file{};  ///< PEM bundle; empty: the system's
  std::string ca_directory{};
  std::string client_certificate{};  ///< PEM file, for mutual TLS
  std::string client_key{};          ///< PEM file
  std::string proxy{};               ///< explicit proxy URL; empty: none
  bool use_environment_proxy = false;
  std::string originator{};  ///< value of the `originator` header; empty: not sent
  std::chrono::milliseconds connect_timeout{10'000};
  unsigned attempts = 3;  ///< 1 to 10, in all
};

/// The first 512 bytes of what an authority answered to a failed request, control characters removed, cut on a
/// UTF-8 boundary; empty if it did not answer.
using AnswerExcerpt = FixedText<512>;

/// What an agent registration says of itself (protocol.md §3, `abom`).
struct AgentRegistration {
  PublicKey public_key{};
  std::string_view access_token{};  ///< bearer; sent once per attempt, never logged
  std::string_view agent_version{};
  std::string_view harness_id = "holdfast";
  std::string_view running_location = "cli-linux";
  bool is_fedramp = false;
};

/// Speaks to an authority over HTTPS: registers agents and tasks.
///
/// Knows nothing of tokens: a `TypedSigner` makes each attempt's signature. Allocates; blocks on the network up to
/// the deadlines given. Any thread, one request at a time per registrar.
class Registrar {
 public:
  /// `invalid_argument` for an URL that is not https (or http to loopback), holds credentials, a query or a
  /// fragment. Loads libcurl on first use, not here.
  [[nodiscard]] static Result<Registrar> create(RegistrarOptions options) noexcept;

  Registrar(Registrar&&) noexcept;
  Registrar& operator=(Registrar&&) noexcept;
  ~Registrar();

  /// Registers one task for the signer's runtime id and returns its id.
  ///
  /// Up to `attempts` tries, each with a new timestamp and signature; 429, every 5xx and transport errors are tried
  /// again after a back-off with jitter (`Retry-After` is honoured up to 20 s). `timeout` bounds all of it;
  /// protocol.md §2 asks for 30 s a request. Worth handling: `authority_unavailable`, `authority_refused` (401:
  /// unknown agent or wrong clock: the detail names a clock difference of more than a minute), `sealed_answer`,
  /// `authority_answer_invalid`, `file_untrusted` for a CA or client file, and whatever the signer answers.
  [[nodiscard]] Result<TaskId> register_task(TypedSigner& signer, std::chrono::milliseconds timeout,
                                             AnswerExcerpt* excerpt = nullptr) noexcept;

  /// Registers a public key and returns the runtime id the authority gave it. Retries as `register_task`, with the
  /// same key.
  [[nodiscard]] Result<RuntimeId> register_agent(const AgentRegistration& registration,
                                                 std::chrono::milliseconds timeout,
                                                 AnswerExcerpt* excerpt = nullptr) noexcept;

 private:
  struct State;
  explicit Registrar(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
