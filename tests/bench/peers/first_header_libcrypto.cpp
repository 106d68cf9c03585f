// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/first_header.hpp"

namespace holdfast::bench {

std::unique_ptr<HeaderMaker> open_key(const KeyPlace& place) { return libcrypto_key(place.scheme, place.file); }

}  // namespace holdfast::bench
