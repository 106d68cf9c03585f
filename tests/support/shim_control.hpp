// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace holdfast::test {

/// What libholdfast-shim.so can be told and asked by a test in the same process; found with
/// `dlsym(…, "holdfast_shim_control")`, a function that returns a pointer to it. Every function may be called from
/// any thread; names are those of the standard, "C_Login".
///
/// From another process: HOLDFAST_SHIM_MODULE names the real module, HOLDFAST_SHIM_FAULTS ("C_Login:1:0xa0,…", call
/// number 0 for every call) the faults from the start on, HOLDFAST_SHIM_LOG a file that gets "C_Login 1" lines at
/// C_Finalize and at the end of the process.
struct ShimControl {
  std::uint64_t (*count)(const char* function);  ///< calls since the start or `reset_counts`
  std::uint64_t (*total)();
  void (*reset_counts)();
  /// The `nth` call of `function` from now (1: the next; 0: every) answers `code` without reaching the module.
  void (*fail)(const char* function, std::uint64_t nth, unsigned long code);
  void (*clear_faults)();
  std::uint64_t (*overlaps)();      ///< times a session was used by two threads at once
  std::int64_t (*open_sessions)();  ///< opened and not closed, since C_Initialize
  /// Called in each call that reaches the module, before it does, on its thread; null: nobody.
  void (*observe)(void (*observer)(const char* function, void* context), void* context);
};

using GetShimControl = const ShimControl* (*)();

}  // namespace holdfast::test
