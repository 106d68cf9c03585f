// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace holdfast::tool {

/// The path of the program `name` in a folder of $PATH, as execvp(3) would find it; empty if there is none.
[[nodiscard]] std::string program_on_path(std::string_view name);

/// The same for a program of Holdfast's own: beside the one that runs, where an installation or a build puts it,
/// before $PATH is asked.
[[nodiscard]] std::string program_of_ours(std::string_view name);

}  // namespace holdfast::tool
