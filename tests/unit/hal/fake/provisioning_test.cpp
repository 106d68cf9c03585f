// SPDX-License-Identifier: Apache-2.0
#include "hal/fake/clock.hpp"
#include "hal/fake/device.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// What the fake's rare abilities refuse, as a token would: whoever tests against it relies on that.
namespace holdfast::hal::fake {
namespace {

constexpr std::array<std::byte, 32> kPeer{std::byte{9}};  // X25519's base point (RFC 7748 §4.1)

Secret secret_of(unsigned char byte) {
  Secret secret;
  secret.fill(static_cast<std::byte>(byte));
  return secret;
}

SecretBytes bytes_of(const Secret& secret, std::size_t size = Secret{}.size()) {
  SecretBytes bytes = SecretBytes::allocate(size).value();
  std::ranges::copy_n(secret.begin(), static_cast<std::ptrdiff_t>(std::min(size, secret.size())),
                      bytes.storage({}).begin());
  bytes.set_size(size);
  return bytes;
}

class FakeProvisioning : public testing::Test {
 protected:
  DevicePtr open(std::string_view label = {}, DeviceAccess access = DeviceAccess::provision) {
    return FakeDevice::open(token_, {.label = label, .access = access}).value();
  }
  static Status generate(KeyDevice& device, std::string_view label, std::span<const std::byte> id = {}) {
    return device.key_generator()
        ->generate({.scheme = Scheme::es256, .label = label, .id = id}, kNoDeadline)
        .status();
  }
  static Result<MadeKey> import_twin(KeyDevice& device, std::string_view label) {
    return device.key_importer()->import_twin({.scheme = Scheme::ed25519, .label = label, .id = {}},
                                              bytes_of(secret_of(7)), kPeer, kNoDeadline);
  }

