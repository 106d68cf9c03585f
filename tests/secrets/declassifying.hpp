// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace holdfast::test {

/// What reached a real PKCS#11 module still marked as secret: that a test looked at a secret at all.
struct SecretsSeen {
  std::uint64_t pins = 0;    ///< C_Login, C_InitToken, C_InitPIN
  std::uint64_t values = 0;  ///< attributes of C_CreateObject, what C_Encrypt was given
};
using GetSecretsSeen = SecretsSeen* (*)();

}  // namespace holdfast::test
