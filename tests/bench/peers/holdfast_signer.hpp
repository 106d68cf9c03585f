// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/signer.hpp"

#include "tests/bench/peers/header_peer.hpp"

namespace holdfast::bench {

struct SignerUse {
  VerifySignatures verify = VerifySignatures::always;
  Freshness freshness = Freshness::fresh;
};

/// Ours, as a host has it: one signer for all threads, with a session for each of eight.
[[nodiscard]] std::unique_ptr<HeaderMaker> holdfast_signer(const std::string& key_uri, const std::string& pin_source,
                                                           SignerUse use = {});

}  // namespace holdfast::bench
