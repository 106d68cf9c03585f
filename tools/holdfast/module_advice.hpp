// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <string_view>

namespace holdfast::tool {

/// `error` of asking for the device of `uri`, by way of `module` if `--module` names one, with what a person can do
/// about its module: the option that names it where the URI leaves it open, and for SoftHSM a SOFTHSM2_CONF that
/// leads nowhere, which the module itself does not tell. Looks at the environment and at that file.
[[nodiscard]] Error with_module_advice(Error error, std::string_view uri, std::string_view module);

}  // namespace holdfast::tool
