// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/key_derivation.hpp"

#include "hal/secret_bytes.hpp"

#include <sodium.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr std::byte kZero[1]{};

std::array<std::byte, 4> big_endian(std::uint32_t value) noexcept {
  std::array<std::byte, 4> bytes{};
  ByteWriter(bytes).u32(value);
  return bytes;
}

}  // namespace

Digest hash(std::initializer_list<std::span<const std::byte>> parts) noexcept {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  for (const auto part : parts) crypto_hash_sha256_update(&state, raw(part), part.size());
  Digest digest;
  crypto_hash_sha256_final(&state, raw(std::span<std::byte>(digest)));
  return digest;
}

Digest hmac(std::span<const std::byte> key, std::initializer_list<std::span<const std::byte>> parts) noexcept {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, raw(key), key.size());
  for (const auto part : parts) crypto_auth_hmacsha256_update(&state, raw(part), part.size());
  Digest digest;
  crypto_auth_hmacsha256_final(&state, raw(std::span<std::byte>(digest)));
  wipe(std::as_writable_bytes(std::span(&state, 1)));
  return digest;
}

void kdf_a(std::span<const std::byte> key, std::string_view label, std::span<const std::byte> context_u,
           std::span<const std::byte> context_v, std::span<std::byte> out) noexcept {
  const auto bits = big_endian(static_cast<std::uint32_t>(out.size() * 8));
  std::uint32_t counter = 0;
  while (!out.empty()) {
    Digest block = hmac(key, {big_endian(++counter), octets_of(label), kZero, context_u, context_v, bits});
    const std::size_t taken = std::min(out.size(), block.size());
    std::ranges::copy(std::span(block).first(taken), out.begin());
    out = out.subspan(taken);
    wipe(block);
  }
}

Digest kdf_e(std::span<const std::byte> z, std::string_view label, std::span<const std::byte> party_u,
             std::span<const std::byte> party_v) noexcept {
  return hash({big_endian(1), z, octets_of(label), kZero, party_u, party_v});
}

bool is_equal(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace holdfast::hal::tpm2
