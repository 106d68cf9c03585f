// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/pcr_policy.hpp"

namespace holdfast::hal::tpm2 {

inline constexpr std::size_t kMaxKeyFileSize = 4096;  ///< bytes of the PEM text we read or write

/// A *TSS2 PRIVATE KEY* (draft-bottomley-tpm2-keys): a loadable key, wrapped by its parent, with what is needed to
/// use it. No secret without the TPM.
struct KeyFile {
  WrappedKey key;
  std::uint32_t parent = 0;  ///< the owner hierarchy (its standard P-256 storage root) or a persistent handle
  bool has_empty_auth = false;
  /// The policy the file spells out, if it is a PCR policy and the one in the key's public area.
  std::optional<PcrPolicy> policy;
  FixedText<64> description;
};

/// Reads the PEM text of a key file. `file_invalid` says what is wrong: text, DER, an importable or sealed object, an
/// optional field that we do not know. `key_refused` for a key that signs only by a policy which is none of PCRs, or
/// is not spelt out.
[[nodiscard]] Result<KeyFile> parse_key_file(std::string_view text) noexcept;

/// Writes the PEM text, `emptyAuth` always with it.
[[nodiscard]] Result<FixedText<kMaxKeyFileSize>> write_key_file(const KeyFile& file) noexcept;

/// Reads the file at `path`, which nobody else may be able to change. `key_not_found` if there is none.
[[nodiscard]] Result<KeyFile> load_key_file(std::string_view path) noexcept;

/// Puts `file` at `path`, mode 0644, whole or not at all; `already_exists` if a file is there. Where what was put
/// there is of no use and cannot be removed, the error's detail says that it may be there still.
[[nodiscard]] Result<void> save_key_file(std::string_view path, const KeyFile& file) noexcept;

/// Removes the file.
[[nodiscard]] Result<void> remove_key_file(std::string_view path) noexcept;

/// Removes the file of a key that was made, and then was not, for `error`; what it returns says if that may be there
/// still.
[[nodiscard]] Error take_back_key_file(std::string_view path, const Error& error) noexcept;

}  // namespace holdfast::hal::tpm2
