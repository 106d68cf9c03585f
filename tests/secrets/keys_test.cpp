// SPDX-License-Identifier: Apache-2.0
//
// A private key that is imported: from the text it stands in to the token, and its wiping.
#include "src/identity/software_crypto.hpp"
#include "src/identity/upstream_record.hpp"
#include "src/verification/sealed_box.hpp"
#include "tests/secrets/watched_test.hpp"

#include <sodium.h>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::kNoDeadline;

// RFC 8032 §7.1, test 1; RFC 6979 §A.2.5.
constexpr std::string_view kSeed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
constexpr std::string_view kScalar = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
constexpr std::string_view kPoint =
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f"
    "5177a3c294d4462299";

std::string unhex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

/// A text, and where in it the secret is.
struct Source {
  std::string text;
  SecretPart secret;
};

Source in(std::string_view before, const Source& what, std::string_view behind) {
  return {std::string(before) + what.text + std::string(behind),
          {before.size() + what.secret.begin, before.size() + what.secret.end}};
}

// A character is secret if all of its six bits are: with one that also holds a bit of what stands beside the key, the
// form of the file would count as secret.
Source base64(const Source& what, int variant = sodium_base64_VARIANT_ORIGINAL) {
  Source out;
  out.text.resize(sodium_base64_encoded_len(what.text.size(), variant));
  sodium_bin2base64(out.text.data(), out.text.size(), reinterpret_cast<const unsigned char*>(what.text.data()),
                    what.text.size(), variant);
  out.text.pop_back();
  out.secret = {(what.secret.begin * 8 + 5) / 6, what.secret.end * 8 / 6};
  return out;
}

Source secret(std::string_view hex) { return {unhex(hex), {0, 32}}; }
Source ed25519_pkcs8() { return in(unhex("302e020100300506032b657004220420"), secret(kSeed), ""); }
Source p256_pkcs8() {
  return in(unhex("304102010030130607"
                  "2a8648ce3d020106082a8648ce3d030107042730250201010420"),
            secret(kScalar), "");
}
Source pem(const Source& der) {
  return in("-----BEGIN PRIVATE KEY-----\n", base64(der), "\n-----END PRIVATE KEY-----\n");
}
Source record() {
  return in(R"({"iss":"i","aud":"a","agent_runtime_id":"agent-123","agent_private_key":")", base64(ed25519_pkcs8()),
            R"(","account_id":"x"})");
}
Source jwt() {
  constexpr int kUrl = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  const std::string header = base64({R"({"alg":"RS256","kid":"k"})", {}}, kUrl).text;
  return in(header + ".", base64(record(), kUrl), ".AAAA\n");
}

std::string wire(std::string_view bytes) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(bytes.size() >> shift);
  return out + std::string(bytes);
}
Source openssh(std::string_view type, const Source& key_fields) {
  const std::string check = unhex("0102030401020304");
  Source inner = in(check + wire(type), key_fields, wire("a comment"));
  for (char i = 1; inner.text.size() % 8 != 0; ++i) inner.text += i;
  const std::string size = wire(inner.text).substr(0, 4);
  const Source whole = in(std::string("openssh-key-v1\0", 15) + wire("none") + wire("none") + wire("") +
                              unhex("00000001") + wire("public") + size,
                          inner, "");
  return in("-----BEGIN OPENSSH PRIVATE KEY-----\n", base64(whole), "\n-----END OPENSSH PRIVATE KEY-----\n");
}
Source openssh_ed25519(std::string_view public_key) {
  return openssh("ssh-ed25519", in(wire(public_key) + unhex("00000040"), secret(kSeed), public_key));
}
Source openssh_p256() {
  // Its first byte, which says whether a zero stands before it, is left out: 0xc9 needs one.
  Source scalar = in(unhex("0000002100"), secret(kScalar), "");
  return openssh("ecdsa-sha2-nistp256", in(wire("nistp256") + wire(unhex(kPoint)), scalar, ""));
}

