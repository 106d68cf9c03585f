// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <p11-kit/pkcs11.h>

#include <string>

namespace holdfast::bench {

/// A module's own function list. The module is initialised and logged in already (by ours in the same process).
[[nodiscard]] CK_FUNCTION_LIST& raw_module(const std::string& path);

/// The slot of the bench's token.
[[nodiscard]] CK_SLOT_ID bench_slot(CK_FUNCTION_LIST& calls);

/// Throws unless a call went well.
void require(CK_RV result, const char* what);

}  // namespace holdfast::bench
