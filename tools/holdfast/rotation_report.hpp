// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/identity.hpp"

#include "src/identity/rotation_journal.hpp"
#include "tools/holdfast/terminal.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::tool {

/// A moment as people and programs read it: RFC 3339, UTC.
[[nodiscard]] std::string time_text(WallSeconds time);

/// How far the exchange of `identity`'s key has come, and which command is next; `options` are those with which it
/// finds the identity, each after a space.
[[nodiscard]] std::string rotation_in_words(const RotationJournal& journal, const Identity& identity, WallSeconds now,
                                            std::string_view options);

/// Adds to `report` how far the exchange of `identity`'s key has come, what becomes of the old one, and which command
/// is next, as `rotation_in_words`; without a journal only programs are told, with null.
void add_rotation(Report& report, const Identity& identity, const std::optional<RotationJournal>& journal,
                  WallSeconds now, std::string_view options);

}  // namespace holdfast::tool
