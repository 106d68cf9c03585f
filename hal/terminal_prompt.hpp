// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/secret_wording.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace holdfast::hal {

/// Asks `question` on the controlling terminal, without echo, and writes what is typed into `out`; returns its size
/// in bytes, 1 to `out.size()`, without the line end. Backspace and Ctrl-U edit.
///
/// The terminal is restored on every path: the signals that would end or stop the process (INT, TERM, HUP, QUIT,
/// TSTP) are held back on this thread until it is, and then take their course. After a stop the question is asked
/// again. Status `wording.missing` without a terminal, without input, or when interrupted: by one of the other four
/// signals, where the host handles it, or by the keys for INT and QUIT (Ctrl-C, Ctrl-\), for which no signal is
/// raised: `interrupting_signal` then tells which, for a host that wants to end as if it had been. `file_invalid` for
/// more than fits. Blocks until a line is typed. The caller wipes `out`.
[[nodiscard]] Result<std::size_t> ask_on_terminal(std::string_view question, const SecretWording& wording,
                                                  std::span<std::byte> out) noexcept;

/// The signal that interrupted a question, if `error` is of that; else 0. It is also the error's native code.
[[nodiscard]] int interrupting_signal(const Error& error) noexcept;

}  // namespace holdfast::hal
