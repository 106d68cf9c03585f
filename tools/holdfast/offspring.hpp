// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace holdfast::tool {

/// From now on a descendant whose parent has ended becomes a child of this process (PR_SET_CHILD_SUBREAPER), also one
/// that made itself a daemon: `end_offspring` then finds every one.
void adopt_orphans() noexcept;

/// Kills the children of this process, then those that were theirs, until there is none, and takes what they leave to
/// be waited for. A process that may not be killed (it became another user) is left behind.
///
/// Blocks until the kernel has ended them.
void end_offspring() noexcept;

}  // namespace holdfast::tool
