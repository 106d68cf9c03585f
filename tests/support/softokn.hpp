// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/temporary_folder.hpp"

#include <string>
#include <string_view>

namespace holdfast::test {

/// A token of NSS softokn in a database of one test, without a password. softokn takes the folder of its database
/// from C_Initialize alone, which the lying module hands on.
class Softokn {
 public:
  Softokn();
  ~Softokn();
  Softokn(const Softokn&) = delete;
  Softokn& operator=(const Softokn&) = delete;

  /// Whether the module, its tools and the module in front of it are there; `HOLDFAST_SKIP_WITHOUT_SOFTOKN` makes a
  /// test of it.
  [[nodiscard]] static bool is_installed();
  /// HOLDFAST_REQUIRE lists "nss" or "all".
  [[nodiscard]] static bool is_required();

  /// "pkcs11:token=NSS%20Certificate%20DB;object=NAME?module-path=…", without object if `object` is empty.
  [[nodiscard]] static std::string uri(std::string_view object);

 private:
  TemporaryFolder folder_;
};

}  // namespace holdfast::test

/// Skips by name where NSS is missing, unless HOLDFAST_REQUIRE lists it.
#define HOLDFAST_SKIP_WITHOUT_SOFTOKN()                                                          \
  do {                                                                                           \
    if (!holdfast::test::Softokn::is_installed()) {                                              \
      if (holdfast::test::Softokn::is_required()) FAIL() << "nss is required and not installed"; \
      GTEST_SKIP() << "nss";                                                                     \
    }                                                                                            \
  } while (false)
