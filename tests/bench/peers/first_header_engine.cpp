// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/evp_signing.hpp"
#include "tests/bench/peers/first_header.hpp"

namespace holdfast::bench {

std::unique_ptr<HeaderMaker> open_key(const KeyPlace& place) {
  return evp_signer(engine_key(place.module_path, place.token_label, std::string(scheme_name(place.scheme))),
                    place.scheme);
}

}  // namespace holdfast::bench
