// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tools/command_line/command_line.hpp"

#include <string>

namespace holdfast::command_line {

/// Completion of a program's words, options and file names, as the source of a function for each shell. What is
/// completed after an option goes by the name of its value: PATH, FILE and FOLDER are names of files, and a SOURCE
/// begins as `hal/pin_source` reads it and, after `file:`, goes on as one in bash and zsh; anything else is for the
/// person to type.
[[nodiscard]] std::string bash_completion(const Program& program);
[[nodiscard]] std::string zsh_completion(const Program& program);
[[nodiscard]] std::string fish_completion(const Program& program);

}  // namespace holdfast::command_line
