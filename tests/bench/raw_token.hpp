// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace holdfast::bench {

/// The limit nothing above the module can beat: C_SignInit and C_Sign through the module's own function list, with a
/// key handle found once. The module is initialised and logged in already (by the signer in the same process).
class RawToken {
 public:
  RawToken(const std::string& module_path, const std::string& key_label, Scheme scheme);
  RawToken(const RawToken&) = delete;
  RawToken& operator=(const RawToken&) = delete;
  ~RawToken();

  /// A session for one thread.
  class Session {
   public:
    explicit Session(const RawToken& token);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session();
    /// Signs `input` (message, or digest for ES256) `n` times, at least once, and returns the last signature; throws
    /// on any failure.
    Signature sign(std::span<const std::byte> input, std::size_t n);

   private:
    const RawToken& token_;
    unsigned long handle_ = 0;
  };

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::bench
