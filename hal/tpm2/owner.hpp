// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/secret_bytes.hpp"
#include "hal/tpm2/commands.hpp"

namespace holdfast::hal::tpm2 {

/// Whoever owns the TPM's storage hierarchy: asked before a root is made or a persistent handle given or taken.
///
/// An auth value never goes over the bus. The session that proves it is salted to the storage root, where that is in
/// the TPM already, and else to a root of the null hierarchy, which anybody may make: enough against somebody who
/// listens. A refused value is not sent again (P5); the owner's is not counted against lockout, but may be counted by
/// whoever set it.
class Owner {
 public:
  explicit Owner(Connection& tpm) noexcept : tpm_(tpm) {}
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  void set_auth_value(SecretBytes value) noexcept { auth_ = std::move(value); }
  void forget_auth_value() noexcept { auth_.wipe(); }

  /// Whether the hierarchy has an auth value (TPMA_PERMANENT.ownerAuthSet) and one was given for it.
  [[nodiscard]] Result<bool> has_auth_value(BootTime deadline) noexcept;

  /// Runs `work(consent)`, one command that the owner authorises. `salt_key` is the storage root, if it is loaded.
  /// `permission_denied` with the option that helps if an auth value is needed and none was given, `pin_incorrect`
  /// for a wrong one.
  template <typename Work>
  auto act(const LoadedObject* salt_key, BootTime deadline, Work work) noexcept -> decltype(work(Consent{})) {
    if (refusal_.status != Status::ok) return refusal_;
    AuthSession session(tpm_);
    Consent consent;
    if (HOLDFAST_TRY(has_auth_value(deadline))) {
      HOLDFAST_TRY(start(session, salt_key, deadline));
      consent = {&session, auth_.reveal({})};
    }
    auto result = work(consent);
    if (!result) return judge(result.error(), consent.session != nullptr);
    return result;
  }

 private:
  [[nodiscard]] Result<void> start(AuthSession& session, const LoadedObject* salt_key, BootTime deadline) noexcept;
  [[nodiscard]] Error judge(const Error& error, bool was_given) noexcept;

  Connection& tpm_;
  SecretBytes auth_;
  Error refusal_;
};

}  // namespace holdfast::hal::tpm2
