// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/pkcs11/cryptoki.hpp"

/// What the recovery ladder (docs/recovery.md) does about a code of a PKCS#11 module.
namespace holdfast::hal::pkcs11 {

/// The status that leads to the right rung for `code`, answered while finding or using a key: `stale_key` find it
/// again, `device_gone` build the connection anew, `resource_exhausted` wait; any other: no rung helps, it is the one
/// of `code_status`.
[[nodiscard]] Status rung_status(CK_RV code) noexcept;

/// `error` with the status that leads to the right rung. One that was not judged by a module's code alone stays
/// as it is.
[[nodiscard]] Error for_recovery(Error error) noexcept;

}  // namespace holdfast::hal::pkcs11
