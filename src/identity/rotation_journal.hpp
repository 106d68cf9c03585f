// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include "hal/trusted_file.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast {

/// How far the exchange of an identity's key has come. A stage is written before what it names is done.
enum class RotationStage : std::uint8_t {
  making,       ///< the new key may be in the token, whole or in part
  registering,  ///< it is in the token; whether the authority knows it is open
  registered,   ///< the authority knows it; the identity file may be switched already
  switched,     ///< the identity file names it; the old key waits for its removal
};

/// The longest that an old key is kept, in seconds: a year.
inline constexpr std::int64_t kMaxOverlap = std::int64_t{365} * 24 * 3600;

/// What an exchange of keys is about, kept in a file beside the identity file while one is under way, so that who is
/// cut off at any moment can finish or undo it. Holds no secret.
struct RotationJournal {
  RotationStage stage = RotationStage::making;
  /// What the new key is called: a PKCS#11 label, or a TPM key's file. It ends in "-r" and eight hexadecimal digits
  /// (before ".pem"), and nothing bore it before.
  std::string new_name{};
  std::string new_id{};       ///< PKCS#11: hex of 16 random bytes; empty for a TPM key
  std::string new_twin_id{};  ///< the same of its derivation twin; empty: it gets none
  /// Keys that had neither label nor id before anything was made. If there were none, those there are later are what
  /// a making that was cut off has left.
  std::int64_t nameless_before = 0;
  std::optional<PublicKey> new_public_key{};  ///< from `registering` on
  std::optional<RuntimeId> new_runtime_id{};  ///< from `registered` on
  RuntimeId old_runtime_id;
  PublicKey old_public_key{};
  std::string old_key_uri{};
  std::string old_twin_uri{};   ///< empty: none
  std::int64_t keep_for = 0;    ///< how long the old key is kept once it is replaced, in seconds, 0 to `kMaxOverlap`
  WallSeconds old_key_until{};  ///< `switched`: from then on the old key may be removed
  /// Registrations begun of which no answer was heard: agents the authority may have and nobody uses.
  std::int64_t unanswered_registrations = 0;
};

/// Where the journal of the identity file at `identity_path` (absolute) is.
[[nodiscard]] std::string rotation_journal_path(const std::string& identity_path);

/// Reads the journal; nothing if there is none. The file must be as trustworthy as an identity file
/// (`load_identity`). `file_invalid`, whose detail names the member, for a version this build does not know or
/// anything that is not as it was written; `file_untrusted`. Changes nothing. May throw `std::bad_alloc`.
[[nodiscard]] Result<std::optional<RotationJournal>> load_rotation_journal(const std::string& path);

/// Writes the journal as `write_file_atomically` does. What could not be read again is refused: `invalid_argument`.
[[nodiscard]] Result<void> store_rotation_journal(const RotationJournal& journal, const std::string& path);

/// Removes the journal, for good: the folder is synced. One that is not there is no failure.
[[nodiscard]] Result<void> remove_rotation_journal(const std::string& path);

/// Keeps other exchanges of the same identity away: flock(2) of the folder, so that nothing is left behind. Ends with
/// the descriptor. `resource_exhausted` if another one is under way; never waits.
[[nodiscard]] Result<hal::FileDescriptor> lock_rotation(const std::string& identity_path);

}  // namespace holdfast
