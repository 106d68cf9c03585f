// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/ecdsa_der.hpp"
#include "tests/bench/peers/peer.hpp"
#include "tests/support/swtpm.hpp"

#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/store.h>

#include <cstdlib>
#include <stdexcept>

namespace holdfast::bench {
namespace {

void require(bool is_done, const char* what) {
  if (!is_done) throw std::runtime_error(std::string("tpm2-openssl: ") + what);
}

class OpensslProvider final : public Peer {
 public:
  explicit OpensslProvider(const test::Swtpm& tpm) {
    std::string out;
    const int made = tpm.run(
        "openssl genpkey -provider tpm2 -algorithm EC -pkeyopt group:P-256 -out key.pem && tpm2_flushcontext -t && "
        "openssl pkey -provider tpm2 -provider default -in key.pem -pubout -outform DER -out public.der && "
        "tpm2_flushcontext -t && "
        "tail -c 65 public.der >public.point",
        &out);
    require(made == 0, out.c_str());
    // The provider reads it when it is loaded.
    setenv("TPM2OPENSSL_TCTI", tpm.tcti().c_str(), 1);
    context_ = OSSL_LIB_CTX_new();
    require(context_ != nullptr, "OSSL_LIB_CTX_new");
    tpm2_ = OSSL_PROVIDER_load(context_, "tpm2");
    default_ = OSSL_PROVIDER_load(context_, "default");
    require(tpm2_ != nullptr && default_ != nullptr, "OSSL_PROVIDER_load");
    OSSL_STORE_CTX* store = OSSL_STORE_open_ex(("file:" + tpm.folder().file("key.pem")).c_str(), context_,
                                               "?provider=tpm2", nullptr, nullptr, nullptr, nullptr, nullptr);
    require(store != nullptr, "OSSL_STORE_open_ex");
    while (key_ == nullptr && OSSL_STORE_eof(store) == 0) {
      OSSL_STORE_INFO* info = OSSL_STORE_load(store);
      if (info != nullptr && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY) {
        key_ = OSSL_STORE_INFO_get1_PKEY(info);
      }
      OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    require(key_ != nullptr, "no key in its own file");
    signing_ = EVP_PKEY_CTX_new_from_pkey(context_, key_, "provider=tpm2");
    require(signing_ != nullptr && EVP_PKEY_sign_init(signing_) == 1 &&
                EVP_PKEY_CTX_set_signature_md(signing_, EVP_sha256()) == 1,
            "EVP_PKEY_sign_init");
  }
  ~OpensslProvider() override {
    EVP_PKEY_CTX_free(signing_);
    EVP_PKEY_free(key_);
    OSSL_PROVIDER_unload(tpm2_);
    OSSL_PROVIDER_unload(default_);
    OSSL_LIB_CTX_free(context_);
  }
  OpensslProvider(const OpensslProvider&) = delete;
  OpensslProvider& operator=(const OpensslProvider&) = delete;

  void sign(const PeerDigest& digest) override {
    size_ = signature_.size();
    require(EVP_PKEY_sign(signing_, reinterpret_cast<unsigned char*>(signature_.data()), &size_,
                          reinterpret_cast<const unsigned char*>(digest.data()), digest.size()) == 1,
            "EVP_PKEY_sign");
  }
  [[nodiscard]] Signature last_signature() const override { return r_and_s(std::span(signature_).first(size_)); }

 private:
  OSSL_LIB_CTX* context_ = nullptr;
  OSSL_PROVIDER* tpm2_ = nullptr;
  OSSL_PROVIDER* default_ = nullptr;
  EVP_PKEY* key_ = nullptr;
  EVP_PKEY_CTX* signing_ = nullptr;
  std::array<std::byte, 128> signature_{};
  std::size_t size_ = 0;
};

}  // namespace

std::unique_ptr<Peer> openssl_provider(const test::Swtpm& tpm) { return std::make_unique<OpensslProvider>(tpm); }

}  // namespace holdfast::bench
