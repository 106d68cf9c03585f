// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/integration/cut_off/tool_run.hpp"
#include "tests/support/temporary_folder.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::test {

enum class GroundKind : std::uint8_t { softhsm, softhsm_with_twin, swtpm };
[[nodiscard]] const char* ground_name(GroundKind kind);

/// Where an agent's key and its identity file are, and what a kill of the tool can change there.
class AgentGround {
 public:
  virtual ~AgentGround() = default;

  [[nodiscard]] virtual const TemporaryFolder& folder() const = 0;
  [[nodiscard]] std::string identity() const { return folder().file("identity.json"); }
  [[nodiscard]] std::string journal() const { return identity() + ".rotation"; }

  /// The URI of the first key.
  [[nodiscard]] virtual std::string key_uri() const = 0;
  /// Whether the keys of `agents` agents are there, and no part of another.
  [[nodiscard]] virtual bool holds_keys_of(std::size_t agents) const = 0;
  [[nodiscard]] virtual bool has_twins() const { return false; }

  /// Keeps a copy of all of it under `name`, and puts it back.
  void save(const std::string& name) const;
  void restore(const std::string& name) const;
  /// What a kill costs that is not the tool's doing, put right as a person or the kernel would. `said`: what the tool
  /// now says when it shall sign.
  virtual void attend_to(const std::string& said, const std::string& saved) const = 0;

 protected:
  /// The folder with the keys.
  [[nodiscard]] virtual std::string key_folder() const = 0;
};

/// Null, after skipping the test, where what it stands on is not installed.
[[nodiscard]] std::unique_ptr<AgentGround> make_ground(GroundKind kind);

}  // namespace holdfast::test
