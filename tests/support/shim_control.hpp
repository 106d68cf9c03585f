// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::test {

/// What one call does instead of what it should.
struct ShimFault {
  enum class Kind : std::uint8_t {
    answer,       ///< answers `value` without reaching the module
    lose_answer,  ///< reaches the module, and answers `value` all the same: it happened and nobody was told
    length,       ///< every length and count that the module hands out is `value`
    garble,       ///< what the module hands out is garbled: a bit turned (`value` 0), all zeroes (1), all ones (2)
    meanwhile,    ///< calls `meanwhile(context)` before it reaches the module: a delay, or a hang
  };
  Kind kind = Kind::answer;
  unsigned long value = 0;
  void (*meanwhile)(void* context) = nullptr;
  void* context = nullptr;
};

/// One call as it was recorded.
struct ShimCall {
  const char* function = nullptr;
  std::uint64_t nth = 0;      ///< of this function, from 1
  unsigned long subject = 0;  ///< C_GetAttributeValue: the first attribute asked for
};

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
  /// The same with any fault.
  void (*strike)(const char* function, std::uint64_t nth, const ShimFault& fault);
  void (*clear_faults)();  ///< and what was lost is back
  /// From now on every call answers CKR_DEVICE_REMOVED without reaching the module, until C_Finalize did: a token
  /// that only a reset brings back.
  void (*lose)();
  std::uint64_t (*struck)();  ///< faults that struck since `clear_faults`
  /// Notes every call from now on (at most 4096), or no longer.
  void (*record)(bool is_on);
  std::size_t (*recorded)();
  ShimCall (*recorded_at)(std::size_t index);
  std::uint64_t (*overlaps)();        ///< times a session was used by two threads at once
  std::int64_t (*open_sessions)();    ///< opened and not closed, since C_Initialize
  std::int64_t (*sessions_at_end)();  ///< those left open at the last C_Finalize
  std::int64_t (*initialised)();      ///< C_Initialize that worked, less C_Finalize that worked, since the start
  /// Called in each call that reaches the module, before it does, on its thread; null: nobody.
  void (*observe)(void (*observer)(const char* function, void* context), void* context);
};

using GetShimControl = const ShimControl* (*)();

}  // namespace holdfast::test