class SecretKey : public WatchedToken {
 protected:
  void SetUp() override {
    WatchedToken::SetUp();
    ASSERT_GE(sodium_init(), 0);
  }
  // As `agent import` reads it.
  static SoftwareIdentity read(const Source& source) {
    const TemporaryFolder folder;
    const std::string path = folder.write("source", source.text);
    watch_file(path, {source.secret});
    hal::SecretBytes bytes = must(hal::SecretBytes::allocate(65536));
    constexpr hal::SecretWording kWording{"reading", "the source", Status::file_invalid, nullptr};
    const std::size_t size =
        must(hal::read_secret(must(hal::PinSource::parse("file:" + path)), "", kWording, bytes.storage({})));
    bytes.set_size(size);
    SoftwareIdentity identity = must(read_upstream_record(bytes.storage({}).first(size)));
    identity.jwt.reset();
    const auto key = identity.key.private_key.reveal({});
    EXPECT_TRUE(holds_poison(key.subspan(1, 1))) << "nobody watched it";
    EXPECT_TRUE(holds_poison(key.subspan(30, 1)));
    return identity;
  }
  static std::string ed25519_public() {
    std::string key(32, '\0');
    std::array<unsigned char, 64> pair{};
    const std::string seed = unhex(kSeed);
    crypto_sign_seed_keypair(reinterpret_cast<unsigned char*>(key.data()), pair.data(),
                             reinterpret_cast<const unsigned char*>(seed.data()));
    return key;
  }
};

TEST_F(SecretKey, OfEd25519IsReadInEachForm) {
  for (const Source& source : {ed25519_pkcs8(), pem(ed25519_pkcs8()), base64(ed25519_pkcs8()), record(), jwt(),
                               openssh_ed25519(ed25519_public())}) {
    SCOPED_TRACE(source.text.substr(0, 30));
    if (source.text.starts_with("{")) {
      (void)read(in(R"({"agent_identity":)", source, "}"));
    } else {
      (void)read(source);
    }
    watch_nothing();
  }
}

TEST_F(SecretKey, OfP256IsReadInEachForm) {
  for (const Source& source : {p256_pkcs8(), pem(p256_pkcs8()), base64(p256_pkcs8()), openssh_p256()}) {
    SCOPED_TRACE(source.text.substr(0, 30));
    (void)read(source);
    watch_nothing();
  }
}

TEST_F(SecretKey, OfEd25519GoesIntoATokenWithItsTwin) {
  const SoftwareIdentity identity = read(jwt());
  const DevicePtr device = must(open(uri(""), DeviceAccess::provision));
  const hal::MadeKey made = must(device->key_importer()->import_key(
      {Scheme::ed25519, "agent", {}}, identity.key.private_key, identity.key.public_key, kNoDeadline));
  expect_signature(*device, made.handle, identity.key.public_key);
  const auto twin_public = must(x25519_public_key(identity.key.public_key));
  const hal::SecretBytes twin = must(x25519_secret(identity.key.private_key));
  EXPECT_TRUE(holds_poison(twin.reveal({})));
  must(device->key_importer()->import_twin({Scheme::ed25519, "agent-twin", {}}, twin, twin_public, kNoDeadline));
  EXPECT_GE(seen().values, 2U) << "the key and its twin";
}

TEST_F(SecretKey, OfP256GoesIntoAToken) {
  const SoftwareIdentity identity = read(pem(p256_pkcs8()));
  const DevicePtr device = must(open(uri(""), DeviceAccess::provision));
  const hal::MadeKey made = must(device->key_importer()->import_key(
      {Scheme::es256, "agent", {}}, identity.key.private_key, identity.key.public_key, kNoDeadline));
  expect_signature(*device, made.handle, identity.key.public_key);
  EXPECT_GE(seen().values, 1U);
}

TEST_F(SecretKey, MadeForATwinGoesIntoAToken) {
  hal::SecretBytes seed = must(new_seed());
  poison(seed.storage({}));
  const PublicKey key = must(public_half(Scheme::ed25519, seed));
  const DevicePtr device = must(open(uri(""), DeviceAccess::provision));
  const hal::MadeKey made =
      must(device->key_importer()->import_key({Scheme::ed25519, "agent", {}}, seed, key, kNoDeadline));
  expect_signature(*device, made.handle, key);
  EXPECT_GE(seen().values, 1U);
}

class SecretKeyToTpm : public WatchedTpm {};

TEST_F(SecretKeyToTpm, OfP256IsWrappedForTheRootAndSigns) {
  const std::string pin = pin_file("an auth value");
  const DevicePtr device = open_tpm(uri(), DeviceAccess::provision, pin);
  hal::SecretBytes scalar = must(hal::SecretBytes::allocate(32));
  const std::string bytes = unhex(kScalar);
  std::ranges::copy(std::as_bytes(std::span(bytes)), scalar.storage({}).begin());
  scalar.set_size(32);
  poison(scalar.storage({}));
  const PublicKey key = must(public_half(Scheme::es256, scalar));
  const hal::MadeKey made = must(
      device->key_importer()->import_key({.scheme = Scheme::es256, .label = {}, .id = {}}, scalar, key, kNoDeadline));
  EXPECT_GE(secret_commands(), 1U) << "the wrapped key went by";
  expect_signature(*device, made.handle, key);
}

}  // namespace
}  // namespace holdfast::test
