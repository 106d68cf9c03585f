// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/commands.hpp"
#include "hal/tpm2/pcr.hpp"

/// Keys that a TPM lets sign only while its platform configuration registers hold what they held when the key was
/// made: TPM2_PolicyPCR, and TPM2_PolicyAuthValue when the key has an auth value besides (TPM 2.0 Library Part 3
/// §23.7, §23.17). The one policy that we make, and the one that we satisfy.
namespace holdfast::hal::tpm2 {

struct PcrPolicy {
  PcrSelection pcrs;
  Digest values{};  ///< SHA-256 over the registers' values, in ascending order, when the key was made
  bool needs_auth_value = false;

  /// The key's authPolicy: what the TPM computes in a policy session.
  [[nodiscard]] Digest digest() const noexcept;
  friend bool operator==(const PcrPolicy&, const PcrPolicy&) = default;
};

/// What some registers hold.
struct PcrState {
  Digest values{};     ///< as in `PcrPolicy`
  PcrBinding binding;  ///< with marks
};

/// TPM2_PCR_Read of all of `pcrs`. `scheme_unsupported` if the TPM does not keep one of them in that bank.
[[nodiscard]] Result<PcrState> read_pcrs(Connection& tpm, const PcrSelection& pcrs, BootTime deadline) noexcept;

/// Says to the TPM, in a policy session that was started, what `policy` wants to hear. The TPM judges it when the
/// session is used.
[[nodiscard]] Result<void> satisfy(Connection& tpm, AuthSession& session, const PcrPolicy& policy,
                                   BootTime deadline) noexcept;

/// What is known of a key's policy before it is used.
struct PolicyVerdict {
  std::optional<PcrPolicy> policy;  ///< if the policy in its public area is a PCR policy that we know
  PcrBinding binding;               ///< for its URI: with marks, if the registers are as they were
  Error refusal;                    ///< why it cannot sign now: `key_refused`, naming the registers that changed
};

/// Judges the policy of a key: `spelt` out by its file, which fits its public area, or else `named` by its URI. Reads
/// the registers.
[[nodiscard]] Result<PolicyVerdict> judge_policy(Connection& tpm, const PublicArea& area,
                                                 const std::optional<PcrPolicy>& spelt, const PcrBinding& named,
                                                 BootTime deadline) noexcept;

/// A register was extended between its check and the signature; which one, the TPM does not say. To be tried again.
[[nodiscard]] bool is_pcr_race(const Error& error) noexcept;

/// Why the TPM answered `error` to a signature under `policy`: which registers changed, if one did.
[[nodiscard]] Error explain_policy_failure(Connection& tpm, const PcrPolicy& policy, const PcrBinding& binding,
                                           const Error& error, BootTime deadline) noexcept;

}  // namespace holdfast::hal::tpm2
