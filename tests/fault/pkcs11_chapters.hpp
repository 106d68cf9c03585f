// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/fault/stage.hpp"
#include "tests/support/softhsm.hpp"

#include <vector>

namespace holdfast::fault {

/// A SoftHSM behind the shim, with a token folder that is copied back.
class TokenStage final : public Stage {
 public:
  TokenStage();

  void put_up(State state) override;
  void lose() override { test::shim_control().lose(); }
  [[nodiscard]] std::size_t objects() const override;
  [[nodiscard]] std::size_t objects_of_a_key() const override { return 2; }
  [[nodiscard]] hal::KeySpec new_key() const override { return {Scheme::ed25519, "agent", {}}; }
  [[nodiscard]] std::string uri_of_new_key() const override { return hsm_.uri("", test::SoftHsm::shim_path()); }
  [[nodiscard]] std::string uri_of_key() const override { return hsm_.uri("agent", test::SoftHsm::shim_path()); }
  [[nodiscard]] std::string pin_source() const override { return {}; }  // in the URI
  [[nodiscard]] std::string failure_records() const override { return hsm_.folder().file("records"); }
  [[nodiscard]] const test::SoftHsm& hsm() const { return hsm_; }

 private:
  test::SoftHsm hsm_;
  std::string saved_[3];
};

/// The recorded run on a PKCS#11 token.
[[nodiscard]] std::vector<std::unique_ptr<Chapter>> pkcs11_chapters(TokenStage& stage);

}  // namespace holdfast::fault
