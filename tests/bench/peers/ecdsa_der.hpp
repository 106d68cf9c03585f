// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"

#include <cstddef>
#include <span>

namespace holdfast::bench {

/// r and s of a P-256 signature in DER, as OpenSSL and tpm2-tools give it. Throws where it is none.
[[nodiscard]] Signature r_and_s(std::span<const std::byte> der);

}  // namespace holdfast::bench
