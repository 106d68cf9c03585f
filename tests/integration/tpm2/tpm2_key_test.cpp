// SPDX-License-Identifier: Apache-2.0
#include "hal/signing_registry.hpp"
#include "src/signer/key_policy.hpp"
#include "tests/integration/tpm2/on_tpm.hpp"

#include <gtest/gtest.h>
#include <tss2/tss2_tpm2_types.h>

#include <filesystem>
#include <vector>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::KeyAttribute;
using hal::kNoDeadline;
using hal::Tristate;

class Tpm2Key : public OnTpm {};

TEST_F(Tpm2Key, InAFileIsMadeFoundDescribedAndSigns) {
  DevicePtr device = open(tpm_->file_uri("agent"));
  const hal::MadeKey made = generate(*device, "agent");
  const PublicKey key = *made.description.public_key;
  EXPECT_TRUE(sign(*device, made.handle, key));
  EXPECT_EQ(made.description.label.view(), "agent");
  EXPECT_EQ(made.description.id_hex.view().substr(0, 4), "000b");
  EXPECT_TRUE(check_key_policy(made.description, KeyProfile::strict));
  device.reset();

  device = open(std::string(made.description.uri.view()), DeviceAccess::sign);
  const hal::KeyHandle handle = find(*device);
  const auto description = must(device->describe(handle));
  EXPECT_EQ(description.public_key, key);
  EXPECT_EQ(description.uri, made.description.uri);
  EXPECT_EQ(description.attributes.get(KeyAttribute::no_da), Tristate::yes);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(sign(*device, handle, key));
}

TEST_F(Tpm2Key, IsAllThatAHostHasWhichSigns) {
  DevicePtr device = open(tpm_->file_uri("agent"));
  const hal::MadeKey made = generate(*device, "agent");
  device.reset();
  hal::DeviceOptions options;
  options.uri = made.description.uri.view();
  device = must(hal::open_for_signing(options));
  EXPECT_EQ(device->key_generator(), nullptr);
  EXPECT_EQ(device->key_importer(), nullptr);
  EXPECT_EQ(device->key_inventory(), nullptr);
  EXPECT_EQ(device->export_probe(), nullptr);
  EXPECT_EQ(device->attestor(), nullptr);
  EXPECT_EQ(device->endorsement(), nullptr);
  EXPECT_TRUE(sign(*device, find(*device), *made.description.public_key));
}

TEST_F(Tpm2Key, PersistentIsMadeFoundDescribedAndSigns) {
  DevicePtr device = open(tpm_->handle_uri("0x81000010"));
  const hal::MadeKey made = generate(*device);
  const PublicKey key = *made.description.public_key;
  EXPECT_TRUE(sign(*device, made.handle, key));
  EXPECT_EQ(made.description.label.view(), "0x81000010");
  EXPECT_TRUE(check_key_policy(made.description, KeyProfile::strict));
  device.reset();
  tpm_->restart();
  device = open(std::string(made.description.uri.view()), DeviceAccess::sign);
  EXPECT_TRUE(sign(*device, find(*device), key));
  device.reset();
  device = open(tpm_->handle_uri("0x81000010"));
  EXPECT_TRUE(device->key_inventory()->destroy(find(*device)));
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::key_not_found);
}

// The second endorsement key of a TPM as it is shipped is one of P-384, and its name a SHA-384.
TEST_F(Tpm2Key, BesideAKeyWhoseNameWeDoNotReadIsListedAndFound) {
  tpm_.emplace(Swtpm::Make::certified);
  DevicePtr device = open(tpm_->handle_uri("0x81000010"));
  const PublicKey key = *generate(*device).description.public_key;
  device.reset();
  device = open(tpm_->token_uri());
  std::vector<hal::KeyDescription> keys(4);
  ASSERT_EQ(must(device->key_inventory()->list(keys)), 1U);
  EXPECT_EQ(keys[0].public_key, key);
  EXPECT_TRUE(sign(*device, find(*device), key));
}

