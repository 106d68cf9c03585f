// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <string_view>

namespace holdfast::tool {

/// Whether the module of `uri`, or `module` if `--module` names one, is SoftHSM's by its name: all that can be said
/// of a token without asking it.
[[nodiscard]] bool names_softhsm(std::string_view uri, std::string_view module);

/// `error` of asking for the device of `uri`, by way of `module` if `--module` names one, with what a person can do
/// about its module: the option that names it where the URI leaves it open, and for SoftHSM a SOFTHSM2_CONF that
/// leads nowhere, which the module itself does not tell. Looks at the environment and at that file.
[[nodiscard]] Error with_module_advice(Error error, std::string_view uri, std::string_view module);

}  // namespace holdfast::tool
