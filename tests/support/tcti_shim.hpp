// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace holdfast::test {

/// What one command meets instead of what it should.
struct TctiFault {
  enum class Kind : std::uint8_t {
    answer,       ///< not sent; answered with `value`: a response code, or above the TPM's own layer the TCTI's code
    lose_answer,  ///< sent and carried out, and answered with `value` all the same
    cut,          ///< the answer ends after `value` bytes; ~0: it lacks its last one
    cut_neatly,   ///< the same, and the answer states its new size
    stretch,      ///< `value` zero bytes more than it states
    garble,       ///< a bit of the byte this far from the answer's beginning is turned
    wrong_size,   ///< the answer states `value` as its size
    wrong_tag,    ///< the answer says it has sessions if it has none, and the other way round
    meanwhile,    ///< calls `meanwhile(context)` before it is sent: a delay, or a hang
  };
  Kind kind = Kind::answer;
  std::uint32_t value = 0;
  void (*meanwhile)(void* context) = nullptr;
  void* context = nullptr;
};

/// One command as it was recorded.
struct TctiCall {
  std::uint32_t code = 0;       ///< TPM_CC
  std::uint32_t nth = 0;        ///< of this code, from 1
  std::size_t answer_size = 0;  ///< bytes
};

/// What a test tells the TCTI that stands in front of another one, and what it counts.
struct TctiShimControl {
  std::atomic<std::uint64_t> commands{0};  ///< that reached the TPM on behalf of the client

  std::atomic<std::uint64_t> nanoseconds{0};  ///< spent below, in commands and their answers

  /// The next `failures` commands of code `fail_code` (0: any) are not sent and answered with `fail_with`; a code
  /// above the TPM's own layer is the TCTI's answer.
  std::atomic<std::uint32_t> fail_code{0};
  std::atomic<std::uint32_t> fail_with{0};
  std::atomic<std::uint32_t> failures{0};
  /// Of answers to commands of code `fail_code`: flips one bit of the byte this far from the end; 0: none.
  std::atomic<std::uint32_t> garble_from_end{0};

  /// The next command of code `extend_before` is preceded by an extension of this PCR (SHA-256) by somebody else.
  std::atomic<std::uint32_t> extend_before{0};
  std::atomic<std::uint32_t> extend_pcr{0};
  std::atomic<std::uint32_t> extensions{0};  ///< so many times
  /// The `strike_nth` command of code `strike_code` since `begin_count` meets `fault`; 0: none does.
  TctiFault fault;
  std::uint32_t strike_code = 0;
  std::uint32_t strike_nth = 0;
  std::uint32_t struck = 0;
  std::array<TctiCall, 1024> recorded{};  ///< every command since `begin_count`, also those that were not sent
  std::size_t recorded_count = 0;
  std::atomic<std::uint32_t> connections{0};  ///< made so far
  /// The first so many are lost: their commands end in TSS2_TCTI_RC_IO_ERROR.
  std::atomic<std::uint32_t> lost_connections{0};
  /// Whoever is connected now is so no longer, and has to connect anew.
  void lose_connection() noexcept { lost_connections = connections.load(); }
  /// One thread only, as what it sets.
  void begin_count() noexcept {
    lost_connections = 0;
    strike_nth = 0;
    struck = 0;
    recorded_count = 0;
  }

  /// Sees every command as the client wrote it, before anything is done with it.
  std::atomic<void (*)(const std::uint8_t* command, std::size_t size)> observer{nullptr};

  /// Every command of code `slow_code` is kept back for so long, in real time, before it is sent.
  std::atomic<std::uint32_t> slow_code{0};
  std::atomic<std::uint64_t> slow_ns{0};

  /// MODE crowded: the other client's session outlives this connection.
  std::atomic<bool> other_client_stays{false};
};

using GetTctiShimControl = TctiShimControl* (*)();
/// True while this thread is in the TCTI below.
using TctiShimIsInside = bool (*)();

}  // namespace holdfast::test
