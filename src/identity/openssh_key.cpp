// SPDX-License-Identifier: Apache-2.0
#include "src/identity/openssh_key.hpp"

#include "src/identity/software_crypto.hpp"

#include <algorithm>
#include <string_view>

namespace holdfast {
namespace {

constexpr std::size_t kPrivateKeySize = 32;

Error refusal(std::string_view why) noexcept {
  return failure(Status::file_invalid, Layer::identity, "reading an OpenSSH private key").about(why);
}
Error broken() noexcept { return refusal("it is broken or cut"); }

// RFC 4251 §5.
class Wire {
 public:
  explicit Wire(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  Result<std::uint32_t> number() noexcept {
    if (bytes_.size() < 4) return broken();
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8U | std::to_integer<std::uint32_t>(bytes_[i]);
    bytes_ = bytes_.subspan(4);
    return value;
  }
  Result<std::span<const std::byte>> string() noexcept {
    const std::size_t size = HOLDFAST_TRY(number());
    if (bytes_.size() < size) return broken();
    const auto content = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return content;
  }
  Result<std::string_view> text() noexcept {
    const auto content = HOLDFAST_TRY(string());
    return std::string_view(reinterpret_cast<const char*>(content.data()), content.size());
  }
  [[nodiscard]] std::span<const std::byte> rest() const noexcept { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

Result<SoftwareKey> with_public_half(Scheme scheme, std::span<const std::byte> value,
                                     std::span<const std::byte> stated) noexcept {
  SoftwareKey key{{}, HOLDFAST_TRY(hal::SecretBytes::allocate(kPrivateKeySize))};
  std::ranges::copy(
      value, key.private_key.storage({}).begin() + static_cast<std::ptrdiff_t>(kPrivateKeySize - value.size()));
  key.private_key.set_size(kPrivateKeySize);
  key.public_key = HOLDFAST_TRY(public_half(scheme, key.private_key));
  if (!std::ranges::equal(stated, key.public_key.bytes())) {
    return refusal("the public half in it is not that of the private key");
  }
  return key;
}

Result<SoftwareKey> read_ed25519(Wire& wire) noexcept {
  const auto stated = HOLDFAST_TRY(wire.string());
  const auto pair = HOLDFAST_TRY(wire.string());  // the seed, and the public half once more
  if (pair.size() != 2 * kPrivateKeySize) return broken();
  return with_public_half(Scheme::ed25519, pair.first(kPrivateKeySize), stated);
}

Result<SoftwareKey> read_p256(Wire& wire) noexcept {
  if (HOLDFAST_TRY(wire.text()) != "nistp256") return broken();
  const auto stated = HOLDFAST_TRY(wire.string());
  auto scalar = HOLDFAST_TRY(wire.string());  // mpint: shortest form, with a zero before a set top bit
  if (!scalar.empty() && scalar[0] == std::byte{0}) scalar = scalar.subspan(1);
  if (scalar.empty() || scalar.size() > kPrivateKeySize) return broken();
  return with_public_half(Scheme::es256, scalar, stated);
}

}  // namespace

Result<SoftwareKey> read_openssh_key(std::span<const std::byte> bytes) noexcept {
  constexpr std::string_view kMagic("openssh-key-v1\0", 15);
  if (bytes.size() < kMagic.size() ||
      std::string_view(reinterpret_cast<const char*>(bytes.data()), kMagic.size()) != kMagic) {
    return broken();
  }
  Wire wire(bytes.subspan(kMagic.size()));
  const std::string_view cipher = HOLDFAST_TRY(wire.text());
  if (cipher != "none") {
    return refusal("it is encrypted with a passphrase")
        .with_hint("write a copy without one for the import, and shred it: ssh-keygen -p -N '' -f COPY");
  }
  HOLDFAST_TRY(wire.string());  // KDF name and options
  HOLDFAST_TRY(wire.string());
  if (HOLDFAST_TRY(wire.number()) != 1) return refusal("it holds more than one key");
  HOLDFAST_TRY(wire.string());  // the public key: it stands beside the private one again
  Wire secret(HOLDFAST_TRY(wire.string()));
  if (!wire.rest().empty()) return broken();
  if (HOLDFAST_TRY(secret.number()) != HOLDFAST_TRY(secret.number())) return broken();
  const std::string_view type = HOLDFAST_TRY(secret.text());
  const bool is_ed25519 = type == "ssh-ed25519";
  if (!is_ed25519 && type != "ecdsa-sha2-nistp256") return refusal("it is neither an Ed25519 nor a P-256 key");
  SoftwareKey key = HOLDFAST_TRY(is_ed25519 ? read_ed25519(secret) : read_p256(secret));
  HOLDFAST_TRY(secret.string());  // comment
  // 1, 2, 3 … up to the cipher's block of 8.
  const auto padding = secret.rest();
  for (std::size_t i = 0; i < padding.size(); ++i) {
    if (std::to_integer<std::size_t>(padding[i]) != i + 1) return broken();
  }
  if (padding.size() >= 8) return broken();
  return key;
}

}  // namespace holdfast
