// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/tpm2/command.hpp"

namespace holdfast::hal::tpm2 {

/// One TPM and the two buffers of the command under way. One thread at a time.
///
/// After an error below the TPM (a TCTI that answers IO_ERROR once answers BAD_SEQUENCE for ever) the connection is
/// broken: it sends nothing more and answers `device_gone` until it is made anew.
class Connection {
 public:
  /// `sigpipe_is_ignored`: as `DeviceOptions` has it.
  Connection(Clock& clock, bool sigpipe_is_ignored) noexcept
      : clock_(clock), sigpipe_is_ignored_(sigpipe_is_ignored) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Closes what was open and connects. Allocates.
  [[nodiscard]] Result<void> connect(std::string_view tcti) noexcept;
  void close() noexcept;
  void abandon() noexcept;
  [[nodiscard]] bool is_usable() const noexcept { return transport_.is_open() && !is_broken_; }

  /// Sends `command`, `doing` something (a literal), and checks what comes back: its form, its size and the HMAC of
  /// every session. While the TPM asks to wait (RETRY, YIELDED, TESTING, NV_RATE) the same bytes are sent again with
  /// a growing pause, until `deadline` and for at most ten seconds. An answer that does not come until `kPatience`
  /// after the deadline, or for two minutes, breaks the connection. Nothing of ours allocates.
  [[nodiscard]] Result<Reply> run(Command& command, const char* doing, BootTime deadline) noexcept;

  /// Forgets a transient object or a session in the TPM (TPM2_FlushContext). A failure is of no use to anybody.
  void flush(std::uint32_t handle) noexcept;

 private:
  struct Message {
    std::span<const std::byte> command;
    std::span<const std::byte> response;
    ResponseCode code = 0;
  };

  [[nodiscard]] std::span<const std::byte> write(Command& command) noexcept;
  [[nodiscard]] Result<Message> exchange(std::span<const std::byte> bytes, const char* doing,
                                         BootTime deadline) noexcept;
  [[nodiscard]] Result<Reply> read(const Command& command, std::span<const std::byte> response,
                                   const char* doing) noexcept;

  Clock& clock_;
  const bool sigpipe_is_ignored_;
  Transport transport_;
  bool is_broken_ = false;
  std::array<std::byte, kMaxMessageSize> command_;   // NOLINT: written before it is read
  std::array<std::byte, kMaxMessageSize> response_;  // NOLINT
};

}  // namespace holdfast::hal::tpm2
