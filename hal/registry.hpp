// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"

#include <span>
#include <string_view>

namespace holdfast::hal {

/// The back ends of this build, those left out at configure time included: these answer `backend_not_built`.
[[nodiscard]] std::span<const Backend> backends() noexcept;

/// The back end for `uri`, by its scheme; `invalid_uri` if no back end has that scheme.
[[nodiscard]] Result<const Backend*> backend_for(std::string_view uri) noexcept;

/// Opens the device that holds the key `options.uri` names. Allocates; blocks on the device.
[[nodiscard]] Result<DevicePtr> open_device(const DeviceOptions& options) noexcept;

}  // namespace holdfast::hal
