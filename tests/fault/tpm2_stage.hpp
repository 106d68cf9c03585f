// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/fault/stage.hpp"
#include "tests/support/swtpm.hpp"
#include "tests/support/tcti_shim.hpp"

namespace holdfast::fault {

/// What stands between the back end and swtpm.
[[nodiscard]] test::TctiShimControl& tcti_shim();

/// A swtpm behind the TCTI shim; the key is in a file and has an auth value, or is persistent and has none.
class TpmStage final : public Stage {
 public:
  enum class Keeps { in_file, persistent };
  explicit TpmStage(Keeps keeps);

  void put_up(State state) override;
  void lose() override { tcti_shim().lose_connection(); }
  [[nodiscard]] std::size_t objects() const override;
  [[nodiscard]] std::size_t objects_of_a_key() const override { return 1; }
  [[nodiscard]] hal::KeySpec new_key() const override { return {Scheme::es256, "", {}}; }
  [[nodiscard]] std::string uri_of_new_key() const override { return uri_of_key(); }
  [[nodiscard]] std::string uri_of_key() const override;
  [[nodiscard]] std::string pin_source() const override { return pin_source_; }
  [[nodiscard]] std::string failure_records() const override { return tpm_.folder().file("records"); }
  [[nodiscard]] const test::Swtpm& tpm() const { return tpm_; }

 private:
  void make_key();

  const Keeps keeps_;
  test::Swtpm tpm_;
  std::string pin_source_;
  std::string file_;
  std::string saved_file_;
};

}  // namespace holdfast::fault
