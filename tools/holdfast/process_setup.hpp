// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace holdfast::tool {

/// Makes the process fit to hold a PIN, before anything else runs: no core dumps and no debugger of the same user,
/// no TLS key log, no death by SIGPIPE or SIGXFSZ, standard descriptors that are open, files not writable by others.
void set_up_process() noexcept;

/// Ends the process by `signal`'s own default action, whatever was set for it: a shell or a script that waits for us
/// then sees an interruption and no error of ours.
[[noreturn]] void end_by_signal(int signal) noexcept;

}  // namespace holdfast::tool
