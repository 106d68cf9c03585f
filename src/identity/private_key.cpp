// SPDX-License-Identifier: Apache-2.0
#include "src/identity/private_key.hpp"

#include "src/identity/openssh_key.hpp"
#include "src/identity/software_crypto.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace holdfast {
namespace {

constexpr std::size_t kPrivateKeySize = 32;

Error refusal(std::string_view why) noexcept {
  return failure(Status::file_invalid, Layer::identity, "reading a private key").about(why);
}

template <typename... Values>
constexpr auto octets(Values... values) noexcept {
  return std::array{static_cast<std::byte>(values)...};
}

constexpr auto kEd25519 = octets(0x2b, 0x65, 0x70);                                   // RFC 8410 §3
constexpr auto kEcPublicKey = octets(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01);       // RFC 5480 §2.1.1
constexpr auto kPrime256v1 = octets(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07);  // RFC 5480 §2.1.1.1

enum Tag : unsigned char {
  kInteger = 0x02,
  kBitString = 0x03,
  kOctetString = 0x04,
  kOid = 0x06,
  kSequence = 0x30,
  kAttributes = 0xa0,         // [0] in PKCS#8, and the parameters of RFC 5915
  kPublicKeyImplicit = 0x81,  // [1] of RFC 5958
  kPublicKeyExplicit = 0xa1,  // [1] of RFC 5915; some writers use it for RFC 5958, too
};

// Definite lengths in their shortest form (X.690 §10.1).
class Der {
 public:
  explicit Der(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] bool is_at_end() const noexcept { return bytes_.empty(); }
  [[nodiscard]] bool is_next(Tag tag) const noexcept { return !bytes_.empty() && bytes_[0] == std::byte{tag}; }
  Result<std::span<const std::byte>> take(Tag tag) noexcept {
    if (!is_next(tag) || bytes_.size() < 2) return broken();
    std::size_t size = std::to_integer<std::size_t>(bytes_[1]);
    std::size_t header = 2;
    if (size >= 0x80) {
      const std::size_t count = size & 0x7fU;
      if (count == 0 || count > 2 || bytes_.size() < 2 + count) return broken();
      size = 0;
      for (std::size_t i = 0; i < count; ++i) size = size * 256 + std::to_integer<std::size_t>(bytes_[2 + i]);
      if (size < (count == 1 ? 0x80U : 0x100U)) return broken();
      header += count;
    }
    if (bytes_.size() - header < size) return broken();
    const auto content = bytes_.subspan(header, size);
    bytes_ = bytes_.subspan(header + size);
    return content;
  }
  Result<void> skip_if(Tag tag) noexcept {
    if (is_next(tag)) HOLDFAST_TRY(take(tag));
    return {};
  }
  static Error broken() noexcept {
    return refusal("it is not PKCS#8: its DER is broken, cut, or of another structure");
  }

 private:
  std::span<const std::byte> bytes_;
};

Result<std::span<const std::byte>> take_bits(Der& from, Tag tag) noexcept {
  const auto bit_string = HOLDFAST_TRY(from.take(tag));
  if (bit_string.empty() || bit_string[0] != std::byte{0}) return Der::broken();
  return bit_string.subspan(1);
}

// Leading zeroes that a writer left out are put back.
Result<hal::SecretBytes> secret_of(std::span<const std::byte> value) noexcept {
  if (value.empty() || value.size() > kPrivateKeySize) return refusal("the private key does not have 32 bytes");
  hal::SecretBytes secret = HOLDFAST_TRY(hal::SecretBytes::allocate(kPrivateKeySize));
  std::ranges::copy(value, secret.storage({}).begin() + static_cast<std::ptrdiff_t>(kPrivateKeySize - value.size()));
  secret.set_size(kPrivateKeySize);
  return secret;
}

Result<std::span<const std::byte>> read_sec1(std::span<const std::byte> content,
                                             std::optional<std::span<const std::byte>>& stated) noexcept {
  Der outer(content);
  Der key(HOLDFAST_TRY(outer.take(kSequence)));
  if (!outer.is_at_end()) return Der::broken();
  const auto version = HOLDFAST_TRY(key.take(kInteger));
  if (version.size() != 1 || version[0] != std::byte{1}) return Der::broken();
  const auto scalar = HOLDFAST_TRY(key.take(kOctetString));
  HOLDFAST_TRY(key.skip_if(kAttributes));
  if (key.is_next(kPublicKeyExplicit)) {
    Der wrapped(HOLDFAST_TRY(key.take(kPublicKeyExplicit)));
    stated = HOLDFAST_TRY(take_bits(wrapped, kBitString));
  }
  if (!key.is_at_end()) return Der::broken();
  return scalar;
}

Result<Scheme> read_algorithm(std::span<const std::byte> content) noexcept {
  Der algorithm(content);
  const auto name = HOLDFAST_TRY(algorithm.take(kOid));
  const bool is_elliptic = std::ranges::equal(name, kEcPublicKey);
  if (!is_elliptic && !std::ranges::equal(name, kEd25519)) {
    return refusal("it is neither an Ed25519 nor a P-256 key")
        .with_hint("an agent's key is Ed25519, or P-256 where the authority accepts it");
  }
  if (!is_elliptic) return algorithm.is_at_end() ? Result<Scheme>(Scheme::ed25519) : Der::broken();
  const auto curve = HOLDFAST_TRY(algorithm.take(kOid));
  if (!std::ranges::equal(curve, kPrime256v1)) return refusal("it is a key on another curve than P-256");
  return Scheme::es256;
}

struct PemForm {
  std::string_view name;
  std::string_view refused;  // empty: read
};
constexpr std::array kPemForms{
    PemForm{"PRIVATE KEY", ""},
    PemForm{"OPENSSH PRIVATE KEY", ""},
    PemForm{"ENCRYPTED PRIVATE KEY", "it is encrypted (PKCS#8 with a passphrase)"},
    PemForm{"EC PRIVATE KEY", "it is in the SEC 1 form, not PKCS#8"},
    PemForm{"RSA PRIVATE KEY", "it is an RSA key, neither Ed25519 nor P-256"},
    PemForm{"PUBLIC KEY", "it is a public key"},
    PemForm{"CERTIFICATE", "it is a certificate"},
};

// Base64 with line ends, into locked memory.
Result<hal::SecretBytes> decode(std::string_view text) noexcept {
  hal::SecretBytes bytes = HOLDFAST_TRY(hal::SecretBytes::allocate(text.size() / 4 * 3 + 3));
  std::size_t size = 0;
  const char* end = nullptr;
  const int code = sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.storage({}).data()), bytes.capacity(),
                                     text.data(), text.size(), "\r\n", &size, &end, sodium_base64_VARIANT_ORIGINAL);
  if (code != 0 || end != text.data() + text.size()) return refusal("its base64 is broken or cut");
  bytes.set_size(size);
  return bytes;
}

