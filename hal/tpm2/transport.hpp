// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/clock.hpp"
#include "hal/tpm2/errors.hpp"

#include <cstddef>
#include <span>
#include <string_view>

struct TSS2_TCTI_OPAQUE_CONTEXT_BLOB;

namespace holdfast::hal::tpm2 {

inline constexpr std::size_t kMaxMessageSize = 4096;  ///< bytes of a command or response (PTP §3.6: at least 4096)

/// The way to one TPM: a TCTI (TCG TSS 2.0 TCTI specification), through its own table of functions.
///
/// Names that are taken: `device`, `swtpm`, `mssim` and `tabrmd` with their configuration, or the absolute path of a
/// TCTI library that only root or this user can change, as its code will run here. The default is the kernel's
/// resource manager. One thread at a time.
class Transport {
 public:
  Transport() noexcept = default;
  /// Loads the TCTI, which is not unloaded again, and connects. `invalid_uri` for a name that is not taken;
  /// `token_not_found` if no TPM is there, `permission_denied` with the group that helps. Allocates.
  [[nodiscard]] static Result<Transport> open(std::string_view tcti) noexcept;

  Transport(Transport&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
  Transport& operator=(Transport&& other) noexcept {
    std::swap(context_, other.context_);
    return *this;
  }
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  ~Transport() { close(); }

  /// Sends one command and waits for its response; the number of its bytes. The TCTI may allocate.
  ///
  /// TSS2_TCTI_RC_TRY_AGAIN if nothing came until `give_up`: then the connection is of no more use. That holds for a
  /// TCTI that names what to poll, as tcti-mssim does; tcti-swtpm 3.2 does not and holds its caller until the TPM
  /// answers or is gone.
  [[nodiscard]] ResponseCode exchange(std::span<const std::byte> command, std::span<std::byte> response,
                                      std::size_t& size, Clock& clock, BootTime give_up) noexcept;

  [[nodiscard]] bool is_open() const noexcept { return context_ != nullptr; }
  void close() noexcept;
  /// For a forked child: the connection is the parent's, and nothing is sent over it.
  void abandon() noexcept { context_ = nullptr; }

 private:
  [[nodiscard]] bool await_answer(Clock& clock, BootTime give_up) const noexcept;

  TSS2_TCTI_OPAQUE_CONTEXT_BLOB* context_ = nullptr;
};

}  // namespace holdfast::hal::tpm2
