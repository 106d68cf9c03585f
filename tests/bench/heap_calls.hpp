// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HOLDFAST_HEAP_IS_THE_SANITIZERS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HOLDFAST_HEAP_IS_THE_SANITIZERS 1
#endif
#endif

namespace holdfast::bench {

/// False under a sanitizer, which has an allocator of its own: nothing is replaced then and nothing counted.
#ifdef HOLDFAST_HEAP_IS_THE_SANITIZERS
inline constexpr bool kHeapCallsAreCounted = false;
#else
inline constexpr bool kHeapCallsAreCounted = true;
#endif

/// Calls of malloc, calloc, realloc and aligned_alloc on this thread since it started. Replaced in
/// the program that this is linked into, a bench or a test; production code has no hook.
[[nodiscard]] std::uint64_t heap_calls() noexcept;

/// What the shim module tells of the thread it is on: true between entering and leaving a native call. Calls made
/// meanwhile are the vendor's and are not counted. Null: everything is counted.
void leave_out_calls_while(bool (*is_inside_native_call)()) noexcept;

}  // namespace holdfast::bench
