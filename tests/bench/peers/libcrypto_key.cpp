// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/evp_signing.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdio>
#include <stdexcept>

namespace holdfast::bench {

EvpKey libcrypto_key(const std::string& pem_file) {
  FILE* const file = std::fopen(pem_file.c_str(), "r");
  if (file == nullptr) throw std::runtime_error(pem_file + " cannot be read");
  EVP_PKEY* const key = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
  std::fclose(file);
  if (key == nullptr) throw std::runtime_error("libcrypto: PEM_read_PrivateKey");
  return {key, EVP_PKEY_free};
}

}  // namespace holdfast::bench
