// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <string>

namespace holdfast::bench {

/// A random key in memory, made with libcrypto: one to be brought into a token, or to be kept in a file by those who
/// need none. Throws where it cannot.
class FreshKey {
 public:
  static constexpr std::size_t kSize = 32;

  explicit FreshKey(Scheme scheme);

  [[nodiscard]] PublicKey public_key() const;
  /// The seed (Ed25519) or the scalar (P-256), big-endian.
  [[nodiscard]] std::array<std::byte, kSize> value() const;
  /// PKCS#8 in PEM, without a passphrase.
  [[nodiscard]] std::string pem() const;

 private:
  struct State;
  Scheme scheme_;
  std::shared_ptr<State> state_;
};

}  // namespace holdfast::bench
