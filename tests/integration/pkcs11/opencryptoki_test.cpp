// SPDX-License-Identifier: Apache-2.0
//
// A module of another maker whose soft token knows no elliptic curve, and counts wrong PINs: run as a whole by
// tests/support/with-opencryptoki, which makes the token "agents" for it.
#include "src/identity/software_crypto.hpp"
#include "tests/integration/pkcs11/on_token.hpp"
#include "tests/support/temporary_folder.hpp"

namespace holdfast::test {
namespace {

class Opencryptoki : public testing::Test {
 protected:
  static std::string setting(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set: run by with-opencryptoki");
    return value;
  }
  [[nodiscard]] static std::string uri() {
    return std::string("pkcs11:token=agents;object=agent?module-path=") + HOLDFAST_TEST_OPENCRYPTOKI;
  }
  [[nodiscard]] Result<hal::DevicePtr> open(const std::string& pin_file,
                                            DeviceAccess access = DeviceAccess::provision) const {
    const std::string uri = Opencryptoki::uri();
    const std::string records = folder_.file("records");
    hal::DeviceOptions options;
    options.uri = uri;
    options.access = access;
    options.failure_records = records;
    options.pin = *hal::PinSource::parse("file:" + pin_file);
    return hal::open_device(options);
  }
  [[nodiscard]] Result<hal::DevicePtr> open() const { return open(setting("OPENCRYPTOKI_PIN")); }

  const TemporaryFolder folder_;
};

TEST_F(Opencryptoki, IsListedWithNoneOfOurSchemes) {
  std::array<hal::TokenDescription, 4> tokens;
  const std::string uri = Opencryptoki::uri();
  hal::DeviceOptions options;
  options.uri = uri;
  const auto count = (*hal::backend_for(uri))->list_tokens(options, tokens);
  ASSERT_OK(count);
  ASSERT_EQ(*count, 1U);
  EXPECT_EQ(tokens[0].label.view(), "agents");
  EXPECT_TRUE(tokens[0].is_initialised);
  EXPECT_FALSE(tokens[0].can_ed25519);
  EXPECT_FALSE(tokens[0].can_es256);
}

TEST_F(Opencryptoki, MakesAndTakesNoKeyAndSaysSo) {
  const auto device = open();
  ASSERT_OK(device);
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) {
    const hal::KeySpec spec{scheme, "agent", {}};
    EXPECT_STATUS((*device)->key_generator()->generate(spec, kNoDeadline), scheme_unsupported);
    auto secret = hal::SecretBytes::allocate(32);
    ASSERT_OK(secret);
    secret->storage({})[31] = std::byte{7};
    secret->set_size(32);
    const auto key = public_half(scheme, *secret);
    ASSERT_OK(key);
    EXPECT_STATUS((*device)->key_importer()->import_key(spec, *secret, *key, kNoDeadline), scheme_unsupported);
    EXPECT_STATUS((*device)->export_probe()->try_export(scheme, kNoDeadline), scheme_unsupported);
  }
  EXPECT_STATUS((*device)->find_key({}, kNoDeadline), key_not_found);
  const auto left = (*device)->key_inventory()->list({});
  ASSERT_OK(left);
  EXPECT_EQ(*left, 0U) << "something is left behind";
}

TEST_F(Opencryptoki, IsOpenedAgainAndReset) {
  for (int i = 0; i < 3; ++i) {
    const auto device = open(setting("OPENCRYPTOKI_PIN"), DeviceAccess::sign);
    ASSERT_OK(device);
    ASSERT_OK((*device)->reset(kNoDeadline));
    EXPECT_STATUS((*device)->find_key({}, kNoDeadline), key_not_found);
  }
}

// The last of the file: nobody logs in after it.
TEST_F(Opencryptoki, KeepsItsLastTryForAPerson) {
  const std::string first = folder_.write("first", "11111111\n", 0600);
  EXPECT_STATUS(open(first), pin_incorrect);
  EXPECT_STATUS(open(first), pin_refused_before);
  const std::string second = folder_.write("second", "22222222\n", 0600);
  EXPECT_STATUS(open(second), pin_incorrect);
  // It says by a flag that one try is left, which SoftHSM and tpm2-pkcs11 never do.
  const auto third = open(folder_.write("third", "33333333\n", 0600));
  EXPECT_STATUS(third, pin_locked);
  EXPECT_NE(third.error().detail.view().find("one try left"), std::string_view::npos);
  EXPECT_STATUS(open(), pin_locked);
}

}  // namespace
}  // namespace holdfast::test
