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

/// Calls of malloc, calloc, realloc and all that ask for aligned memory, on this thread since it started. Replaced in
/// the program that this is linked into, a bench or a test; production code has no hook.
[[nodiscard]] std::uint64_t heap_calls() noexcept;

/// The bytes that those calls asked for; of a realloc the whole new size.
[[nodiscard]] std::uint64_t heap_bytes() noexcept;

/// What the shim module tells of the thread it is on: true between entering and leaving a native call. Calls made
/// meanwhile are the vendor's and are not counted, nor are their bytes. Null: everything is counted.
void leave_out_calls_while(bool (*is_inside_native_call)()) noexcept;

/// What one operation takes of the heap.
struct HeapUse {
  double calls = 0;
  double bytes = 0;
};

/// Of one among `times` on this thread, once those before have got what they keep.
template <typename Operation>
[[nodiscard]] HeapUse heap_use_of(Operation operation, int times = 50) {
  operation();
  const std::uint64_t calls = heap_calls();
  const std::uint64_t bytes = heap_bytes();
  for (int i = 0; i < times; ++i) operation();
  return {static_cast<double>(heap_calls() - calls) / times, static_cast<double>(heap_bytes() - bytes) / times};
}

}  // namespace holdfast::bench
