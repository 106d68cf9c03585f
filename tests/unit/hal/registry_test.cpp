// SPDX-License-Identifier: Apache-2.0
#include "hal/registry.hpp"

#include "hal/signing_registry.hpp"

#include <gtest/gtest.h>

#include <signal.h>

namespace holdfast::hal {
namespace {

TEST(Registry, NamesEveryBackEndOnce) {
  ASSERT_EQ(backends().size(), 2U);
  EXPECT_EQ(backends()[0].scheme, "pkcs11:");
  EXPECT_EQ(backends()[1].scheme, "tpm2:");
  for (const Backend& backend : backends()) {
    EXPECT_NE(backend.open, nullptr);
    EXPECT_NE(backend.list_tokens, nullptr);
    EXPECT_NE(backend.init_token, nullptr);
    EXPECT_NE(backend.check_uri, nullptr);
  }
}

#ifdef HOLDFAST_WITHOUT_TPM2
TEST(Registry, ABackEndLeftOutSaysSo) {
  DeviceOptions options;
  options.uri = "tpm2:handle=0x81000001";
  EXPECT_EQ(open_device(options).status(), Status::backend_not_built);
  EXPECT_EQ(backends()[1].list_tokens(options, {}).status(), Status::backend_not_built);
  EXPECT_EQ(backends()[1].init_token({}).status(), Status::backend_not_built);
  EXPECT_EQ(backends()[1].check_uri("tpm2:handle=0x81000001").status(), Status::backend_not_built);
}
#else
TEST(Registry, ATpmUriReachesItsBackEnd) {
  DeviceOptions options;
  options.uri = "tpm2:handle=1";
  const auto device = open_device(options);
  EXPECT_EQ(device.status(), Status::invalid_uri);
  EXPECT_EQ(device.error().layer, Layer::tpm2);
}
TEST(Registry, AUriIsCheckedWithoutADevice) {
  EXPECT_TRUE(backends()[0].check_uri("pkcs11:token=x;object=y?module-path=/no/such/module.so"));
  EXPECT_EQ(backends()[0].check_uri("pkcs11:token=x;objct=y").status(), Status::invalid_uri);
  EXPECT_TRUE(backends()[1].check_uri("tpm2:handle=0x81000001?tcti=swtpm:path=/no/such/socket"));
  EXPECT_EQ(backends()[1].check_uri("tpm2:hndle=0x81000001").status(), Status::invalid_uri);
}
#endif

TEST(SigningRegistry, AnswersAsTheOtherDoes) {
  for (const bool is_ignored : {false, true}) {
    for (const std::string_view uri :
         {"", "pkcs11", "file:/x", " tpm2:", "pkcs11:token=x?module-path=/no/such/module.so",
          "PKCS11:token=x?module-path=/no/such/module.so", "tpm2:handle=1", "TPM2:handle=1", "tpm2:nonsense=1"}) {
      DeviceOptions options;
      options.uri = uri;
      options.sigpipe_is_ignored = is_ignored;
      const auto full = open_device(options);
      const auto signing = open_for_signing(options);
      ASSERT_FALSE(full || signing) << uri;
      EXPECT_EQ(signing.status(), full.status()) << uri;
      EXPECT_EQ(signing.error().detail, full.error().detail) << uri;
      EXPECT_EQ(signing.error().layer, full.error().layer) << uri;
    }
  }
}

TEST(SigningRegistry, OpensForNothingElse) {
  for (const DeviceAccess access : {DeviceAccess::provision, DeviceAccess::browse}) {
    DeviceOptions options;
    options.uri = "pkcs11:token=x?module-path=/no/such/module.so";
    options.access = access;
    EXPECT_EQ(open_for_signing(options).status(), Status::invalid_argument);
  }
}

TEST(Registry, ASignalThatIsSaidToBeIgnoredMustBe) {
  DeviceOptions options;
  options.uri = "pkcs11:token=x?module-path=/no/such/module.so";
  options.sigpipe_is_ignored = true;
  const auto refused = open_device(options);
  EXPECT_EQ(refused.status(), Status::invalid_argument);
  EXPECT_NE(hint_of(refused.error()).find("SIG_IGN"), std::string_view::npos);

  signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(open_device(options).status(), Status::module_unusable);
  signal(SIGPIPE, SIG_DFL);
}

TEST(Registry, KnowsASchemeInCapitals) {
  for (const std::string_view uri : {"PKCS11:token=x", "Pkcs11:"}) {
    const auto backend = backend_for(uri);
    ASSERT_TRUE(backend) << uri;
    EXPECT_EQ((*backend)->scheme, "pkcs11:");
  }
  EXPECT_EQ((*backend_for("TPM2:handle=1"))->scheme, "tpm2:");
}

TEST(Registry, AnUnknownSchemeIsNoUri) {
  for (const std::string_view uri : {"", "pkcs11", "pkcs11;token=x", "file:/x", " pkcs11:"}) {
    DeviceOptions options;
    options.uri = uri;
    EXPECT_EQ(open_device(options).status(), Status::invalid_uri) << uri;
  }
}

}  // namespace
}  // namespace holdfast::hal
