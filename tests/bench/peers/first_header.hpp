// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/bench/peers/header_peer.hpp"

namespace holdfast::bench {

/// Where a key is: on the bench's token of `module_path`, labelled with its scheme, or in `file`.
struct KeyPlace {
  Scheme scheme;
  std::string module_path;
  std::string token_label;
  std::string file;  ///< the key, or the PIN, or nothing
};

/// One for each program `first_header_…`: opens whatever signs with that key. Throws where it cannot.
[[nodiscard]] std::unique_ptr<HeaderMaker> open_key(const KeyPlace& place);

}  // namespace holdfast::bench
