// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace holdfast::bench {

/// The limit nothing above the module can beat: C_SignInit and C_Sign through the module's own function list, on a
/// session and a key handle found once. The module is initialised and logged in already (by the signer in the same
/// process).
class RawToken {
 public:
  RawToken(const std::string& module_path, const std::string& key_label, Scheme scheme);
  RawToken(const RawToken&) = delete;
  RawToken& operator=(const RawToken&) = delete;
  ~RawToken();

  /// Signs `input` (message, or digest for ES256) `n` times in one session of its own; aborts on any failure.
  void sign(std::span<const std::byte> input, std::size_t n);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::bench
