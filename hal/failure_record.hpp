// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/clock.hpp"
#include "hal/pin_source.hpp"
#include "hal/trusted_file.hpp"

#include <sys/types.h>

#include <array>
#include <optional>
#include <string_view>

namespace holdfast::hal {

/// Whose PIN it is, in the token's own words (which are bytes, and hostile).
struct PinOwner {
  enum class Role : std::uint8_t { user, security_officer, key };
  std::string_view serial;        ///< of the token; for a TPM key its name in hexadecimal digits
  std::string_view manufacturer;  ///< of the token; "TPM" for a TPM key
  std::string_view label;         ///< of the token: tpm2-pkcs11 gives every token the serial 0000000000000000
  Role role = Role::user;
  std::string_view key;  ///< the key's name, for the person who reads the record
};

/// One source whose PIN was refused, or is with the token at this moment.
struct PinFailure {
  enum class State : std::uint8_t {
    trying,   ///< sent, and not judged yet: if nobody holds the lock, whoever sent it died before it was
    refused,  ///< judged
  };
  State state = State::trying;
  PinOwner::Role role = PinOwner::Role::user;
  SourceIdentity source;
  std::uint64_t native = 0;  ///< what the token answered (CK_RV, TSS2_RC)
  std::int64_t boot_ns = 0;  ///< when, on the boot-time clock
  std::uint32_t times = 1;   ///< refusals in a row of a source without a file
  FixedText<64> key;         ///< the key's name with all but letters, digits and . _ ~ - replaced
};

/// The file in which processes tell each other of refused PINs, one for each token, locked while it is held.
///
/// Its text is for people too. It says which token, which key, which inode in which state, and what the token
/// answered; nothing in it comes from a PIN. A file that is no such text is refused (`file_invalid`), never repaired:
/// what it may have said would cost the token a try. Allocates nothing; for one thread at a time.
class FailureRecord {
 public:
  static constexpr std::size_t kMaxFailures = 16;

  /// The folder of the records: `chosen`, or the first of these that can be had (made with mode 0700 where missing):
  /// for root /run/holdfast; for others $XDG_RUNTIME_DIR/holdfast or /run/user/UID/holdfast; then /tmp/holdfast-UID.
  /// `file_untrusted` for one that somebody else has access to; `permission_denied` if none can be made.
  [[nodiscard]] static Result<FileDescriptor> open_folder(std::string_view chosen) noexcept;

  /// Makes or opens the record of `owner`'s token in `folder`, waits for its lock until `deadline` and reads it.
  /// `deadline_exceeded` if another process holds it that long; `file_untrusted`, `file_invalid`,
  /// `resource_exhausted`. Goes on holding the lock until it is destroyed; a forked child's copy has no say in that.
  [[nodiscard]] static Result<FailureRecord> lock(const FileDescriptor& folder, const PinOwner& owner, Clock& clock,
                                                  BootTime deadline) noexcept;

  FailureRecord(FailureRecord&& other) noexcept = default;
  FailureRecord& operator=(FailureRecord&& other) noexcept = default;
  ~FailureRecord();

  [[nodiscard]] std::span<PinFailure> failures() noexcept { return {failures_.data(), count_}; }
  /// Makes room by forgetting the oldest file if there is none.
  PinFailure& add(const PinFailure& failure) noexcept;
  void remove(const PinFailure& failure) noexcept;
  void clear() noexcept { count_ = 0; }

  /// Writes what it says now; removes the file if that is nothing.
  [[nodiscard]] Result<void> save() noexcept;

  /// The file's name in its folder: letters, digits and _ of the token's words, all else as %XX.
  using Name = FixedText<255>;
  [[nodiscard]] static Name name_of(const PinOwner& owner) noexcept;

 private:
  FailureRecord() noexcept = default;
  [[nodiscard]] Result<void> read() noexcept;

  pid_t owner_ = 0;  // the process that has the lock
  FileDescriptor folder_;
  FileDescriptor file_;
  Name name_;
  std::array<PinFailure, kMaxFailures> failures_{};
  std::size_t count_ = 0;
};

}  // namespace holdfast::hal
