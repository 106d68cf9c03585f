// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace holdfast {

/// Checks that `key` can verify anything: a P-256 point on the curve (SEC 1 §3.2.2.1), an Ed25519 point that is on
/// the curve, canonical and not of small order. `invalid_argument` otherwise.
[[nodiscard]] Result<void> check_public_key(const PublicKey& key) noexcept;

/// Checks `signature` over `message` (the whole message: ES256 hashes it here).
///
/// `signature_mismatch` if it does not verify; malleable or malformed Ed25519 signatures and r or s
/// outside [1, n-1] do not. Prepares the key anew each time, which allocates for ES256. Any thread.
[[nodiscard]] Result<void> verify_signature(const PublicKey& key, std::span<const std::byte> message,
                                            std::span<const std::byte> signature) noexcept;

/// What an `Authorization: AgentAssertion` value says; nothing in it is verified yet.
struct UnverifiedAssertion {
  RuntimeId runtime_id;
  TaskId task_id;
  WallSeconds time;
  TimestampText timestamp;
  Signature signature;
};

/// Reads the value of an `Authorization` header: `AgentAssertion`, one space, base64url without
/// padding, a JSON object of exactly the four string members, each once.
///
/// Refuses with `header_refused`, and says which rule was broken, what other readers let through:
/// duplicate or unknown members, escapes, padding, non-canonical base64, a second space, a lower-case
/// scheme, a time without zone. Members may stand in any order, with white space between them.
[[nodiscard]] Result<UnverifiedAssertion> parse_authorization(std::string_view value) noexcept;

/// How far an assertion's time may lie from `now`, in seconds, both sides inclusive.
struct VerifyWindow {
  WallSeconds now;
  std::int64_t seconds = 300;
};

/// Checks the signature of `assertion` with `key` and that its time lies within `window`.
///
/// `header_refused` with a detail ("the timestamp is 601 s behind") or `signature_mismatch`. Keeps no
/// state: a header can be replayed inside the window; a server that minds keys a store on (runtime, task,
/// time), not on the signature bytes, which are malleable for ES256.
[[nodiscard]] Result<void> verify_assertion(const UnverifiedAssertion& assertion, const PublicKey& key,
                                            const VerifyWindow& window) noexcept;

/// Checks the signature of a task registration (`runtime_id:timestamp`) and its time.
/// `signature_text` is standard padded base64 of 64 bytes.
[[nodiscard]] Result<void> verify_task_registration(const RuntimeId& runtime_id, std::string_view timestamp,
                                                    std::string_view signature_text, const PublicKey& key,
                                                    const VerifyWindow& window) noexcept;

}  // namespace holdfast
