// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The wire to a TPM that a fuzzer holds the other end of. Whoever links tpm_wire.cpp gets its `Transport` in the
/// place of hal/tpm2/transport.cpp, and a getrandom(2) that begins anew with each wire: so a conversation that was
/// recorded with a TPM can be played again word for word, the HMACs of its sessions with it.
namespace holdfast::fuzz {

class TpmWire {
 public:
  enum class Sizes : std::uint8_t {
    as_they_come,
    corrected,  ///< the size an answer states is made its own: what is behind it gets looked at
  };

  /// Answers are taken from `answers`: each two bytes of size and the bytes. When it is used up, the wire is dead.
  TpmWire(std::span<const std::byte> answers, Sizes sizes) noexcept;
  /// Answers come from the TPM at `tcti`, and are kept.
  explicit TpmWire(std::string tcti) noexcept;
  TpmWire(const TpmWire&) = delete;
  TpmWire& operator=(const TpmWire&) = delete;
  ~TpmWire();

  [[nodiscard]] const std::vector<std::byte>& recorded() const noexcept { return recorded_; }
  [[nodiscard]] std::size_t commands() const noexcept { return commands_; }

  /// For the transport. Nothing: the wire is dead. The first looks whether the command has a TPM's form.
  void connect();
  void disconnect() noexcept;
  [[nodiscard]] std::span<const std::byte> exchange(std::span<const std::byte> command, std::span<std::byte> room);

 private:
  [[nodiscard]] std::span<const std::byte> play(std::span<std::byte> room) noexcept;
  [[nodiscard]] std::span<const std::byte> record(std::span<const std::byte> command, std::span<std::byte> room);

  std::span<const std::byte> answers_;
  Sizes sizes_ = Sizes::as_they_come;
  std::string tcti_;
  void* tpm_ = nullptr;  // a TCTI's context
  std::vector<std::byte> recorded_;
  std::size_t commands_ = 0;
};

}  // namespace holdfast::fuzz
