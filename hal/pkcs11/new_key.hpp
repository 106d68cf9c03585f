// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/pkcs11/cryptoki.hpp"

/// What making and importing a key have in common: its names before, and nothing left behind after a failure.
namespace holdfast::hal::pkcs11 {

using NewKeyId = Octets<kMaxKeyIdSize>;

/// Checks the label and the id of `spec`; the id, or a random one if it has none.
[[nodiscard]] Result<NewKeyId> choose_key_id(const KeySpec& spec) noexcept;

/// `already_exists` if any private or public key has the label or the id of `spec`.
[[nodiscard]] Result<void> refuse_existing_key(const Session& session, const KeySpec& spec) noexcept;

/// `error` for a key whose halves could not be removed after it: says so, and what to do before the next.
[[nodiscard]] Error with_leftovers(Error error) noexcept;

}  // namespace holdfast::hal::pkcs11
