// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/evp_signing.hpp"
#include "tests/bench/peers/first_header.hpp"

namespace holdfast::bench {

std::unique_ptr<HeaderMaker> open_key(const KeyPlace& place) {
  return evp_signer(libcrypto_key(place.file), place.scheme);
}

}  // namespace holdfast::bench
