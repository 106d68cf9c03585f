// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/bench/peers/header_peer.hpp"

#include <openssl/types.h>

namespace holdfast::bench {

/// One signature with OpenSSL's `EVP_DigestSign`, whoever holds the key; r and s taken out of the DER. Throws where
/// it cannot.
[[nodiscard]] Signature evp_sign(EVP_PKEY* key, Scheme scheme, std::span<const std::byte> message);

}  // namespace holdfast::bench
