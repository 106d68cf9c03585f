// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/registrar.hpp"

#include <sys/types.h>

namespace holdfast {

/// What a registrar's process is: the rest of a child's life after fork(2). `socket` is its end, `host` the process
/// that forked it. Keeps nothing of the host but the memory it was born with, closes its sandbox, says `ready`, and
/// registers tasks until the socket closes.
[[noreturn]] void serve_as_registrar(int socket, pid_t host, Registrar& registrar,
                                     const RegistrarProcessOptions& options) noexcept;

}  // namespace holdfast
