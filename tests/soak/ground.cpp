// SPDX-License-Identifier: Apache-2.0
#include "tests/soak/ground.hpp"

#include <array>
#include <stdexcept>

namespace holdfast::soak {
namespace {

class WholeSigner final : public OpenedSigner {
 public:
  explicit WholeSigner(Signer opened) : signer_(std::move(opened)) {}
  TypedSigner& signer() override { return signer_; }
  SignerCounters counters() const override { return signer_.counters(); }

 private:
  Signer signer_;
};

}  // namespace

Result<std::unique_ptr<OpenedSigner>> open_signer(const std::string& key_uri) {
  SignerOptions options;
  options.runtime_id = "agent-123";
  options.key_uri = key_uri;
  Signer opened = HOLDFAST_TRY(Signer::open(options));
  return std::unique_ptr<OpenedSigner>(std::make_unique<WholeSigner>(std::move(opened)));
}

std::unique_ptr<Ground> make_ground(std::string_view name) {
  if (name == "softhsm-ed25519") return make_softhsm_ground(Scheme::ed25519);
  if (name == "softhsm-es256") return make_softhsm_ground(Scheme::es256);
  if (name == "swtpm-es256") return make_swtpm_ground();
  if (name == "fake-ed25519") return make_fake_ground();
  throw std::invalid_argument("no such ground: " + std::string(name));
}

void give_up(const Error& error) {
  std::array<char, 640> text{};
  throw std::runtime_error(std::string(write_message(error, text)));
}

}  // namespace holdfast::soak
