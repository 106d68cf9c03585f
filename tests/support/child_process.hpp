// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>

namespace holdfast::test {

/// Forks, runs `body` in the child and returns its exit status: 0 when `body` returned true, 1 when false, 128 and
/// the signal's number when it was killed. With `user` not -1 the child first becomes that user and group.
[[nodiscard]] int run_in_child(const std::function<bool()>& body, uid_t user = static_cast<uid_t>(-1));

inline constexpr uid_t kNobody = 65534;  ///< Debian's `nobody`

}  // namespace holdfast::test
