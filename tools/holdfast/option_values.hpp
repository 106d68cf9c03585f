// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "tools/command_line/command_line.hpp"

#include <string_view>

namespace holdfast::tool {

/// Reads the values of those options that mean the same in every command: sources of secrets, schemes, profiles, ids,
/// URLs, and the names of a key URI's attributes. What is wrong with one is said before the command
/// begins, and of which option it is.
///
/// Whatever the value's own reader refuses it with, the option's name put before the detail. Touches no file, no
/// token and no network.
[[nodiscard]] Result<void> check_option_values(const command_line::Command& command,
                                               const command_line::Arguments& arguments);

/// `invalid_argument`, with `hint` (a literal), if --owner-pin-source is given and `key_uri` is not of a TPM's key.
[[nodiscard]] Result<void> refuse_owner_pin_source(const command_line::Arguments& arguments, std::string_view key_uri,
                                                   const char* hint);

}  // namespace holdfast::tool
