// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tools/command_line/command_line.hpp"

#include <string>
#include <vector>

namespace holdfast::command_line {

/// A page of section 1, as man(7) source.
struct ManPage {
  std::string name;  ///< "holdfast-key-generate", the file's name without ".1"
  std::string text;
};

/// One page for the whole program and one for each of its commands; a program without nouns has one page.
[[nodiscard]] std::vector<ManPage> man_pages(const Program& program);

}  // namespace holdfast::command_line
