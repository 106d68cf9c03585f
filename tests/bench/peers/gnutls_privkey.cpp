// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/bench_token.hpp"
#include "tests/bench/peers/header_peer.hpp"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/pkcs11.h>

#include <algorithm>
#include <stdexcept>

namespace holdfast::bench {
namespace {

void require(int code, const char* what) {
  if (code < 0) throw std::runtime_error(std::string("GnuTLS: ") + what + ": " + gnutls_strerror(code));
}

// r or s: without leading zeroes or with one, as DER has it.
void put(const gnutls_datum_t& number, std::span<std::byte> out) {
  std::span<const std::byte> digits = std::as_bytes(std::span(number.data, number.size));
  while (digits.size() > out.size()) digits = digits.subspan(1);
  std::ranges::copy(digits, std::ranges::fill(out.first(out.size() - digits.size()), std::byte{0}));
}

class GnutlsPrivkey final : public HeaderPeer {
 public:
  GnutlsPrivkey(const std::string& module_path, Scheme scheme) : scheme_(scheme) {
    // Once in a process: the module, and none of those that the machine configures.
    static const int is_ready = [&module_path] {
      require(gnutls_pkcs11_init(GNUTLS_PKCS11_FLAG_MANUAL, nullptr), "gnutls_pkcs11_init");
      require(gnutls_pkcs11_add_provider(module_path.c_str(), nullptr), "gnutls_pkcs11_add_provider");
      return 0;
    }();
    static_cast<void>(is_ready);
    require(gnutls_privkey_init(&key_), "gnutls_privkey_init");
    const std::string uri = "pkcs11:token=" + std::string(BenchToken::kLabel) +
                            ";object=" + std::string(scheme_name(scheme)) +
                            ";type=private?pin-value=" + BenchToken::kPin;
    require(gnutls_privkey_import_url(key_, uri.c_str(), 0), "gnutls_privkey_import_url");
  }
  ~GnutlsPrivkey() override { gnutls_privkey_deinit(key_); }
  GnutlsPrivkey(const GnutlsPrivkey&) = delete;
  GnutlsPrivkey& operator=(const GnutlsPrivkey&) = delete;

  Signature sign(std::span<const std::byte> message) override {
    // The interface takes its input without const.
    const gnutls_datum_t data{
        const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(message.data())),  // NOLINT
        static_cast<unsigned>(message.size())};
    gnutls_datum_t made{};
    const bool is_ed25519 = scheme_ == Scheme::ed25519;
    require(gnutls_privkey_sign_data2(key_, is_ed25519 ? GNUTLS_SIGN_EDDSA_ED25519 : GNUTLS_SIGN_ECDSA_SHA256, 0,
                                      &data, &made),
            "gnutls_privkey_sign_data2");
    Signature signature{};
    if (is_ed25519) {
      std::ranges::copy(std::as_bytes(std::span(made.data, std::min<std::size_t>(made.size, signature.size()))),
                        signature.begin());
    } else {
      gnutls_datum_t r{};
      gnutls_datum_t s{};
      require(gnutls_decode_rs_value(&made, &r, &s), "gnutls_decode_rs_value");
      put(r, std::span(signature).first(32));
      put(s, std::span(signature).last(32));
      gnutls_free(r.data);
      gnutls_free(s.data);
    }
    gnutls_free(made.data);
    return signature;
  }

 private:
  Scheme scheme_;
  gnutls_privkey_t key_ = nullptr;
};

}  // namespace

std::unique_ptr<HeaderPeer> gnutls_privkey(const std::string& module_path, Scheme scheme) {
  return std::make_unique<GnutlsPrivkey>(module_path, scheme);
}

}  // namespace holdfast::bench
