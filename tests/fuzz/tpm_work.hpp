// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace holdfast::fuzz {

/// What is asked of a TPM; each is a conversation of its own.
enum class TpmWork : unsigned char {
  browse,          ///< describe it, list its keys, read its certificates
  a_key,           ///< make a persistent key, sign, attest, look for "the only key", remove it
  a_secret_key,    ///< the same with an auth value: sessions, HMACs, an encrypted parameter
  a_file_key,      ///< a key in a file: load, sign, reset, sign
  a_bound_key,     ///< a key bound to registers: policy sessions
  an_import,       ///< bring a key in, and try to get one out
  an_endorsement,  ///< answer a challenge for the endorsement key
  an_owned_tpm     ///< a persistent key in a TPM whose owner hierarchy has an auth value
};
inline constexpr std::size_t kTpmWorkCount = 8;
inline constexpr const char* kTpmAuthValue = "an auth value";  ///< of keys that have one, and of the owner

/// Does it, on the device behind the present TpmWire, in virtual time, and looks at all that comes of it. True if
/// every step succeeded.
bool do_tpm_work(TpmWork work);

}  // namespace holdfast::fuzz
