// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/identity.hpp"

#include "hal/key_device.hpp"
#include "hal/pin_source.hpp"
#include "src/identity/rotation_journal.hpp"

#include <string>
#include <string_view>

namespace holdfast::tool {

/// How the keys of a rotation are reached, once: sources that can be read only once are named anew for each opening.
struct RotationAccess {
  std::string module_path;
  hal::PinSource pin;
  hal::PinSource owner_pin;
};

/// Makes up the name and the ids of the key that shall follow `identity`'s, on the same token; nothing is done yet.
/// `scheme_unsupported` for keys whose successor cannot be made alike: persistent TPM keys, PCR-bound ones.
[[nodiscard]] Result<RotationJournal> plan_rotation(const Identity& identity, std::int64_t keep_for);

/// `file_invalid` unless `journal` is about this very identity: another one's keys are never touched.
[[nodiscard]] Result<void> check_journal_fits(const RotationJournal& journal, const Identity& identity,
                                              const std::string& journal_path);

/// Whether the identity file names the new key already.
[[nodiscard]] bool is_switched(const RotationJournal& journal, const Identity& identity);

/// What `RotationJournal::nameless_before` is to say, asked of the token.
[[nodiscard]] Result<std::int64_t> count_nameless_keys(const Identity& identity, const RotationAccess& access);

/// Makes the key that `journal` names, and describes it as an identity that has no runtime id of its own yet: what
/// the journal and the token do not say is `identity`'s. `is_resumed`: an earlier run may have begun to; what it left
/// is removed first.
[[nodiscard]] Result<Identity> make_next_key(const RotationJournal& journal, const Identity& identity,
                                             const RotationAccess& access, bool is_resumed);
/// The same for one that was made before; `key_not_found` or `key_changed` if it is not there any more.
[[nodiscard]] Result<Identity> find_next_key(const RotationJournal& journal, const Identity& identity,
                                             const RotationAccess& access);

/// Removes the new key and its twin, or as much of them as there is.
[[nodiscard]] Result<void> discard_next_key(const RotationJournal& journal, const RotationAccess& access);

/// Removes the old key and its twin, or as much of them as there is; another key under its name is `key_changed`, and
/// stays.
[[nodiscard]] Result<void> remove_old_key(const RotationJournal& journal, const RotationAccess& access);

/// Reads a duration: a number and `s`, `m`, `h` or `d`; at most `kMaxOverlap`. In seconds.
[[nodiscard]] Result<std::int64_t> parse_duration(std::string_view text);

}  // namespace holdfast::tool
