// SPDX-License-Identifier: Apache-2.0
#include "tests/support/softokn.hpp"

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace holdfast::test {
namespace {

constexpr const char* kCertutil = "/usr/bin/certutil";

}  // namespace

Softokn::Softokn() {
  const std::string database = "sql:" + folder_.path();
  const std::string make = std::string(kCertutil) + " -N -d " + database + " --empty-password";
  if (std::system(make.c_str()) != 0) throw std::runtime_error("no database for softokn");  // NOLINT
  setenv("HOLDFAST_LYING_MODULE", HOLDFAST_TEST_SOFTOKN, 1);
  setenv("HOLDFAST_LIE", "reserved", 1);
  setenv("HOLDFAST_LIE_RESERVED",
         ("configdir='" + database + "' certPrefix='' keyPrefix='' secmod='secmod.db' flags=").c_str(), 1);
}

Softokn::~Softokn() {
  unsetenv("HOLDFAST_LIE");
  unsetenv("HOLDFAST_LIE_RESERVED");
}

bool Softokn::is_installed() { return access(HOLDFAST_TEST_SOFTOKN, R_OK) == 0 && access(kCertutil, X_OK) == 0; }

bool Softokn::is_required() {
  const char* list = std::getenv("HOLDFAST_REQUIRE");
  const std::string names = "," + std::string(list != nullptr ? list : "") + ",";
  return names.find(",all,") != std::string::npos || names.find(",nss,") != std::string::npos;
}

std::string Softokn::uri(std::string_view object) {
  std::string path = "pkcs11:token=NSS%20Certificate%20DB";
  if (!object.empty()) path += ";object=" + std::string(object);
  return path + "?module-path=" + HOLDFAST_TEST_LYING;
}

}  // namespace holdfast::test
