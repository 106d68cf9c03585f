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

using Engine = std::shared_ptr<ENGINE>;

Engine load_engine(const std::string& module_path) {
  ENGINE_load_dynamic();
  Engine engine(ENGINE_by_id("pkcs11"), ENGINE_free);
  require(engine != nullptr, "not installed (libengine-pkcs11-openssl)");
  require(ENGINE_ctrl_cmd_string(engine.get(), "MODULE_PATH", module_path.c_str(), 0) == 1, "MODULE_PATH");
  require(ENGINE_ctrl_cmd_string(engine.get(), "PIN", BenchToken::kPin, 0) == 1, "PIN");
  require(ENGINE_init(engine.get()) == 1, "ENGINE_init");
  return {engine.get(), [engine](ENGINE* in_use) { ENGINE_finish(in_use); }};
}

}  // namespace

EvpKey engine_key(const std::string& module_path, const std::string& token_label, const std::string& key_label) {
  const Engine engine = load_engine(module_path);
  const std::string uri = "pkcs11:token=" + token_label + ";object=" + key_label + ";type=private";
  EVP_PKEY* const key = ENGINE_load_private_key(engine.get(), uri.c_str(), nullptr, nullptr);
  require(key != nullptr, "it finds no private key");
  return {key, [engine](EVP_PKEY* loaded) { EVP_PKEY_free(loaded); }};
}

}  // namespace holdfast::bench
