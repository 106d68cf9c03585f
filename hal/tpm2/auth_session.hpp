// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/connection.hpp"
#include "hal/tpm2/salt.hpp"

namespace holdfast::hal::tpm2 {

/// An authorisation session (TPM 2.0 Library Part 1 §19): the HMAC over a command, its check over the response, and
/// encryption of the first parameter. Ours, because tpm2-tss makes new OpenSSL library contexts for every HMAC.
///
/// It lives in the TPM from `start` until the command that is its last, or until it goes out of scope: none is left
/// behind. Nothing here allocates.
class AuthSession {
 public:
  enum class Kind : std::uint8_t { hmac, policy };
  enum class Life : std::uint8_t { one_command, until_flushed };
  enum class Secrecy : std::uint8_t { none, first_parameter };

  explicit AuthSession(Connection& connection) noexcept : connection_(connection) {}
  ~AuthSession();
  AuthSession(const AuthSession&) = delete;
  AuthSession& operator=(const AuthSession&) = delete;

  /// Starts a session salted to the object `salt_key`, whose salt this is.
  [[nodiscard]] Result<void> start(Kind kind, std::uint32_t salt_key, const Salt& salt, Life life, Secrecy secrecy,
                                   BootTime deadline) noexcept;
  /// Starts a policy session without a key of its own: its commands are not secret and carry no HMAC.
  [[nodiscard]] Result<void> start_policy(BootTime deadline) noexcept;

  /// The auth value of the object takes part in the HMAC of a policy session (TPM2_PolicyAuthValue was sent).
  void include_auth_value() noexcept { includes_auth_value_ = true; }

  [[nodiscard]] std::uint32_t handle() const noexcept { return handle_; }

 private:
  friend class Connection;

  /// Draws a nonce and encrypts the first parameter, if it is to be. False if there is no randomness.
  [[nodiscard]] bool prepare(Command& command, std::span<const std::byte> auth_value) noexcept;
  /// Appends the TPMS_AUTH_COMMAND.
  void write(ByteWriter& out, const Digest& parameter_hash, std::span<const std::byte> auth_value) noexcept;
  /// Takes the TPMS_AUTH_RESPONSE: false unless its HMAC is right.
  [[nodiscard]] bool accept(const Command& command, std::span<const std::byte> parameters,
                            std::span<const std::byte> nonce, std::uint8_t attributes,
                            std::span<const std::byte> code, std::span<const std::byte> auth_value) noexcept;

  [[nodiscard]] Result<void> begin(Kind kind, std::uint32_t salt_key, const Salt* salt, BootTime deadline) noexcept;
  [[nodiscard]] bool has_code() const noexcept { return has_key_ || includes_auth_value_; }
  [[nodiscard]] Digest code_over(const Digest& content, std::span<const std::byte> newer,
                                 std::span<const std::byte> older, std::uint8_t attributes,
                                 std::span<const std::byte> auth_value) const noexcept;

  static constexpr std::size_t kNonceSize = kSha256Size;

  Connection& connection_;
  std::uint32_t handle_ = 0;
  bool is_live_ = false;
  bool has_key_ = false;
  bool includes_auth_value_ = false;
  std::uint8_t attributes_ = 0;
  std::array<std::byte, kNonceSize> nonce_caller_{};
  Octets<64> nonce_tpm_;
  Digest key_{};
};

}  // namespace holdfast::hal::tpm2
