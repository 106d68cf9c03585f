// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/registrar.hpp"

#include <sys/types.h>

namespace holdfast {

/// In a child just forked: ends with the host (PR_SET_PDEATHSIG), leaves its session and signal handlers, closes
/// every descriptor but `socket`, opens /dev/null as 0, 1 and 2. Returns the socket's descriptor, which may be
/// another one. Ends the process when the host is gone already.
[[nodiscard]] int leave_host_behind(int socket, pid_t host) noexcept;

/// No new privileges, no core dump, no tracing by its equals, nothing written to a file, and with Landlock
/// (Linux 5.13) nothing read but shared libraries, what name look-up reads, and the certificates the options name,
/// with their folders if no secret lies there (docs/sandboxing.md). `resource_exhausted` without memory;
/// `permission_denied` if the kernel has no Landlock and `requires_landlock` is set.
[[nodiscard]] Result<void> close_registrar_sandbox(const RegistrarProcessOptions& options) noexcept;

}  // namespace holdfast
