// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/jwt_issuer.hpp"

#include "holdfast/public_key.hpp"

#include "src/assertion/base64.hpp"
#include "src/identity/jwt.hpp"
#include "tools/authority/agent_registration.hpp"
#include "tools/authority/state_file.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include <stdio.h>

#include <array>
#include <memory>
#include <optional>
#include <vector>

namespace holdfast::authority {
namespace {

constexpr unsigned kRsaBits = 2048;
constexpr std::int64_t kLongestLife = 365LL * 86'400;

struct Free {
  void operator()(BIO* bio) const noexcept { BIO_free_all(bio); }
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  void operator()(BIGNUM* number) const noexcept { BN_free(number); }
  void operator()(FILE* file) const noexcept { fclose(file); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Error failed(const char* doing, const std::string& path) {
  return failure(Status::file_invalid, Layer::system, doing).about(path);
}

std::string url_text(std::span<const std::byte> bytes) {
  std::string text(base64_size(Base64::url, bytes.size()), '\0');
  text.resize(encode_base64(Base64::url, bytes, text));
  return text;
}
std::string url_text(std::string_view text) { return url_text(std::as_bytes(std::span(text))); }

std::vector<std::byte> parameter(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return {};
  const Owned<BIGNUM> owned(number);
  std::vector<std::byte> bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  return bytes;
}

// The first half of the modulus' hash: the same key has the same id after a restart.
std::string id_of(EVP_PKEY* key) {
  const auto modulus = parameter(key, OSSL_PKEY_PARAM_RSA_N);
  std::array<std::byte, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(digest.data()),
                     reinterpret_cast<const unsigned char*>(modulus.data()), modulus.size());
  return "dev-" + url_text(std::span(digest).first(digest.size() / 2));
}

Owned<EVP_PKEY> read_key(const std::string& path) {
  const Owned<FILE> file(fopen(path.c_str(), "re"));
  if (!file) return nullptr;
  return Owned<EVP_PKEY>(PEM_read_PrivateKey(
      file.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
}

Result<Owned<EVP_PKEY>> make_key(const std::string& path) {
  Owned<EVP_PKEY> key(EVP_RSA_gen(kRsaBits));
  const Owned<BIO> text(BIO_new(BIO_s_secmem()));
  if (!key || !text ||
      PEM_write_bio_PKCS8PrivateKey(text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failed("making a key for JWTs", path);
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  HOLDFAST_TRY(write_state_file(path, {data, static_cast<std::size_t>(size)}, kOwnerOnly));
  return key;
}

std::string present(const std::string& path) { return path + ".jwt.pem"; }
std::string previous(const std::string& path) { return path + ".jwt-previous.pem"; }

Result<Owned<EVP_PKEY>> present_key(const std::string& path) {
  if (Owned<EVP_PKEY> key = read_key(present(path))) return key;
  return make_key(present(path));
}

Json web_key(EVP_PKEY* key) {
  Json json = Json::object();
  json.set("kty", "RSA")
      .set("use", "sig")
      .set("alg", "RS256")
      .set("kid", id_of(key))
      .set("n", url_text(parameter(key, OSSL_PKEY_PARAM_RSA_N)))
      .set("e", url_text(parameter(key, OSSL_PKEY_PARAM_RSA_E)));
  return json;
}

std::optional<std::string> sign(EVP_PKEY* key, const std::string& text) {
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  std::vector<std::byte> signature(kRsaBits / 8);
  std::size_t size = signature.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1) {
    return std::nullopt;
  }
  return url_text(std::span(signature).first(size));
}

struct SeedPair {
  std::array<std::byte, 32> seed{};
  PublicKey public_key;
};

std::optional<SeedPair> new_pair() {
  SeedPair pair;
  std::array<std::byte, 32> point{};
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret{};
  randombytes_buf(pair.seed.data(), pair.seed.size());
  crypto_sign_seed_keypair(reinterpret_cast<unsigned char*>(point.data()), secret.data(),
                           reinterpret_cast<const unsigned char*>(pair.seed.data()));
  const auto key = PublicKey::from_bytes(Scheme::ed25519, point);
  if (!key) return std::nullopt;
  pair.public_key = *key;
  return pair;
}

// PKCS#8 version 2 with the public half, as upstream writes it (RFC 5958 §2, RFC 8410 §7): 83 bytes.
std::string pkcs8_text(const SeedPair& pair) {
  constexpr std::array<unsigned char, 16> kHead{0x30, 0x51, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06,
                                                0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
  constexpr std::array<unsigned char, 3> kMiddle{0x81, 0x21, 0x00};
  std::vector<std::byte> der;
  const auto add = [&der](std::span<const std::byte> part) { der.insert(der.end(), part.begin(), part.end()); };
  add(std::as_bytes(std::span(kHead)));
  add(pair.seed);
  add(std::as_bytes(std::span(kMiddle)));
  add(pair.public_key.bytes());
  std::string text(base64_size(Base64::standard, der.size()), '\0');
  text.resize(encode_base64(Base64::standard, der, text));
  return text;
}

std::optional<Answer> refuse_stranger(const Request& request, Store& store) {
  if (is_bearer(request.authorization, store.bearer())) return std::nullopt;
  return refuse_unauthorized("Bearer", "bearer_refused", "send this database's bearer; it stands in its token file");
}

}  // namespace

Answer JwtIssuer::answer_jwks() {
  const std::lock_guard lock(mutex_);
  const auto key = present_key(path_);
  if (!key) return refuse_store(key.error());
  Json keys = Json::array();
  keys.append(web_key(key->get()));
  if (const Owned<EVP_PKEY> old = read_key(previous(path_))) keys.append(web_key(old.get()));
  Answer answer;
  answer.body.set("keys", std::move(keys));
  answer.reason = "jwks_shown";
  return answer;
}

Answer JwtIssuer::issue(const Request& request, Store& store, WallSeconds now) {
  if (auto refusal = refuse_stranger(request, store)) return *std::move(refusal);
  auto parsed = read_json_object(request);
  if (Answer* refusal = std::get_if<Answer>(&parsed)) return std::move(*refusal);
  const Json& body = std::get<Json>(parsed);
  const std::int64_t life = body.integer_member("expires_in").value_or(3'600);
  if (life > kLongestLife || life < -kLongestLife) {
    return refuse(400, "body_invalid", "expires_in must be a number of seconds within a year");
  }
  const std::lock_guard lock(mutex_);
  const auto key = present_key(path_);
  if (!key) return refuse_store(key.error());
  const auto pair = new_pair();
  if (!pair) return refuse(500, "internal_error", "no key could be made");

  Agent agent;
  agent.public_key = to_ssh_public_key(pair->public_key).view();
  agent.runtime_id = random_id("agent-");
  agent.agent_version = HOLDFAST_VERSION;
  agent.harness_id = "holdfast-authority";
  agent.running_location = "jwt";
  agent.capabilities = "[]";
  agent.registered_at = now;
  Json header = Json::object();
  header.set("alg", "RS256").set("kid", id_of(key->get())).set("typ", "JWT");
  Json claims = Json::object();
  claims.set("iss", kJwtIssuer)
      .set("aud", kJwtAudience)
      .set("iat", now.value)
      .set("exp", now.value + life)
      .set("agent_runtime_id", agent.runtime_id)
      .set("agent_private_key", pkcs8_text(*pair))
      .set("account_id", "account-development")
      .set("chatgpt_user_id", "user-development")
      .set("email", "agent@example.com")
      .set("plan_type", "team")
      .set("chatgpt_account_is_fedramp", false);
  const std::string text = url_text(header.dump()) + "." + url_text(claims.dump());
  const auto signature = sign(key->get(), text);
  if (!signature) return refuse(500, "internal_error", "the JWT could not be signed");
  if (const Result<void> stored = store.add_agent(agent); !stored) return refuse_store(stored.error());
  Answer answer;
  answer.body.set("agent_runtime_id", agent.runtime_id).set("jwt", text + "." + *signature);
  answer.reason = "jwt_issued";
  answer.runtime_id = agent.runtime_id;
  return answer;
}

Answer JwtIssuer::rotate(const Request& request, Store& store) {
  if (auto refusal = refuse_stranger(request, store)) return *std::move(refusal);
  const std::lock_guard lock(mutex_);
  const auto old = present_key(path_);
  if (!old) return refuse_store(old.error());
  if (::rename(present(path_).c_str(), previous(path_).c_str()) != 0) {
    return refuse_store(failed("keeping the previous key for JWTs", previous(path_)));
  }
  const auto key = make_key(present(path_));
  if (!key) return refuse_store(key.error());
  Answer answer;
  answer.body.set("kid", id_of(key->get())).set("previous_kid", id_of(old->get()));
  answer.reason = "jwt_key_rotated";
  return answer;
}

}  // namespace holdfast::authority
