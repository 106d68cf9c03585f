// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/key_derivation.hpp"
#include "hal/tpm2/transport.hpp"

namespace holdfast::hal::tpm2 {

class AuthSession;

/// One command as it is put together, in the caller's memory (TPM 2.0 Library Part 1 §18): the handles with their
/// names, who authorises which of them, and the parameters.
class Command {
 public:
  static constexpr std::size_t kMaxHandles = 3;
  static constexpr std::size_t kMaxAuthorizations = 2;
  static constexpr std::size_t kMaxParameters = 1536;

  explicit Command(std::uint32_t code) noexcept : code_(code) {}
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  /// An object and its name, which an authorisation covers; the name must outlive the command.
  Command& handle(std::uint32_t value, std::span<const std::byte> name) noexcept;
  /// A hierarchy, a session or nothing: the handle is its own name (Part 1 §16).
  Command& handle(std::uint32_t value) noexcept;

  /// The next handle is used with an empty auth value: TPM_RS_PW, which needs no session.
  Command& with_empty_auth() noexcept;
  /// The next handle is used with `auth_value` through `session`; both outlive the command.
  Command& with_session(AuthSession& session, std::span<const std::byte> auth_value) noexcept;

  /// The response begins with a handle.
  Command& returning_handle() noexcept {
    returns_handle_ = true;
    return *this;
  }
  [[nodiscard]] ByteWriter& parameters() noexcept { return parameters_; }

 private:
  friend class Connection;
  friend class AuthSession;

  struct Handle {
    std::uint32_t value = 0;
    std::span<const std::byte> name;
    std::array<std::byte, 4> own_name{};
  };
  struct Authorization {
    AuthSession* session = nullptr;
    std::span<const std::byte> auth_value;
  };

  [[nodiscard]] std::span<const Handle> handles() const noexcept { return {handles_.data(), handle_count_}; }
  [[nodiscard]] std::span<const Authorization> authorizations() const noexcept {
    return {authorizations_.data(), authorization_count_};
  }
  /// cpHash (Part 1 §18.7), over the parameters as they are sent.
  [[nodiscard]] Digest parameter_hash() const noexcept;

  std::uint32_t code_;
  std::array<Handle, kMaxHandles> handles_{};
  std::size_t handle_count_ = 0;
  std::array<Authorization, kMaxAuthorizations> authorizations_{};
  std::size_t authorization_count_ = 0;
  bool returns_handle_ = false;
  bool is_well_formed_ = true;
  std::array<std::byte, kMaxParameters> buffer_;  // NOLINT: written before it is read
  ByteWriter parameters_{buffer_};
};

/// What a TPM answered. The bytes stand in the connection until its next command.
struct Reply {
  std::uint32_t handle = 0;
  std::span<const std::byte> parameters;
};

}  // namespace holdfast::hal::tpm2
