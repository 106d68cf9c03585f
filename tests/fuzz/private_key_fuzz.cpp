// SPDX-License-Identifier: Apache-2.0
// A private key file (src/identity/private_key.cpp, openssh_key.cpp): PEM, DER, bare base64, OpenSSH's own. The
// public half is computed, never believed; written as PKCS#8 by us, the key is read again.
#include "src/identity/private_key.hpp"
#include "src/identity/software_crypto.hpp"
#include "tests/fuzz/refusal.hpp"

#include <vector>

using namespace holdfast;
using fuzz::promise;

namespace {

// PKCS#8 version 1 (RFC 5208) round a 32-byte secret: RFC 8410 §7 for Ed25519, RFC 5915 inside for P-256.
std::vector<std::byte> pkcs8_of(const SoftwareKey& key) {
  static constexpr std::uint8_t kEd25519[] = {0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20};
  static constexpr std::uint8_t kP256[] = {0x30, 0x41, 2, 1,    0,    0x30, 0x13, 6,    7,    0x2a, 0x86, 0x48,
                                           0xce, 0x3d, 2, 1,    6,    8,    0x2a, 0x86, 0x48, 0xce, 0x3d, 3,
                                           1,    7,    4, 0x27, 0x30, 0x25, 2,    1,    1,    4,    0x20};
  using Bytes = std::span<const std::byte>;
  const Bytes before = key.public_key.scheme() == Scheme::ed25519 ? Bytes(std::as_bytes(std::span(kEd25519)))
                                                                  : Bytes(std::as_bytes(std::span(kP256)));
  std::vector<std::byte> der(before.begin(), before.end());
  const auto secret = key.private_key.reveal({});
  der.insert(der.end(), secret.begin(), secret.end());
  return der;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::bytes_of(data, size);
  const auto as_der = read_pkcs8(bytes);
  (void)fuzz::is_taken(as_der, Status::file_invalid);
  const auto key = read_private_key_file(bytes);
  if (!fuzz::is_taken(key, Status::file_invalid)) return 0;
  promise(key->private_key.size() == 32, "a private key has 32 bytes");
  const auto half = public_half(key->public_key.scheme(), key->private_key);
  promise(half.has_value() && *half == key->public_key, "the public half is the private one's");
  const auto again = read_pkcs8(pkcs8_of(*key));
  promise(again.has_value() && again->public_key == key->public_key, "written as PKCS#8 it is the same key");
  return 0;
}