  FakeClock clock_;
  FakeToken token_{clock_};
};

TEST_F(FakeProvisioning, ALabelAndAnIdHaveTheirSizes) {
  const DevicePtr device = open();
  const std::string longest(128, 'x');
  const std::vector<std::byte> longest_id(kMaxKeyIdSize, std::byte{1});
  EXPECT_EQ(generate(*device, ""), Status::invalid_argument);
  EXPECT_EQ(generate(*device, longest + "x"), Status::invalid_argument);
  EXPECT_EQ(generate(*device, "agent", std::vector<std::byte>(kMaxKeyIdSize + 1)), Status::invalid_argument);
  EXPECT_EQ(token_.object_count(), 0U);
  EXPECT_EQ(generate(*device, longest, longest_id), Status::ok);
}

TEST_F(FakeProvisioning, ANameIsTakenByAKeyAndNotByItsTwin) {
  const DevicePtr device = open();
  constexpr std::array kId{std::byte{7}};
  ASSERT_EQ(generate(*device, "agent", kId), Status::ok);
  EXPECT_EQ(generate(*device, "agent"), Status::already_exists) << "its label";
  EXPECT_EQ(generate(*device, "another", kId), Status::already_exists) << "its id";
  EXPECT_TRUE(import_twin(*device, "agent"));
  EXPECT_EQ(import_twin(*device, "agent").status(), Status::already_exists);
}

TEST_F(FakeProvisioning, AFullTokenTakesNoMore) {
  const DevicePtr device = open();
  for (std::size_t i = 0; i < FakeToken::kMaxObjects; ++i) {
    ASSERT_EQ(generate(*device, "agent-" + std::to_string(i)), Status::ok);
  }
  EXPECT_EQ(generate(*device, "one-more"), Status::resource_exhausted);
  EXPECT_EQ(device->export_probe()->try_export(Scheme::es256, kNoDeadline).status(), Status::resource_exhausted);
  EXPECT_EQ(token_.put_key("one-more", Scheme::ed25519, secret_of(1)).status(), Status::resource_exhausted);
  token_.put_other("one-more");
  EXPECT_EQ(token_.object_count(), FakeToken::kMaxObjects);
  std::array<KeyDescription, 3> some;
  EXPECT_EQ(device->key_inventory()->list(some).value(), FakeToken::kMaxObjects) << "counts what it cannot show";
  EXPECT_EQ(some[2].label.view(), "agent-2");
}

TEST_F(FakeProvisioning, AnImportedKeyIsWholeAndItsHalvesBelongTogether) {
  const DevicePtr device = open();
  const Secret secret = secret_of(7);
  const PublicKey own = derive_public(Scheme::es256, secret).value();
  const PublicKey another = derive_public(Scheme::es256, secret_of(8)).value();
  const auto import = [&](const SecretBytes& bytes, const PublicKey& key, std::string_view label) {
    return device->key_importer()
        ->import_key({.scheme = Scheme::es256, .label = label, .id = {}}, bytes, key, kNoDeadline)
        .status();
  };
  EXPECT_EQ(import(bytes_of(secret, 31), own, "agent"), Status::invalid_argument);
  EXPECT_EQ(import(bytes_of(secret, 33), own, "agent"), Status::invalid_argument);
  EXPECT_EQ(import(bytes_of(Secret{}), own, "agent"), Status::invalid_argument) << "a scalar of zero";
  EXPECT_EQ(import(bytes_of(secret), another, "agent"), Status::invalid_argument);
  EXPECT_EQ(import(bytes_of(secret), own, ""), Status::invalid_argument);
  EXPECT_EQ(token_.object_count(), 0U);
  EXPECT_EQ(import(bytes_of(secret), own, "agent"), Status::ok);
  EXPECT_EQ(device->key_importer()
                ->import_twin({.scheme = Scheme::ed25519, .label = "twin", .id = {}}, bytes_of(secret, 31), kPeer,
                              kNoDeadline)
                .status(),
            Status::invalid_argument);
  EXPECT_EQ(import_twin(*device, "").status(), Status::invalid_argument);
}

TEST_F(FakeProvisioning, ATwinIsFoundByItsUri) {
  const DevicePtr device = open();
  const std::string uri(import_twin(*device, "twin").value().description.uri.view());
  KeyAgreement* agreement = device->key_agreement();
  const KeyHandle found = agreement->find_twin(uri, kNoDeadline).value();
  EXPECT_TRUE(agreement->agree(found, kPeer, kNoDeadline));
  EXPECT_EQ(agreement->find_twin("pkcs11:object=twin", kNoDeadline).status(), Status::invalid_uri);
  EXPECT_EQ(agreement->find_twin("fake:object=nobody", kNoDeadline).status(), Status::key_not_found);
  ASSERT_EQ(generate(*device, "agent"), Status::ok);
  EXPECT_EQ(agreement->find_twin("fake:object=agent", kNoDeadline).status(), Status::scheme_unsupported);
  ASSERT_EQ(generate(*device, "twin"), Status::ok);
  EXPECT_EQ(agreement->find_twin(uri, kNoDeadline).status(), Status::ambiguous_match);
}

TEST_F(FakeProvisioning, OnlyATwinAgreesOnASecret) {
  const DevicePtr device = open("agent");
  ASSERT_EQ(generate(*device, "agent"), Status::ok);
  const KeyHandle key = device->find_key({}, kNoDeadline).value();
  EXPECT_EQ(device->key_agreement()->agree(key, kPeer, kNoDeadline).status(), Status::scheme_unsupported);
  EXPECT_EQ(device->key_agreement()->agree({0, 99}, kPeer, kNoDeadline).status(), Status::stale_key);
}

TEST_F(FakeProvisioning, WhoeverDoesNotProvisionRemovesNothing) {
  ASSERT_TRUE(token_.put_key("agent", Scheme::ed25519, secret_of(7)));
  const DevicePtr browsing = open("agent", DeviceAccess::browse);
  const KeyHandle key = browsing->find_key({}, kNoDeadline).value();
  EXPECT_EQ(browsing->key_inventory()->destroy(key).status(), Status::permission_denied);
  EXPECT_EQ(browsing->key_generator(), nullptr);
  EXPECT_EQ(browsing->key_importer(), nullptr);
  EXPECT_EQ(browsing->key_agreement(), nullptr);
  EXPECT_EQ(browsing->export_probe(), nullptr);
  EXPECT_EQ(open("agent", DeviceAccess::sign)->key_inventory(), nullptr);
  EXPECT_EQ(token_.object_count(), 1U);
}

// Each ability, when its call on the token fails, when the token is away and when the device is closed.
TEST_F(FakeProvisioning, NothingIsDoneOnATokenThatFailsOrIsAway) {
  struct Ability {
    const char* name;
    Call call;
    std::function<Status(KeyDevice&)> use;
  };
  const DevicePtr device = open("agent");
  ASSERT_TRUE(token_.put_key("agent", Scheme::ed25519, secret_of(7)));
  ASSERT_TRUE(import_twin(*device, "twin"));
  const std::array abilities{
      Ability{"generate", Call::make, [](KeyDevice& on) { return generate(on, "new"); }},
      Ability{"import_key", Call::copy_in,
              [](KeyDevice& on) {
                const Secret secret = secret_of(9);
                return on.key_importer()
                    ->import_key({.scheme = Scheme::ed25519, .label = "new", .id = {}}, bytes_of(secret),
                                 derive_public(Scheme::ed25519, secret).value(), kNoDeadline)
                    .status();
              }},
      Ability{"import_twin", Call::copy_in, [](KeyDevice& on) { return import_twin(on, "new").status(); }},
      Ability{"find_twin", Call::find,
              [](KeyDevice& on) { return on.key_agreement()->find_twin("fake:object=twin", kNoDeadline).status(); }},
      Ability{"list", Call::enumerate, [](KeyDevice& on) { return on.key_inventory()->list({}).status(); }},
      Ability{"try_export", Call::make,
              [](KeyDevice& on) { return on.export_probe()->try_export(Scheme::es256, kNoDeadline).status(); }},
      Ability{"find_key", Call::find, [](KeyDevice& on) { return on.find_key({}, kNoDeadline).status(); }},
      Ability{"describe_token", Call::read_token, [](KeyDevice& on) { return on.describe_token().status(); }},
      Ability{"reset", Call::reset, [](KeyDevice& on) { return on.reset(kNoDeadline).status(); }},
  };
  for (const Ability& ability : abilities) {
    token_.script().fail(ability.call, 1, failure(Status::device_fault, Layer::core, "testing"));
    EXPECT_EQ(ability.use(*device), Status::device_fault) << ability.name;
    token_.script().clear();
    token_.take_away();
    EXPECT_EQ(ability.use(*device), Status::device_gone) << ability.name;
    token_.bring_back(TokenReturn::as_before);
    EXPECT_EQ(token_.object_count(), 2U) << ability.name;
  }
  token_.take_away();
  EXPECT_EQ(FakeDevice::open(token_, {.label = "agent"}).status(), Status::device_gone);
  token_.bring_back(TokenReturn::as_before);

  // The calls that a key's handle is used in.
  const KeyHandle key = device->find_key({}, kNoDeadline).value();
  token_.script().fail(Call::remove, 1, failure(Status::device_fault, Layer::core, "testing"));
  EXPECT_EQ(device->key_inventory()->destroy(key).status(), Status::device_fault);
  token_.script().fail(Call::read_attributes, 1, failure(Status::device_fault, Layer::core, "testing"));
  EXPECT_EQ(device->describe(key).status(), Status::device_fault);
  const KeyHandle twin = device->key_agreement()->find_twin("fake:object=twin", kNoDeadline).value();
  token_.script().fail(Call::derive, 1, failure(Status::device_fault, Layer::core, "testing"));
  EXPECT_EQ(device->key_agreement()->agree(twin, kPeer, kNoDeadline).status(), Status::device_fault);
  EXPECT_EQ(device->key_inventory()->destroy(key).status(), Status::stale_key) << "another key was found since";
  EXPECT_EQ(token_.object_count(), 2U);

  device->close();
  for (const Ability& ability : abilities) EXPECT_EQ(ability.use(*device), Status::device_gone) << ability.name;
}

// What a test's hand does to the token.
TEST_F(FakeProvisioning, AHandFindsNoKeyThatIsNotThere) {
  EXPECT_EQ(token_.replace_key("nobody", Scheme::ed25519, secret_of(1)).status(), Status::key_not_found);
  EXPECT_EQ(token_.replace_key("nobody", Scheme::es256, Secret{}).status(), Status::invalid_argument);
  EXPECT_EQ(token_.put_key("agent", Scheme::es256, Secret{}).status(), Status::invalid_argument);
  token_.set_attributes("nobody", made_here());
  token_.show_public("nobody", false);
  token_.remove_key("nobody");
  EXPECT_FALSE(token_.erase(0));
  EXPECT_FALSE(token_.erase(99));
  EXPECT_FALSE(token_.object(0));
  ASSERT_TRUE(token_.put_key("agent", Scheme::ed25519, secret_of(1)));
  token_.show_public("agent", false);
  const DevicePtr device = open("agent");
  EXPECT_FALSE(device->describe(device->find_key({}, kNoDeadline).value())->public_key);
  token_.remove_key("agent");
  EXPECT_EQ(token_.object_count(), 0U);
}

}  // namespace
}  // namespace holdfast::hal::fake
