// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/holdfast.h"
#include "holdfast/registrar.hpp"

#include <optional>

/// A handle of the C ABI that two of its files look into: the registrar's own, and that of the session which borrows
/// it.
struct holdfast_registrar {
  // Beside the process, which calls it again at each restart.
  holdfast_sandbox_function enter_sandbox = nullptr;
  void* sandbox_context = nullptr;
  std::optional<holdfast::RegistrarProcess> process{};  // there as long as the host has the handle
};
