// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/registrar.hpp"

#include "src/assertion/base64.hpp"
#include "src/verification/sealed_box.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast {

/// The longest sealed task id that can open, in characters: standard base64 of a box round the longest id
/// (protocol.md §2).
inline constexpr std::size_t kMaxSealedTaskSize =
    base64_size(Base64::standard, kMaxIdentifierSize + kSealedBoxOverhead);

/// One message between a host and its registrar's process: one packet of a SOCK_SEQPACKET socket.
///
/// Byte 0 is the kind, 1 to 4 the exchange; then the members of that kind, integers in the machine's own order (both
/// sides are one program), texts as two bytes of length and their bytes. Nothing stands behind the last member.
struct RegistrarFrame {
  enum class Kind : std::uint8_t {
    ready = 1,             ///< child, first of all: it serves; or `error` says why not
    task_wanted = 2,       ///< host: `runtime_id`, `time_left`, `opens_sealed`
    signature_wanted = 3,  ///< child: sign a registration now
    signature = 4,         ///< host: `registration`
    signing_failed = 5,    ///< host: give up
    task = 6,              ///< child: `task_id`
    failed = 7,            ///< child: `error`
    sealed_task = 8,       ///< child: `sealed`, for a host that opens it; nothing is answered
  };

  Kind kind = Kind::ready;
  std::uint32_t exchange = 0;  ///< counts the host's requests; what belongs to an earlier one is late
  std::chrono::milliseconds time_left{0};
  FixedText<kMaxIdentifierSize> id{};  ///< `runtime_id` or `task_id`, parsed by the receiver
  TaskRegistration registration{};
  bool opens_sealed = false;               ///< what the authority sealed is wanted, too
  FixedText<kMaxSealedTaskSize> sealed{};  ///< as the authority sent it, unprintable characters replaced
  Error error{};                           ///< names and hints are texts of this program: they travel as numbers
};

inline constexpr std::size_t kMaxRegistrarFrameSize = 512;
using RegistrarFrameBytes = std::array<std::byte, kMaxRegistrarFrameSize>;

/// Writes the frame; every frame fits. Returns what was written. No heap.
[[nodiscard]] std::span<const std::byte> write_frame(const RegistrarFrame& frame, RegistrarFrameBytes& out) noexcept;

/// Reads one packet from the other, hostile side. `invalid_argument` for an unknown kind, a length beyond the packet
/// or the member's capacity, bytes too many, a status that is none or not a registrar's, control characters in a
/// text.
[[nodiscard]] Result<RegistrarFrame> read_frame(std::span<const std::byte> packet) noexcept;

}  // namespace holdfast
