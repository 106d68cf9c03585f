// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"

#include "hal/key_device.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace holdfast::bench {

/// What making a key costs at least: C_GenerateKeyPair, or C_CreateObject of either half, through the module's own
/// function list and with the templates that ours sends. The module is initialised and logged in already. What was
/// made is removed again, which is not measured. Throws where it cannot.
class RawKeyMaking {
 public:
  /// `dropped` is what the token did not take of the template when ours made a key.
  RawKeyMaking(const std::string& module_path, const hal::KeySpec& spec, const hal::KeyAttributeSet& dropped);
  RawKeyMaking(const RawKeyMaking&) = delete;
  RawKeyMaking& operator=(const RawKeyMaking&) = delete;
  ~RawKeyMaking();

  /// The nanoseconds of the call.
  double generate();
  /// The nanoseconds of the two calls. `value` is the seed or scalar.
  double create(std::span<const std::byte> value, const PublicKey& half);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::bench
