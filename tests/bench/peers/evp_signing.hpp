// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/bench/peers/header_peer.hpp"

#include <openssl/types.h>

namespace holdfast::bench {

/// A key of OpenSSL's, which threads may share.
using EvpKey = std::shared_ptr<EVP_PKEY>;

/// A key of the token by libp11's engine `pkcs11`: `ENGINE_load_private_key`. ES256, and only on a token without an
/// Ed25519 key: on others the engine finds none at all (libp11 0.4.12). It has a pool of sessions for the threads.
[[nodiscard]] EvpKey engine_key(const std::string& module_path, const std::string& token_label,
                                const std::string& key_label);

/// A key that is read from PEM and stays in this process's memory.
[[nodiscard]] EvpKey libcrypto_key(const std::string& pem_file);

/// Signs with it, whoever holds it. For one thread: algorithms are fetched and contexts made once, here, and
/// OpenSSL's contexts are for one thread.
[[nodiscard]] std::unique_ptr<HeaderPeer> evp_signer(EvpKey key, Scheme scheme);

}  // namespace holdfast::bench