// What `swtpm_setup --ecc --create-spk` keeps where the storage root is looked for.
TEST_F(Tpm2Key, BesideAStorageRootWhoseNameWeDoNotReadHasOneOfItsOwn) {
  std::string out;
  ASSERT_EQ(tpm_->run("tpm2_createprimary -Q -C o -g sha384 -G ecc384 -c spk.ctx && tpm2_evictcontrol -Q -C o -c "
                      "spk.ctx 0x81000001 && tpm2_flushcontext -t",
                      &out),
            0)
      << out;
  for (const std::string& uri : {tpm_->file_uri("agent"), tpm_->handle_uri("0x81000010")}) {
    DevicePtr device = open(uri);
    const hal::MadeKey made = generate(*device);
    device.reset();
    device = open(std::string(made.description.uri.view()), DeviceAccess::sign);
    EXPECT_TRUE(sign(*device, find(*device), *made.description.public_key)) << uri;
    const auto token = device->describe_token();
    ASSERT_TRUE(token);
    EXPECT_FALSE(token->serial.empty()) << "of its storage root";
  }
  // It cannot be kept where the foreign one stands, nor can a key.
  const DevicePtr taken = open(tpm_->handle_uri("0x81000011"));
  ASSERT_EQ(tpm_->run("tpm2_createprimary -Q -C o -g sha384 -G ecc384 -c k.ctx && tpm2_evictcontrol -Q -C o -c "
                      "k.ctx 0x81000011 && tpm2_flushcontext -t",
                      &out),
            0)
      << out;
  EXPECT_EQ(taken->key_generator()->generate({Scheme::es256, {}, {}}, kNoDeadline).status(), Status::already_exists);
  ASSERT_EQ(tpm_->run("tpm2_changeauth -c o 'the owner'", &out), 0) << out;
  const DevicePtr owned =
      open_tpm(tpm_->file_uri("another"), DeviceAccess::provision, "", nullptr, pin_file("the owner", "owner"));
  EXPECT_EQ(owned->key_generator()->generate({Scheme::es256, {}, {}}, kNoDeadline).status(), Status::already_exists);
}

// Its URI says where the auth value comes from, and is too long with that.
TEST_F(Tpm2Key, ThatCannotBeNamedIsNotLeftBehind) {
  const std::string blanks = std::string(179, ' ') + "x";
  std::filesystem::create_directory(tpm_->folder().file(blanks));
  const std::string pin = pin_file("auth value", blanks + "/" + blanks);
  for (const std::string& uri : {tpm_->file_uri("unnamed"), tpm_->handle_uri("0x81000012")}) {
    const DevicePtr device = open(uri, DeviceAccess::provision, pin);
    const auto made = device->key_generator()->generate({Scheme::es256, {}, {}}, kNoDeadline);
    EXPECT_EQ(made.status(), Status::resource_exhausted) << uri;
  }
  EXPECT_FALSE(std::filesystem::exists(tpm_->folder().file("unnamed.pem")));
  EXPECT_EQ(must(open(tpm_->token_uri())->key_inventory()->list({})), 0U);
}

class Tpm2LateKey : public Tpm2Key {
 protected:
  void TearDown() override {
    tcti_shim().observer = nullptr;
    tcti_shim().failures = 0;
    tcti_shim().begin_count();
    Tpm2Key::TearDown();
  }
  [[nodiscard]] std::string shimmed(const std::string& place) const {
    return "tpm2:" + place + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM + ":plain," + tpm_->tcti();
  }
  /// Makes a persistent key for which there is no time any more once it is there, and answers the next two questions
  /// for it with `code`.
  static Result<hal::MadeKey> generate_late(hal::KeyDevice& device, std::uint32_t code) {
    TctiShimControl& shim = tcti_shim();
    shim.fail_with = code;
    shim.fail_code = TPM2_CC_ReadPublic;
    shim.failures = 0;
    shim.begin_count();
    shim.strike_code = TPM2_CC_EvictControl;
    shim.fault = {.kind = TctiFault::Kind::meanwhile, .meanwhile = [](void*) { tcti_shim().failures = 2; }};
    shim.strike_nth = 1;
    return device.key_generator()->generate({Scheme::es256, {}, {}}, hal::system_clock().boot());
  }
  std::size_t keys() { return must(open(tpm_->token_uri())->key_inventory()->list({})); }
};

