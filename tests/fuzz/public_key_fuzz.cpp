// SPDX-License-Identifier: Apache-2.0
// A public key as a token shows it (CKA_EC_POINT, hal/pkcs11/encodings.cpp), and as a line of text
// (src/assertion/ssh_public_key.cpp). Every encoding of a point ends in the same key; a line is taken in one form
// only.
#include "holdfast/verifier.hpp"

#include "hal/pkcs11/encodings.hpp"
#include "tests/fuzz/refusal.hpp"

#include <vector>

using namespace holdfast;
using namespace holdfast::hal::pkcs11;
using fuzz::promise;

namespace {

void read_line(std::string_view line) {
  const auto key = parse_ssh_public_key(line);
  if (!fuzz::is_taken(key, Status::invalid_argument)) return;
  promise(to_ssh_public_key(*key).view() == line, "a key has one line");
}

// The three encodings of what `key` is, each read as itself.
void read_again(const PublicKey& key) {
  const auto raw = key.bytes();
  const auto size = static_cast<std::byte>(raw.size());
  std::vector<std::byte> octet_string{std::byte{0x04}, size};
  octet_string.insert(octet_string.end(), raw.begin(), raw.end());
  std::vector<std::byte> bit_string{std::byte{0x03}, static_cast<std::byte>(raw.size() + 1), std::byte{0}};
  bit_string.insert(bit_string.end(), raw.begin(), raw.end());
  for (const std::span<const std::byte> form :
       {raw, std::span<const std::byte>(octet_string), std::span<const std::byte>(bit_string)}) {
    const auto again = decode_point(key.scheme(), form);
    promise(again.has_value() && *again == key, "each encoding is that of the key");
  }
}

void read_point(Scheme scheme, std::span<const std::byte> bytes) {
  const auto key = decode_point(scheme, bytes);
  if (!fuzz::is_taken(key, Status::device_fault)) return;
  promise(key->scheme() == scheme, "a point is of its curve");
  promise(bytes.size() >= key->bytes().size() && std::ranges::equal(bytes.last(key->bytes().size()), key->bytes()),
          "the key is the end of what was read");
  read_again(*key);
  read_line(to_ssh_public_key(*key).view());
  const auto again = parse_ssh_public_key(to_ssh_public_key(*key).view());
  promise(again.has_value() && *again == *key, "a key that is written is read");
  (void)fuzz::is_taken(check_public_key(*key), Status::invalid_argument);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::bytes_of(data, size);
  read_point(Scheme::ed25519, bytes);
  read_point(Scheme::es256, bytes);
  const auto scheme = scheme_of_curve(bytes);
  promise(!scheme || !is_x25519_curve(bytes), "a curve is for one thing");
  read_line(fuzz::text_of(data, size));
  return 0;
}
