// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/event.h"
#include "holdfast/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace holdfast {

/// The values of event.h, for C++: what an operator wants to know of, although the call during which it happened may
/// succeed.
enum class EventKind : std::uint8_t {
  recovery_begun = HOLDFAST_EVENT_RECOVERY_BEGUN,
  recovery_ended = HOLDFAST_EVENT_RECOVERY_ENDED,
  pin_refused = HOLDFAST_EVENT_PIN_REFUSED,
  signer_stopped = HOLDFAST_EVENT_SIGNER_STOPPED,
  task_registered = HOLDFAST_EVENT_TASK_REGISTERED,
  task_rejected = HOLDFAST_EVENT_TASK_REJECTED,
  registration_failed = HOLDFAST_EVENT_REGISTRATION_FAILED,
};

enum class Severity : std::uint8_t {
  info = HOLDFAST_SEVERITY_INFO,
  warning = HOLDFAST_SEVERITY_WARNING,
  error = HOLDFAST_SEVERITY_ERROR,
};

/// One thing that happened. Holds no PIN, no header, no signature and no task id.
struct Event {
  EventKind kind{};
  Error why{};                   ///< status `ok` where nothing failed
  std::uint64_t generation = 0;  ///< of the task that it is about; 0: about none
};

[[nodiscard]] Severity severity_of(const Event& event) noexcept;
/// "recovery_begun"; "unknown" for a value that is none.
[[nodiscard]] std::string_view event_name(EventKind kind) noexcept;
/// Writes one sentence, with the error's message where something failed, into `out`, cut to its size, and returns
/// what was written. Allocates nothing.
[[nodiscard]] std::string_view write_message(const Event& event, std::span<char> out) noexcept;

/// A host's log: told what happened on the thread on which it happened, in the middle of a call.
///
/// **When.** Never for a signature that is good at the first try: a host that is well hears of its tasks only. A
/// recovery begins and ends once however many callers wait for it; a refused PIN and a stopped signer are told once;
/// of registrations each that was really tried.
/// **Threads.** Whichever is in a call, several at once. Locks are held meanwhile and callers wait behind them: be
/// quick, do not block.
/// **Reentrancy.** What signs, registers, reports, adopts, reopens or closes is not to be called from in here: it
/// waits for the lock of the call that it is in, until its deadline or for ever. Counters, key and account may be
/// read.
class EventLog {
 public:
  virtual void record(const Event& event) noexcept = 0;

 protected:
  ~EventLog() = default;  // borrowed by those who tell
};

}  // namespace holdfast
