// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/errors.hpp"

/// What the recovery ladder (docs/recovery.md) does about a response code.
namespace holdfast::hal::tpm2 {

/// The status that leads to the right rung for `code`, answered while finding or using a key: `stale_key` find it
/// again, `device_gone` connect anew, `resource_exhausted` wait; any other: no rung helps, it is the one of
/// `code_status`.
[[nodiscard]] Status rung_status(ResponseCode code) noexcept;

/// `error` with the status that leads to the right rung. One that does not come from a response code stays as it is.
[[nodiscard]] Error for_recovery(Error error) noexcept;

}  // namespace holdfast::hal::tpm2
