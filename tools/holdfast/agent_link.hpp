// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/identity.hpp"
#include "holdfast/registrar.hpp"
#include "holdfast/signer.hpp"

#include "hal/secret_bytes.hpp"
#include "tools/holdfast/terminal.hpp"

#include <chrono>
#include <string_view>

namespace holdfast::tool {

/// protocol.md §2: 30 s for one request; three attempts and their waits fit into this.
inline constexpr std::chrono::seconds kRegistrationTimeout{95};
inline constexpr std::chrono::seconds kSigningTimeout{30};

/// Opens the key an identity names; another key under its URI is `key_changed`.
[[nodiscard]] Result<Signer> open_signer(const Identity& identity, std::string_view pin_source);

/// A registrar for the identity's authority. No network is touched yet.
[[nodiscard]] Result<Registrar> registrar_for(const Identity& identity);

/// Registers a public key with the bearer token `access_token`. What the authority answered to a refusal goes into
/// the message; behind a failure `Registrar::may_have_registered` says whether it may be registered all the same.
[[nodiscard]] Result<RuntimeId> register_public_key(Terminal& terminal, Registrar& registrar, const PublicKey& key,
                                                    bool is_fedramp, const hal::SecretBytes& access_token);

/// Registers one task. What the authority answered to a refusal goes into the message.
[[nodiscard]] Result<TaskId> register_task(Terminal& terminal, Registrar& registrar, TypedSigner& signer);

}  // namespace holdfast::tool
