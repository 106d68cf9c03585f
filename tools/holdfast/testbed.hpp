// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "tools/holdfast/keeper.hpp"
#include "tools/holdfast/terminal.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::tool {

/// The programs that a testbed is made of, on this machine.
struct TestbedParts {
  std::string authority;
  std::string module;  ///< SoftHSM's, or
  std::string swtpm;   ///< for a TPM

  /// `module` is the `--module` argument. For what is missing, with the package to install: `module_unusable` for
  /// SoftHSM's module, else `file_invalid`.
  [[nodiscard]] static Result<TestbedParts> find(bool is_tpm, std::string_view module);
};

/// A throwaway token with a key, an authority that has registered it, and the identity file of the two, in a keeper's
/// folder. Made by the tool's own commands, each as a person would type it.
class Testbed {
 public:
  /// The arguments outlive the testbed.
  Testbed(Keeper& keeper, const TestbedParts& parts, Terminal& terminal);

  /// Returns the exit code; what failed has been said.
  [[nodiscard]] int make();

  /// What a command that runs in it finds in its environment, as "NAME=value".
  [[nodiscard]] std::vector<std::string> environment() const;

 private:
  using Words = std::vector<std::string>;

  [[nodiscard]] std::string file(std::string_view name) const { return keeper_.folder() + "/" + std::string(name); }
  [[nodiscard]] Result<void> start_authority();
  [[nodiscard]] Result<void> read_ready_file();
  [[nodiscard]] Result<void> prepare_softhsm();
  [[nodiscard]] Result<void> start_tpm();
  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] std::vector<Words> token_steps() const;
  [[nodiscard]] Words registration() const;
  [[nodiscard]] int run(const Words& words);
  [[nodiscard]] int fail(const Result<void>& result);

  Keeper& keeper_;
  const TestbedParts& parts_;
  Terminal& terminal_;
  bool is_tpm_;
  std::string token_uri_;
  std::string key_uri_;
  std::string tcti_;
  std::string authority_url_;
  std::string verify_url_;
  std::string ca_file_;
};

}  // namespace holdfast::tool
