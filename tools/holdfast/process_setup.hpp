// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace holdfast::tool {

/// Makes the process fit to hold a PIN, before anything else runs: no core dumps and no debugger of the same user,
/// no TLS key log, no death by SIGPIPE or SIGXFSZ, standard descriptors that are open, files not writable by others.
void set_up_process() noexcept;

}  // namespace holdfast::tool
