// SPDX-License-Identifier: Apache-2.0
#include "tests/support/software_key.hpp"

#include "src/assertion/envelope.hpp"
#include "src/assertion/message.hpp"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <array>
#include <stdexcept>
#include <vector>

namespace holdfast::test {
namespace {

void require(bool is_done) {
  if (!is_done) throw std::runtime_error("software key");
}

const unsigned char* as_bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

struct SoftwareKey::State {
  Scheme scheme = Scheme::ed25519;
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{nullptr, &EVP_PKEY_free};
};

SoftwareKey::SoftwareKey(Scheme scheme) : state_(std::make_unique<State>()) {
  state_->scheme = scheme;
  state_->key.reset(scheme == Scheme::ed25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519") : EVP_EC_gen("P-256"));
  require(state_->key != nullptr);
}

SoftwareKey::SoftwareKey(std::span<const std::byte, 32> seed) : state_(std::make_unique<State>()) {
  state_->key.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                                 reinterpret_cast<const unsigned char*>(seed.data()), seed.size()));
  require(state_->key != nullptr);
}

SoftwareKey::SoftwareKey(SoftwareKey&&) noexcept = default;
SoftwareKey::~SoftwareKey() = default;

PublicKey SoftwareKey::public_key() const {
  std::array<unsigned char, kP256PointSize> bytes{};
  std::size_t size = bytes.size();
  require(state_->scheme == Scheme::ed25519
              ? EVP_PKEY_get_raw_public_key(state_->key.get(), bytes.data(), &size) == 1
              : EVP_PKEY_get_octet_string_param(state_->key.get(), "pub", bytes.data(), size, &size) == 1);
  const auto key = PublicKey::from_bytes(state_->scheme, std::as_bytes(std::span(bytes)).first(size));
  require(key.has_value());
  return *key;
}

std::string SoftwareKey::ssh_line() const { return std::string(to_ssh_public_key(public_key()).view()); }

Signature SoftwareKey::sign(std::string_view message) const {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const EVP_MD* hash = state_->scheme == Scheme::ed25519 ? nullptr : EVP_sha256();
  std::array<unsigned char, 80> raw{};
  std::size_t size = raw.size();
  require(EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, state_->key.get()) == 1);
  require(EVP_DigestSign(context.get(), raw.data(), &size, as_bytes(message), message.size()) == 1);
  Signature signature{};
  auto* out = reinterpret_cast<unsigned char*>(signature.data());
  if (state_->scheme == Scheme::ed25519) {
    std::copy_n(raw.begin(), signature.size(), out);
    return signature;
  }
  const unsigned char* der = raw.data();
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> parts(
      d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(size)), &ECDSA_SIG_free);
  require(BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), out, 32) == 32);
  require(BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), out + 32, 32) == 32);
  return signature;
}

std::string SoftwareKey::authorization(std::string_view runtime_id, std::string_view task_id,
                                       WallSeconds time) const {
  const RuntimeId runtime = RuntimeId::parse(runtime_id).value();
  const TaskId task = TaskId::parse(task_id).value();
  const TimestampText timestamp = format_timestamp(time).value();
  std::array<char, kMaxAuthorizationSize> value{};
  const auto size = write_authorization(runtime, task, timestamp,
                                        sign(build_assertion_message(runtime, task, timestamp).view()), value);
  return {value.data(), size.value()};
}

std::string SoftwareKey::task_request(std::string_view runtime_id, WallSeconds time) const {
  const RuntimeId runtime = RuntimeId::parse(runtime_id).value();
  const TimestampText timestamp = format_timestamp(time).value();
  const auto signature = signature_text(sign(build_registration_message(runtime, timestamp).view()));
  return R"({"timestamp":")" + std::string(timestamp.view()) + R"(","signature":")" + std::string(signature.view()) +
         R"("})";
}

std::optional<std::string> SoftwareKey::open_sealed(const std::string& box) const {
  std::array<unsigned char, crypto_sign_SEEDBYTES> seed{};
  std::size_t size = seed.size();
  require(EVP_PKEY_get_raw_private_key(state_->key.get(), seed.data(), &size) == 1);
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> ed_public{};
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> ed_secret{};
  std::array<unsigned char, crypto_box_PUBLICKEYBYTES> x_public{};
  std::array<unsigned char, crypto_box_SECRETKEYBYTES> x_secret{};
  crypto_sign_seed_keypair(ed_public.data(), ed_secret.data(), seed.data());
  require(crypto_sign_ed25519_pk_to_curve25519(x_public.data(), ed_public.data()) == 0);
  require(crypto_sign_ed25519_sk_to_curve25519(x_secret.data(), ed_secret.data()) == 0);

  std::vector<unsigned char> sealed(box.size());
  std::size_t sealed_size = 0;
  if (sodium_base642bin(sealed.data(), sealed.size(), box.data(), box.size(), nullptr, &sealed_size, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0 ||
      sealed_size < crypto_box_SEALBYTES) {
    return std::nullopt;
  }
  std::string opened(sealed_size - crypto_box_SEALBYTES, '\0');
  if (crypto_box_seal_open(reinterpret_cast<unsigned char*>(opened.data()), sealed.data(), sealed_size,
                           x_public.data(), x_secret.data()) != 0) {
    return std::nullopt;
  }
  return opened;
}

}  // namespace holdfast::test
