// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"

#include "tests/support/temporary_folder.hpp"

#include <map>
#include <string>

namespace holdfast::bench {

/// A SoftHSM token in a temporary folder with one key of each scheme, labelled with the scheme's name; the process
/// and its children are pointed at it. Its label is `bench`.
class BenchToken {
 public:
  static constexpr const char* kPin = "1234";
  static constexpr const char* kLabel = "bench";

  explicit BenchToken(std::string module_path);

  /// Of a key; through `module_path`, which stands in front of the token's module or is it.
  [[nodiscard]] std::string uri(Scheme scheme, const std::string& module_path) const;
  /// Another token of the same module with one key, labelled as above; its public half.
  PublicKey add_token(const std::string& label, Scheme scheme);
  /// The key's CKA_ID in hex.
  [[nodiscard]] static const char* id(Scheme scheme) { return scheme == Scheme::ed25519 ? "01" : "02"; }
  [[nodiscard]] const PublicKey& public_key(Scheme scheme) const { return public_keys_.at(scheme); }
  [[nodiscard]] const std::string& module_path() const { return module_path_; }
  [[nodiscard]] const std::string& pin_source() const { return pin_source_; }
  [[nodiscard]] const test::TemporaryFolder& folder() const { return folder_; }

 private:
  void init_token(const std::string& label);
  PublicKey make_key(const std::string& label, Scheme scheme);
  [[nodiscard]] static std::string uri_on(const std::string& label, Scheme scheme, const std::string& module_path);

  test::TemporaryFolder folder_;
  std::string module_path_;
  std::string pin_source_;
  std::map<Scheme, PublicKey> public_keys_;
};

}  // namespace holdfast::bench
