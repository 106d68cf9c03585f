// SPDX-License-Identifier: Apache-2.0
//
// Key files that hold both halves, with every byte changed, left out or doubled, and cut at every place: what is read
// all the same is the key that was written.
#include "src/identity/openssh_key.hpp"
#include "src/identity/private_key.hpp"
#include "src/identity/software_crypto.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace holdfast {
namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}
Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes whole;
  for (const Bytes& part : parts) whole.insert(whole.end(), part.begin(), part.end());
  return whole;
}

// RFC 4251 §5.
Bytes number(std::uint32_t value) {
  Bytes bytes(4);
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = std::byte(value >> (24 - 8 * i) & 0xFFU);
  return bytes;
}
Bytes string(const Bytes& content) { return joined({number(static_cast<std::uint32_t>(content.size())), content}); }
Bytes string(std::string_view text) { return string(bytes_of(text)); }

// X.690 §8.1, for contents of less than 256 bytes.
Bytes der(unsigned char tag, const Bytes& content) {
  Bytes head{std::byte{tag}};
  if (content.size() >= 0x80) head.push_back(std::byte{0x81});
  head.push_back(std::byte(content.size()));
  return joined({head, content});
}

const Bytes kSecret(32, std::byte{7});

PublicKey public_key_of(Scheme scheme) {
  hal::SecretBytes secret = hal::SecretBytes::allocate(32).value();
  std::ranges::copy(kSecret, secret.storage({}).begin());
  secret.set_size(32);
  return public_half(scheme, secret).value();
}
Bytes public_bytes(Scheme scheme) {
  const PublicKey key = public_key_of(scheme);
  return {key.bytes().begin(), key.bytes().end()};
}

// openssh's PROTOCOL.key.
Bytes openssh(const Bytes& key_fields, std::size_t size_of_padding) {
  Bytes padding;
  for (std::size_t i = 1; i <= size_of_padding; ++i) padding.push_back(std::byte(i));
  const Bytes secret = joined({number(0x01020304), number(0x01020304), key_fields, string("a@b"), padding});
  return joined({bytes_of(std::string_view("openssh-key-v1\0", 15)), string("none"), string("none"), string(""),
                 number(1), string("the public key again"), string(secret)});
}

struct Form {
  const char* name;
  Scheme scheme;
  std::function<Bytes()> write;
  Result<SoftwareKey> (*read)(std::span<const std::byte>) noexcept;
};
std::ostream& operator<<(std::ostream& out, const Form& form) { return out << form.name; }

const Form kForms[] = {
    {"openssh_ed25519", Scheme::ed25519,
     [] {
       const Bytes half = public_bytes(Scheme::ed25519);
       return openssh(joined({string("ssh-ed25519"), string(half), string(joined({kSecret, half}))}), 5);
     },
     read_openssh_key},
    {"openssh_p256", Scheme::es256,
     [] {
       return openssh(joined({string("ecdsa-sha2-nistp256"), string("nistp256"), string(public_bytes(Scheme::es256)),
                              string(kSecret)}),
                      3);
     },
     read_openssh_key},
    // RFC 5958 and RFC 8410
    {"pkcs8_ed25519", Scheme::ed25519,
     [] {
       return der(0x30, joined({der(0x02, {std::byte{1}}), der(0x30, der(0x06, bytes_of("\x2b\x65\x70"))),
                                der(0x04, der(0x04, kSecret)),
                                der(0x81, joined({{std::byte{0}}, public_bytes(Scheme::ed25519)}))}));
     },
     read_pkcs8},
    // RFC 5958 and RFC 5915
    {"pkcs8_p256", Scheme::es256,
     [] {
       const Bytes names = joined({der(0x06, bytes_of("\x2a\x86\x48\xce\x3d\x02\x01")),
                                   der(0x06, bytes_of("\x2a\x86\x48\xce\x3d\x03\x01\x07"))});
       const Bytes half = der(0xa1, der(0x03, joined({{std::byte{0}}, public_bytes(Scheme::es256)})));
       const Bytes key = der(0x30, joined({der(0x02, {std::byte{1}}), der(0x04, kSecret), half}));
       return der(0x30, joined({der(0x02, {std::byte{0}}), der(0x30, names), der(0x04, key)}));
     },
     read_pkcs8},
};

class KeyFileDamage : public testing::TestWithParam<Form> {
 protected:
  /// Refused as a file that is not valid, or the key that was written.
  void expect_harmless(const Bytes& damaged, const std::string& how) {
    const auto key = GetParam().read(damaged);
    if (key) {
      EXPECT_EQ(key->public_key, public_key_) << how << ": another key was read";
      ++read_;
    } else {
      EXPECT_EQ(key.status(), Status::file_invalid) << how;
      ++refused_;
    }
  }
  const PublicKey public_key_ = public_key_of(GetParam().scheme);
  const Bytes whole_ = GetParam().write();
  std::size_t read_ = 0;
  std::size_t refused_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Forms, KeyFileDamage, testing::ValuesIn(kForms),
                         [](const auto& form) { return std::string(form.param.name); });

TEST_P(KeyFileDamage, UndamagedItIsRead) {
  const auto key = GetParam().read(whole_);
  ASSERT_TRUE(key) << key.error().detail.view();
  EXPECT_EQ(key->public_key, public_key_);
  EXPECT_TRUE(std::ranges::equal(key->private_key.reveal({}), kSecret));
}

TEST_P(KeyFileDamage, EveryByteChanged) {
  for (std::size_t i = 0; i < whole_.size(); ++i) {
    for (const unsigned change : {0x01U, 0x80U, 0xFFU, std::to_integer<unsigned>(whole_[i])}) {
      Bytes damaged = whole_;
      damaged[i] ^= std::byte(change);
      expect_harmless(damaged, "byte " + std::to_string(i) + " by " + std::to_string(change));
    }
  }
  EXPECT_GT(refused_, 2 * whole_.size()) << "of which " << read_ << " were read";
}

TEST_P(KeyFileDamage, EveryByteLeftOutOrDoubled) {
  for (std::size_t i = 0; i < whole_.size(); ++i) {
    const auto place = whole_.begin() + static_cast<std::ptrdiff_t>(i);
    Bytes shorter(whole_.begin(), place);
    shorter.insert(shorter.end(), place + 1, whole_.end());
    expect_harmless(shorter, "without byte " + std::to_string(i));
    Bytes longer(whole_.begin(), place);
    longer.push_back(*place);
    longer.insert(longer.end(), place, whole_.end());
    expect_harmless(longer, "byte " + std::to_string(i) + " twice");
  }
}

TEST_P(KeyFileDamage, EveryCutIsRefused) {
  for (std::size_t size = 0; size < whole_.size(); ++size) {
    EXPECT_EQ(GetParam().read(std::span(whole_).first(size)).status(), Status::file_invalid) << size;
  }
}

}  // namespace
}  // namespace holdfast