Result<SoftwareKey> read_pem(std::string_view text) noexcept {
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kDashes = "-----";
  const std::size_t name_start = text.find(kBegin) + kBegin.size();
  const std::size_t name_end = text.find(kDashes, name_start);
  if (name_end == std::string_view::npos) return refusal("its PEM is broken");
  const std::string_view name = text.substr(name_start, name_end - name_start);
  const auto* form = std::ranges::find(kPemForms, name, &PemForm::name);
  if (form == kPemForms.end()) return refusal("it is PEM of a kind that holds no private key we know");
  if (!form->refused.empty()) {
    return refusal(form->refused).with_hint("write it as unencrypted PKCS#8: openssl pkcs8 -topk8 -nocrypt");
  }
  const std::size_t body_start = name_end + kDashes.size();
  const std::size_t body_end = text.find("-----END ", body_start);
  if (body_end == std::string_view::npos || text.substr(body_end + 9, name.size()) != name) {
    return refusal("its PEM is cut: the END line is missing");
  }
  const hal::SecretBytes bytes = HOLDFAST_TRY(decode(text.substr(body_start, body_end - body_start)));
  return name == "PRIVATE KEY" ? read_pkcs8(bytes.reveal({})) : read_openssh_key(bytes.reveal({}));
}

}  // namespace

Result<SoftwareKey> read_pkcs8(std::span<const std::byte> der) noexcept {
  Der whole(der);
  Der info(HOLDFAST_TRY(whole.take(kSequence)));
  if (!whole.is_at_end()) return Der::broken();
  const auto version = HOLDFAST_TRY(info.take(kInteger));
  if (version.size() != 1 || std::to_integer<unsigned>(version[0]) > 1) return Der::broken();
  const bool is_v2 = version[0] == std::byte{1};
  if (is_v2 && info.is_next(kOctetString)) {
    return refusal("it is in the SEC 1 form, not PKCS#8").with_hint("convert it: openssl pkcs8 -topk8 -nocrypt");
  }
  const auto algorithm = HOLDFAST_TRY(info.take(kSequence));
  const Scheme scheme = HOLDFAST_TRY(read_algorithm(algorithm));
  const auto content = HOLDFAST_TRY(info.take(kOctetString));
  HOLDFAST_TRY(info.skip_if(kAttributes));
  std::optional<std::span<const std::byte>> stated;
  if (is_v2 && info.is_next(kPublicKeyImplicit)) {
    stated = HOLDFAST_TRY(take_bits(info, kPublicKeyImplicit));
  } else if (is_v2 && info.is_next(kPublicKeyExplicit)) {
    Der wrapped(HOLDFAST_TRY(info.take(kPublicKeyExplicit)));
    stated = HOLDFAST_TRY(take_bits(wrapped, kBitString));
  }
  if (!info.is_at_end()) return Der::broken();

  std::span<const std::byte> value;
  if (scheme == Scheme::ed25519) {
    Der inner(content);
    value = HOLDFAST_TRY(inner.take(kOctetString));
    if (!inner.is_at_end() || value.size() != kPrivateKeySize) return Der::broken();
  } else {
    value = HOLDFAST_TRY(read_sec1(content, stated));
  }
  SoftwareKey key{{}, HOLDFAST_TRY(secret_of(value))};
  key.public_key = HOLDFAST_TRY(public_half(scheme, key.private_key));
  if (stated && !std::ranges::equal(*stated, key.public_key.bytes())) {
    return refusal("the public half in it is not that of the private key");
  }
  return key;
}

Result<SoftwareKey> read_private_key_file(std::span<const std::byte> file) noexcept {
  std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (text.empty()) return refusal("it is empty");
  if (file[0] == std::byte{kSequence} && text.find("-----BEGIN") == std::string_view::npos &&
      std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) > 0x7e || c == '\0'; })) {
    return read_pkcs8(file);
  }
  if (text.find("-----BEGIN ") != std::string_view::npos) return read_pem(text);
  const hal::SecretBytes bytes = HOLDFAST_TRY(decode(text));
  return read_pkcs8(bytes.reveal({}));
}

}  // namespace holdfast