// The TPM is busy at the end, and once more when the key is taken back.
TEST_F(Tpm2LateKey, IsTakenBackAfterTheDeadline) {
  DevicePtr device = open(shimmed("handle=0x81000013"));
  const auto made = generate_late(*device, TPM2_RC_RETRY);
  EXPECT_EQ(made.status(), Status::deadline_exceeded);
  EXPECT_EQ(made.error().detail.view().find("still"), std::string_view::npos) << told(made.error());
  device.reset();
  EXPECT_EQ(keys(), 0U);
}

TEST_F(Tpm2LateKey, ThatCannotBeTakenBackIsToldAsOneThatMayBeThere) {
  DevicePtr device = open(shimmed("handle=0x81000013"));
  const auto made = generate_late(*device, TPM2_RC_FAILURE);
  EXPECT_EQ(made.status(), Status::device_fault);
  EXPECT_NE(made.error().detail.view().find("the key may be there still"), std::string_view::npos);
  EXPECT_NE(hint_of(made.error()).find("key list"), std::string_view::npos);
  device.reset();
  EXPECT_EQ(keys(), 1U);
}

TEST_F(Tpm2LateKey, WhoseFileCannotBeRemovedIsToldAsOneThatMayBeThere) {
  // Somebody moves the folder away between the key's being saved and its being loaded.
  static std::string folder;
  folder = tpm_->folder().file("keys");
  std::filesystem::create_directory(folder);
  DevicePtr device = open(shimmed("file=" + folder + "/late.pem"));
  TctiShimControl& shim = tcti_shim();
  shim.begin_count();
  shim.strike_code = TPM2_CC_Load;
  shim.fault = {.kind = TctiFault::Kind::answer, .value = TPM2_RC_FAILURE};
  shim.strike_nth = 1;
  shim.observer = [](const std::uint8_t*, std::size_t) {
    std::error_code ignored;
    if (!std::filesystem::exists(folder + "/late.pem")) return;
    std::filesystem::rename(folder, folder + "-elsewhere", ignored);
  };
  const auto made = device->key_generator()->generate({Scheme::es256, {}, {}}, kNoDeadline);
  EXPECT_EQ(made.status(), Status::device_fault);
  EXPECT_NE(made.error().detail.view().find("the key's file may be there still"), std::string_view::npos)
      << told(made.error());
  EXPECT_TRUE(std::filesystem::exists(folder + "-elsewhere/late.pem"));
}

TEST_F(Tpm2Key, WithAnAuthValueSignsThroughASaltedSession) {
  const std::string pin = pin_file("a rather good auth value");
  for (const std::string& uri : {tpm_->file_uri("protected"), tpm_->handle_uri("0x81000011")}) {
    DevicePtr device = open(uri, DeviceAccess::provision, pin);
    const hal::MadeKey made = generate(*device);
    const PublicKey key = *made.description.public_key;
    EXPECT_EQ(made.description.attributes.get(KeyAttribute::no_da), Tristate::no);
    EXPECT_TRUE(sign(*device, made.handle, key));
    device.reset();
    device = open(std::string(made.description.uri.view()), DeviceAccess::sign);
    const hal::KeyHandle handle = find(*device);
    for (int i = 0; i < 300; ++i) {
      const auto done = sign(*device, handle, key);
      ASSERT_TRUE(done) << told(done.error());
    }
    EXPECT_TRUE(device->reset(kNoDeadline));
    EXPECT_TRUE(sign(*device, find(*device), key)) << "the auth value is kept for after a reset";
  }
}

TEST_F(Tpm2Key, PersistentOnesAreListedToldApartAndNamed) {
  for (const char* handle : {"0x81000060", "0x81000061"}) {
    const DevicePtr device = open(tpm_->handle_uri(handle));
    generate(*device);
  }
  const DevicePtr device = open(tpm_->token_uri());
  std::vector<hal::KeyDescription> keys(1);
  EXPECT_EQ(must(device->key_inventory()->list(keys)), 2U) << "counts what it cannot show";
  EXPECT_EQ(keys[0].label.view(), "0x81000060");
  EXPECT_NE(keys[0].uri.view().find("tpm2:handle=0x81000060?tcti="), std::string_view::npos) << keys[0].uri.view();
  const auto found = device->find_key({}, kNoDeadline);
  ASSERT_EQ(found.status(), Status::ambiguous_match);
  EXPECT_NE(found.error().detail.view().find("0x81000060, 0x81000061"), std::string_view::npos);
  const auto made = device->key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, kNoDeadline);
  EXPECT_EQ(made.status(), Status::invalid_uri) << "it names no key to make";
}

