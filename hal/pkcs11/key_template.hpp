// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/pkcs11/cryptoki.hpp"

namespace holdfast::hal::pkcs11 {

/// A key pair as the token made it.
struct KeyPair {
  CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
  KeyAttributeSet dropped;  ///< what the token did not take of the strongest template
};

/// Makes a key pair from the strongest template the token takes: private, sensitive, not extractable, signing only,
/// not modifiable, not copyable, its one mechanism pinned.
///
/// A token says that it does not like a template, not what of it. So first each attribute that may be missing is left
/// out alone, then each two of them, then all; a refused template makes no key, so this costs calls and nothing else.
/// Private, sensitive, not extractable and sign are never left out. `spec.id` is one that nothing in the token has: a
/// token may have made the key that it says it has not, and all that is there under the id after a failure is
/// removed.
[[nodiscard]] Result<KeyPair> generate_pair(const Session& session, const KeySpec& spec) noexcept;

/// Removes the key pairs under `id` but `kept`, if one is; true if none of them is left.
bool remove_pairs(const Session& session, std::span<const std::byte> id, const KeyPair& kept = {}) noexcept;

}  // namespace holdfast::hal::pkcs11
