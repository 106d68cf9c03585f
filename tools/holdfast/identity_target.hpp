// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/identity.hpp"
#include "holdfast/result.hpp"

#include "tools/command_line/command_line.hpp"
#include "tools/holdfast/terminal.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::tool {

/// `path` from the working folder on, as it is written into files; the empty path stays empty.
[[nodiscard]] Result<std::string> absolute_path(std::string_view path);

/// Where a registration will write its identity file, checked before anything is registered: an agent that is
/// registered but whose identity cannot be kept would be lost.
struct IdentityTarget {
  std::string path;
  std::optional<Identity> existing;  ///< what stands there already
};

/// `given` is the `--identity-file` argument; empty: the default place, whose folder is made if it is missing.
///
/// Tries the folder with a file of its own that it removes again. `permission_denied`, `resource_exhausted` (no
/// space), `file_untrusted` (others could write there), or why an existing file cannot be read.
[[nodiscard]] Result<IdentityTarget> prepare_identity_target(std::string_view given);

/// Reads the identity a command works with: `given`, or the first in the usual places. Returns its path, too.
struct FoundIdentity {
  std::string path;
  Identity identity;
};
[[nodiscard]] Result<FoundIdentity> read_identity(std::string_view given);

/// ` --identity-file PATH` as it was given, quoted for a shell, for the line of another command; empty if it was not.
[[nodiscard]] std::string identity_option_again(const command_line::Arguments& arguments);

/// Tells a person which command makes a header with the identity just written; `is_pin_lasting`: its key URI says
/// where the PIN comes from.
void say_how_to_make_a_header(Terminal& terminal, const command_line::Arguments& arguments,
                              const IdentityTarget& target, bool is_pin_lasting);

}  // namespace holdfast::tool
