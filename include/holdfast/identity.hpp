// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"
#include "holdfast/signer.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

/// Who the account behind an agent is; nothing here is secret or signed.
struct AccountMetadata {
  std::string account_id{};
  std::string user_id{};
  std::string email{};
  std::string plan_type{};
  bool is_fedramp = false;
};

/// What the identity file says: everything a host needs to sign, and no secret.
struct Identity {
  // Each member but the id and the key has an initialiser, so that `Identity{.runtime_id = …, .public_key = …}`
  // compiles without a warning.
  RuntimeId runtime_id;
  std::string key_uri{};
  PublicKey public_key{};  ///< its scheme is the identity's
  KeyProfile profile = KeyProfile::strict;
  std::string authority_url{};      ///< authapi base, without a trailing `/`
  std::string authority_ca_file{};  ///< PEM bundle for that authority; empty: the system's
  AccountMetadata account{};
  /// The key's attributes at provisioning ("CKA_EXTRACTABLE" → false; unknown ones absent) and what the export
  /// attempt found: "refused", "skipped".
  std::map<std::string, bool> attributes{};
  std::string export_probe{};
  std::string storage_root_name{};  ///< TPM: hex of the pinned storage root's name
  std::string twin_uri{};           ///< derive-only twin for sealed task ids; empty: none
  /// What an imported key came from: "jwt", "auth.json (JWT)", "auth.json (record)", "key"; empty for a key made on
  /// the device. And for a JWT whether it was "verified" or, because that was asked for, "unverified".
  std::string imported_from{};
  std::string import_check{};
};

/// Reads and checks an identity file: a regular file owned by root or the effective user; neither it nor a folder
/// above it writable by others; version 1; at most 64 KiB.
///
/// `file_invalid` (missing, no JSON, a member missing or of the wrong kind, unknown version; the detail names it) or
/// `file_untrusted`. Allocates; blocks on the disk.
[[nodiscard]] Result<Identity> load_identity(std::string_view path) noexcept;

/// Writes the identity to `path` atomically (temporary file in the same folder, fsync, rename, fsync of the folder),
/// mode 0644. Members this version does not know are kept when the file exists already.
///
/// Refuses with `already_exists` unless `replace`. On any failure (disk full included) an existing file is untouched,
/// none is there where none was, and no temporary file is left. One exception, which the error's hint says: where the
/// folder's fsync fails behind `replace`, the new file stands there, and a power cut may bring back the old one.
[[nodiscard]] Result<void> store_identity(const Identity& identity, std::string_view path, bool replace) noexcept;

/// `$XDG_CONFIG_HOME/holdfast/identity.json` (or `~/.config/…`), else `/etc/holdfast/identity.json`: the first that
/// exists; if none does, `file_invalid` with both names.
[[nodiscard]] Result<std::string> find_identity_file() noexcept;
/// Where a new identity file goes: /etc/holdfast for root, the configuration folder of the user otherwise.
[[nodiscard]] Result<std::string> default_identity_file() noexcept;

}  // namespace holdfast
