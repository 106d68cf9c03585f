// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/public_key.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace holdfast::bench {

/// Somebody who makes headers, with everything that can be done before done before. Throws where it cannot.
class HeaderMaker {
 public:
  virtual ~HeaderMaker() = default;
  /// Writes a complete `Authorization` value of this second and returns its size. From many threads at once, unless
  /// it is said otherwise.
  virtual std::size_t header(const RuntimeId& runtime, const TaskId& task, std::span<char> out) = 0;
};

/// Another way to have an assertion signed, as its own documentation tells. The header around the signature is the
/// same for all of them: ours. Nothing is verified.
class HeaderPeer : public HeaderMaker {
 public:
  /// Signs a whole message; for ES256 its hash is the peer's work.
  virtual Signature sign(std::span<const std::byte> message) = 0;

  std::size_t header(const RuntimeId& runtime, const TaskId& task, std::span<char> out) final;
};

/// GnuTLS: a key of the token by its URI, `gnutls_privkey_sign_data2`. For one thread: many could share it, but the
/// manual recommends an object for each (gnutls_privkey_init).
[[nodiscard]] std::unique_ptr<HeaderPeer> gnutls_privkey(const std::string& module_path, Scheme scheme);

/// A key that is read from a file and stays in this process's memory, and what computes with it: what a key that
/// cannot be taken out costs is the difference. Ed25519, from a file that holds the seed.
[[nodiscard]] std::unique_ptr<HeaderPeer> sodium_key(const std::string& seed_file);

}  // namespace holdfast::bench
