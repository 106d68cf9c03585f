// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/authority_process.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/swtpm.hpp"
#include "tests/support/temporary_folder.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::test {

struct Outcome {
  std::string output;
  std::string errors;
  int exit_code = 0;  ///< 128 and the signal's number if it was killed
};

/// What one transcript runs on: a fresh folder, and what it needs beside that.
///
/// Commands see `$MODULE` (SoftHSM, with a token folder of this stage's own), `$AUTHORITY`, `$VERIFY`, `$CA` and
/// `$BEARER` (a running authority's base URL, verification URL, certificate and bearer file), `$ORIGIN` and `$READY`
/// (its origin and ready file), `$SEALED`, `$SEALED_CA`, `$SEALED_BEARER` (one that answers sealed), `$SCRIPTED` (the
/// base of scripted_authority.cpp's URLs), `$TPM`, `$KEY` and `$EK_CA` (the TCTI of a running swtpm, the URI of a key
/// in it, and the certificates of who certified it), `$PAST_CLOCK` (a library to preload, with which a program's
/// clock stands in 2019) and `$TRACED_CALLS` (tests/docs/traced_calls). In their output these texts and the folder
/// are written as their names.
class Stage {
 public:
  /// Makes ready what `needs` names (softhsm, swtpm, authority, sealed-authority, scripted-authority, unsanitized, or
  /// a program's name) and returns the name of the first that is missing on this machine; empty if none is.
  [[nodiscard]] std::string set_up(const std::vector<std::string>& needs);

  /// Runs `command` with sh in the stage's folder, at most four minutes.
  [[nodiscard]] Outcome run(const std::string& command);

 private:
  [[nodiscard]] bool start_authority(const std::string& prefix, const std::string& answer);
  [[nodiscard]] std::vector<std::string> environment() const;
  [[nodiscard]] pid_t begin(const std::string& command, const std::string& output, const std::string& errors) const;

  TemporaryFolder root_;
  std::optional<Swtpm> tpm_;
  std::map<std::string, std::string> variables_;
  std::vector<std::unique_ptr<AuthorityProcess>> authorities_;
  std::unique_ptr<ScriptedServer> scripted_;
};

/// Whether HOLDFAST_REQUIRE lists `name`, or `all`.
[[nodiscard]] bool is_required(std::string_view name);

}  // namespace holdfast::test
