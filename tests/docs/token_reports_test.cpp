// SPDX-License-Identifier: Apache-2.0
// docs/tokens.md shows what `holdfast token check --report` prints, for each token that can be had without hardware.
#include "tests/support/p11_kit_server.hpp"
#include "tests/support/softhsm.hpp"
#include "tests/support/swtpm.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tpm2_pkcs11.hpp"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace holdfast::test {
namespace {

// Between these lines of the page, and the next "<!-- end -->".
std::string shown(const std::string& name) {
  const std::string page = read_file(HOLDFAST_TOKENS_PAGE);
  const std::string mark = "<!-- token check: " + name + " -->\n";
  const std::size_t begin = page.find(mark);
  if (begin == std::string::npos) return "nothing";
  return page.substr(begin + mark.size(), page.find("<!-- end -->", begin) - begin - mark.size());
}

bool is_nss_required() {
  const char* list = std::getenv("HOLDFAST_REQUIRE");
  const std::string names = "," + std::string(list != nullptr ? list : "") + ",";
  return names.find(",all,") != std::string::npos || names.find(",nss,") != std::string::npos;
}

/// What the built tool reports on the token `uri`, and how it ends.
class TokenReports : public testing::Test {
 protected:
  int check(const std::string& uri) {
    const std::string file = folder_.file("report");
    const std::string line = std::string(HOLDFAST_PROGRAM) + " token check '" + uri + "' --yes --report > " + file;
    const int status = std::system(line.c_str());  // NOLINT: a test's own literal
    report_ = read_file(file);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void expect_shown(const std::string& name) const {
    EXPECT_EQ(report_, shown(name)) << "docs/tokens.md is out of date. What the tool says now:\n" << report_;
  }

  const TemporaryFolder folder_;
  std::string report_;
};

TEST_F(TokenReports, SoftHsm) {
  HOLDFAST_SKIP_WITHOUT_SOFTHSM();
  const SoftHsm hsm;
  EXPECT_EQ(check(hsm.uri("", SoftHsm::module_path())), 0);
  expect_shown("softhsm");
}

TEST_F(TokenReports, SoftHsmBehindP11KitsServer) {
  HOLDFAST_SKIP_WITHOUT_SOFTHSM();
  HOLDFAST_SKIP_WITHOUT_P11_KIT_SERVER();
  const SoftHsm hsm;
  const P11KitServer server(hsm.folder().file("p11"));
  EXPECT_EQ(check(hsm.uri("", P11KitServer::client_path())), 0);
  expect_shown("p11-kit-remote");
}

TEST_F(TokenReports, Swtpm) {
  HOLDFAST_SKIP_WITHOUT_SWTPM();
  const Swtpm tpm;
  EXPECT_EQ(check(tpm.token_uri()), 0);
  expect_shown("swtpm");
}

// It refuses our templates one after the other, and leaves what it made of each in the TPM until that is full.
TEST_F(TokenReports, Tpm2Pkcs11) {
  HOLDFAST_SKIP_WITHOUT_TPM2_PKCS11();
  const Tpm2Pkcs11 token;
  token.flush();
  const std::string uri = token.uri();
  const std::size_t object = uri.find(";object=");
  EXPECT_EQ(check(uri.substr(0, object) + uri.substr(uri.find('?'))), 4);
  expect_shown("tpm2-pkcs11");
}

// It gives keys away, and is refused for that.
TEST_F(TokenReports, NssSoftokn) {
  HOLDFAST_SKIP_WITHOUT_SOFTHSM();
  const std::string module = HOLDFAST_SOFTOKN;
  if (access(module.c_str(), R_OK) != 0 || access("/usr/bin/certutil", X_OK) != 0) {
    if (is_nss_required()) FAIL() << "nss is required and not installed";
    GTEST_SKIP() << "nss";
  }
  const std::string database = "sql:" + folder_.path();
  ASSERT_EQ(std::system(("certutil -N -d " + database + " --empty-password").c_str()), 0);  // NOLINT
  setenv("HOLDFAST_LYING_MODULE", module.c_str(), 1);
  setenv("HOLDFAST_LIE", "reserved", 1);
  setenv("HOLDFAST_LIE_RESERVED",
         ("configdir='" + database + "' certPrefix='' keyPrefix='' secmod='secmod.db' flags=").c_str(), 1);
  EXPECT_EQ(check("pkcs11:token=NSS%20Certificate%20DB?module-path=" + SoftHsm::lying_path()), 4);
  expect_shown("nss-softokn");
}

}  // namespace
}  // namespace holdfast::test
