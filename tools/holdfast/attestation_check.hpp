// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"

#include "tools/holdfast/commands.hpp"

namespace holdfast::tool {

/// The options of `verify` that are about evidence.
[[nodiscard]] std::vector<Option> attestation_options();

/// `invalid_argument` for options of evidence that are given without it, or do not go together.
[[nodiscard]] Result<void> check_attestation_options(const Arguments& arguments);

/// `verify --attestation`: checks evidence that the key `expected` is held by a TPM, says what was found, and fails
/// unless that is proven. `attestation_unproven` if all of it holds but nothing vouches for the key that signed it.
[[nodiscard]] Result<void> verify_attestation(Terminal& terminal, const Arguments& arguments,
                                              const PublicKey& expected);

}  // namespace holdfast::tool