// A whole answer of another form is a key that is not ours; a TPM that does not answer hides one that may be.
TEST_F(Tpm2Key, OfAnUnknownFormIsPassedOverAndOneThatIsNotShownIsNot) {
  for (const char* handle : {"0x81000060", "0x81000061"}) generate(*open(tpm_->handle_uri(handle)));
  const std::string tcti = std::string("?tcti=") + HOLDFAST_TEST_TCTI_SHIM + ":plain," + tpm_->tcti();
  TctiShimControl& shim = tcti_shim();
  const auto strike = [&shim](const TctiFault& fault) {
    shim.begin_count();
    shim.fault = fault;
    shim.strike_code = TPM2_CC_ReadPublic;
    shim.strike_nth = 1;
  };
  constexpr TctiFault kUnknownType{.kind = TctiFault::Kind::garble, .value = 13};  // behind header and size
  constexpr TctiFault kFailureMode{.kind = TctiFault::Kind::answer, .value = TPM2_RC_FAILURE};
  std::vector<hal::KeyDescription> keys(4);

  const DevicePtr device = open("tpm2:" + tcti);
  strike(kUnknownType);
  ASSERT_EQ(must(device->key_inventory()->list(keys)), 1U);
  EXPECT_EQ(keys[0].label.view(), "0x81000061");
  strike(kUnknownType);
  EXPECT_EQ(must(device->describe(find(*device))).label.view(), "0x81000061");
  strike(kFailureMode);
  EXPECT_EQ(device->key_inventory()->list(keys).status(), Status::device_fault);
  strike(kFailureMode);
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::device_fault);

  const DevicePtr one = open("tpm2:handle=0x81000060" + tcti);
  strike(kUnknownType);
  EXPECT_EQ(one->key_inventory()->list(keys).status(), Status::scheme_unsupported) << "it was asked for";
  strike(kUnknownType);
  EXPECT_EQ(one->find_key({}, kNoDeadline).status(), Status::scheme_unsupported);
  shim.begin_count();
}

TEST_F(Tpm2Key, NamesAndIdsOfOtherKindsAreRefused) {
  constexpr std::array kId{std::byte{1}};
  const DevicePtr device = open(tpm_->file_uri("agent"));
  EXPECT_EQ(
      device->key_generator()->generate({.scheme = Scheme::es256, .label = "x", .id = {}}, kNoDeadline).status(),
      Status::invalid_argument);
  EXPECT_EQ(
      device->key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = kId}, kNoDeadline).status(),
      Status::invalid_argument);
  const DevicePtr closed = [&] {
    device->close();
    return open(tpm_->handle_uri("0x81000001"));
  }();
  EXPECT_EQ(closed->key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, kNoDeadline).status(),
            Status::invalid_uri)
      << "the storage root's own handle";
}

TEST_F(Tpm2Key, WithoutOnesFileIsStillUsableUntilItIsLookedForAgain) {
  const DevicePtr device = open(tpm_->file_uri("agent"));
  const PublicKey key = *generate(*device).description.public_key;
  const hal::KeyHandle handle = find(*device);
  ASSERT_EQ(tpm_->run("rm agent.pem"), 0);
  EXPECT_TRUE(sign(*device, handle, key)) << "after open no file is touched (P4)";
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::key_not_found);
}

TEST_F(Tpm2Key, SeveralInUseTakeTurnsInTheTpm) {
  const DevicePtr device = open(tpm_->file_uri("agent"));
  const hal::MadeKey made = generate(*device);
  const PublicKey key = *made.description.public_key;
  const hal::KeyHandle found = find(*device);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(sign(*device, made.handle, key));
    EXPECT_TRUE(sign(*device, found, key));
    EXPECT_TRUE(device->export_probe()->try_export(Scheme::es256, kNoDeadline));
  }
}

}  // namespace
}  // namespace holdfast::test
