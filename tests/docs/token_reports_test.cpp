// SPDX-License-Identifier: Apache-2.0
// docs/tokens.md shows what `holdfast token check --report` prints, for each token that can be had without hardware.
#include "tests/support/p11_kit_server.hpp"
#include "tests/support/softhsm.hpp"
#include "tests/support/softokn.hpp"
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
  HOLDFAST_SKIP_WITHOUT_SOFTOKN();
  const Softokn database;
  EXPECT_EQ(check(Softokn::uri("")), 4);
  expect_shown("nss-softokn");
}

// It has no elliptic curve at all: there is nothing to report, and that is said.
TEST_F(TokenReports, Opencryptoki) {
  const std::string file = folder_.file("report");
  const std::string uri = std::string("pkcs11:token=agents?module-path=") + HOLDFAST_OPENCRYPTOKI;
  const std::string line = std::string(HOLDFAST_WITH_OPENCRYPTOKI) + " sh -c '" + HOLDFAST_PROGRAM +
                           " token check \"" + uri + "\" --pin-source \"file:$OPENCRYPTOKI_PIN\" --yes --report' > " +
                           file + " 2>&1";
  const int status = std::system(line.c_str());  // NOLINT: a test's own literal
  ASSERT_TRUE(WIFEXITED(status));
  report_ = read_file(file);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << report_;
  EXPECT_EQ(WEXITSTATUS(status), 2) << report_;
  report_ = "```\n" + report_ + "```\n";
  expect_shown("opencryptoki");
}

}  // namespace
}  // namespace holdfast::test
