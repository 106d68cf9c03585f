// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

namespace holdfast::hal {

/// Opens the device that holds the key `options.uri` names, to sign with it: as `open_device` (hal/registry.hpp) with
/// `DeviceAccess::sign`, but of the rare abilities it has the key agreement alone. Apart, so that a host which signs
/// does not carry what provisioning takes. Allocates; blocks on the device.
[[nodiscard]] Result<DevicePtr> open_for_signing(const DeviceOptions& options) noexcept;

/// What both registries say of a URI that no back end has.
[[nodiscard]] Error unknown_scheme() noexcept;
/// And of a back end that was left out at configure time.
[[nodiscard]] Error not_built() noexcept;
/// And of a signal that is said to be ignored: `invalid_argument` if it is not.
[[nodiscard]] Result<void> check_sigpipe(const DeviceOptions& options) noexcept;

}  // namespace holdfast::hal
