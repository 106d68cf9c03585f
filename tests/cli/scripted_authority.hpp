// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/scripted_server.hpp"

#include <memory>

namespace holdfast::test {

/// An authority that misbehaves on purpose: each way stands below a folder of its own, so that a command chooses one
/// by the URL it is given (`$SCRIPTED/html`). It verifies nothing.
[[nodiscard]] std::unique_ptr<ScriptedServer> make_scripted_authority();

}  // namespace holdfast::test
