// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/identity/private_key.hpp"

namespace holdfast {

/// Reads the binary inside an OpenSSH private key (OpenSSH's PROTOCOL.key, "openssh-key-v1"): one unencrypted
/// ssh-ed25519 or ecdsa-sha2-nistp256 key. Failures as `read_pkcs8`; an encrypted key is refused by name.
[[nodiscard]] Result<SoftwareKey> read_openssh_key(std::span<const std::byte> bytes) noexcept;

}  // namespace holdfast
