// SPDX-License-Identifier: Apache-2.0
// OpenSSL 3 calls the engine interface deprecated; it is what Debian 12 has for PKCS#11.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "tests/bench/bench_token.hpp"
#include "tests/bench/peers/evp_signing.hpp"

#include <openssl/engine.h>
#include <openssl/evp.h>

#include <stdexcept>

namespace holdfast::bench {
namespace {

void require(bool is_done, const char* what) {
  if (!is_done) throw std::runtime_error(std::string("OpenSSL's pkcs11 engine: ") + what);
}

class OpensslEngine final : public HeaderPeer {
 public:
  OpensslEngine(const std::string& module_path, const std::string& token_label, const std::string& key_label) {
    ENGINE_load_dynamic();
    engine_ = ENGINE_by_id("pkcs11");
    require(engine_ != nullptr, "not installed (libengine-pkcs11-openssl)");
    require(ENGINE_ctrl_cmd_string(engine_, "MODULE_PATH", module_path.c_str(), 0) == 1, "MODULE_PATH");
    require(ENGINE_ctrl_cmd_string(engine_, "PIN", BenchToken::kPin, 0) == 1, "PIN");
    require(ENGINE_init(engine_) == 1, "ENGINE_init");
    const std::string uri = "pkcs11:token=" + token_label + ";object=" + key_label + ";type=private";
    key_ = ENGINE_load_private_key(engine_, uri.c_str(), nullptr, nullptr);
    require(key_ != nullptr, "it finds no private key");
  }
  ~OpensslEngine() override {
    EVP_PKEY_free(key_);
    ENGINE_finish(engine_);
    ENGINE_free(engine_);
  }
  OpensslEngine(const OpensslEngine&) = delete;
  OpensslEngine& operator=(const OpensslEngine&) = delete;

  Signature sign(std::span<const std::byte> message) override { return evp_sign(key_, Scheme::es256, message); }

 private:
  ENGINE* engine_ = nullptr;
  EVP_PKEY* key_ = nullptr;
};

}  // namespace

std::unique_ptr<HeaderPeer> openssl_engine(const std::string& module_path, const std::string& token_label,
                                           const std::string& key_label) {
  return std::make_unique<OpensslEngine>(module_path, token_label, key_label);
}

}  // namespace holdfast::bench
