// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/pin_source.hpp"
#include "hal/secret_bytes.hpp"

#include <string>
#include <string_view>

namespace holdfast::tool {

/// The longest source taken, in bytes: a JWT with its key has less than 4 KiB, an auth.json less than 16.
inline constexpr std::size_t kMaxImportSize = std::size_t{64} * 1024;

/// Where a software identity comes from: `file:/PATH`, `fd:N`, `credential:NAME` or `env:NAME`.
class ImportSource {
 public:
  /// `invalid_argument`, with a hint and without the text, for anything else.
  [[nodiscard]] static Result<ImportSource> parse(std::string_view text);

  /// Reads all of it into locked memory. A file that others may read is refused (`file_untrusted`). An environment
  /// variable is overwritten where it stands and removed; the copies of whoever set it stay.
  [[nodiscard]] Result<hal::SecretBytes> read() const;

  [[nodiscard]] bool is_environment() const { return source_.kind == hal::PinSource::Kind::environment; }
  [[nodiscard]] bool is_file() const { return source_.kind == hal::PinSource::Kind::file; }
  [[nodiscard]] std::string path() const { return std::string(source_.name.view()); }
  /// For messages: the path, "the variable NAME", and so on; never what is in it.
  [[nodiscard]] std::string in_words() const { return std::string(source_.in_words().view()); }

 private:
  explicit ImportSource(const hal::PinSource& source) : source_(source) {}
  hal::PinSource source_;
};

/// Overwrites the regular file at `path` (no link), makes the disk keep that, and removes it. What a journal, a
/// copy-on-write file system, a snapshot, a backup or a flash disk's spare blocks hold is out of reach.
[[nodiscard]] Result<void> shred_file(const std::string& path);

}  // namespace holdfast::tool
