// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace holdfast::test {

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

  /// MODE crowded: the other client's session outlives this connection.
  std::atomic<bool> other_client_stays{false};
};

using GetTctiShimControl = TctiShimControl* (*)();
/// True while this thread is in the TCTI below.
using TctiShimIsInside = bool (*)();

}  // namespace holdfast::test
