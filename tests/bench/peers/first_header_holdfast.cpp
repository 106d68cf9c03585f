// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/first_header.hpp"
#include "tests/bench/peers/holdfast_signer.hpp"

namespace holdfast::bench {

std::unique_ptr<HeaderMaker> open_key(const KeyPlace& place) {
  const std::string uri = "pkcs11:token=" + place.token_label + ";object=" + std::string(scheme_name(place.scheme)) +
                          "?module-path=" + place.module_path;
  return holdfast_signer(uri, "file:" + place.file);
}

}  // namespace holdfast::bench
