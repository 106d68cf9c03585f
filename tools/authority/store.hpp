// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::authority {

/// A registered agent, as protocol.md §3 lets it describe itself.
struct Agent {
  std::string runtime_id;
  std::string public_key;  ///< SSH line
  std::string agent_version;
  std::string harness_id;
  std::string running_location;
  std::string capabilities;         ///< a JSON array
  std::optional<std::int64_t> ttl;  ///< seconds after `registered_at` in which the agent is accepted; none: for ever
  WallSeconds registered_at;
};

/// The authority's state: its bearer, agents and tasks, in one SQLite file that survives a restart.
///
/// The process holds the file alone (a second one is refused at open). Any thread; calls wait for each other and
/// block on the disk. Failures: `file_invalid` (damaged, foreign, in use), `permission_denied`,
/// `resource_exhausted` (disk full), each with SQLite's own words.
class Store {
 public:
  /// Opens the file at `path`, or makes it with mode 0600. An existing file that others may read is refused with
  /// `file_untrusted`, as it holds the bearer. A version newer than ours is refused, a damaged file too.
  [[nodiscard]] static Result<Store> open(const std::string& path) noexcept;

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  /// The access token of this database, made at random with it: 43 URL-safe characters (32 bytes).
  [[nodiscard]] const std::string& bearer() const noexcept;

  /// `already_exists` if the runtime id is taken.
  [[nodiscard]] Result<void> add_agent(const Agent& agent) noexcept;
  [[nodiscard]] Result<std::optional<Agent>> find_agent(std::string_view runtime_id) noexcept;

  /// `already_exists` if the task id is taken.
  [[nodiscard]] Result<void> add_task(std::string_view task_id, std::string_view runtime_id,
                                      WallSeconds now) noexcept;
  /// The runtime id the task was registered by.
  [[nodiscard]] Result<std::optional<std::string>> find_task_owner(std::string_view task_id) noexcept;

  /// Forgets every task, as if their time were over; agents stay. How many there were.
  [[nodiscard]] Result<std::int64_t> forget_tasks() noexcept;

  /// Whether the file still answers.
  [[nodiscard]] Result<void> check() noexcept;

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

/// `prefix` and 128 random bits as 22 URL-safe characters.
[[nodiscard]] std::string random_id(std::string_view prefix);

}  // namespace holdfast::authority
