// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace holdfast::bench {

/// Calls of malloc, calloc, realloc and aligned_alloc on this thread since it started. The bench replaces them in its
/// own program; production code has no hook.
[[nodiscard]] std::uint64_t heap_calls() noexcept;

/// What the shim module tells of the thread it is on: true between entering and leaving a native call. Calls made
/// meanwhile are the vendor's and are not counted. Null: everything is counted.
void leave_out_calls_while(bool (*is_inside_native_call)()) noexcept;

}  // namespace holdfast::bench
