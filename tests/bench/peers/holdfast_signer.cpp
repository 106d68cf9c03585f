// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/holdfast_signer.hpp"

#include "tests/bench/ids.hpp"

#include <optional>

namespace holdfast::bench {
namespace {

using namespace std::chrono_literals;

class HoldfastSigner final : public HeaderMaker {
 public:
  HoldfastSigner(const std::string& key_uri, const std::string& pin_source, SignerUse use)
      : freshness_(use.freshness) {
    const Ids ids;
    SignerOptions options;
    options.runtime_id = ids.runtime.view();
    options.key_uri = key_uri;
    options.pin_source = pin_source;
    options.verify = use.verify;
    options.sessions = 8;
    signer_.emplace(require(Signer::open(options)));
  }

  std::size_t header(const RuntimeId& /*runtime*/, const TaskId& task, std::span<char> out) override {
    return require(signer_->authorization(task, 10s, out, freshness_));
  }

 private:
  Freshness freshness_;
  std::optional<Signer> signer_;
};

}  // namespace

std::unique_ptr<HeaderMaker> holdfast_signer(const std::string& key_uri, const std::string& pin_source,
                                             SignerUse use) {
  return std::make_unique<HoldfastSigner>(key_uri, pin_source, use);
}

}  // namespace holdfast::bench
