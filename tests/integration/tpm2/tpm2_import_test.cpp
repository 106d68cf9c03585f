// SPDX-License-Identifier: Apache-2.0
#include "src/signer/key_policy.hpp"
#include "tests/integration/tpm2/on_tpm.hpp"

#include <gtest/gtest.h>
#include <tss2/tss2_tpm2_types.h>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::KeyAttribute;
using hal::kNoDeadline;
using hal::Tristate;

// RFC 6979 §A.2.5.
constexpr std::string_view kScalar = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
constexpr std::string_view kPoint =
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f"
    "51"
    "77a3c294d4462299";

std::vector<std::byte> unhex(std::string_view text) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

PublicKey point() { return must(PublicKey::from_bytes(Scheme::es256, unhex(kPoint))); }

hal::SecretBytes scalar() {
  hal::SecretBytes secret = must(hal::SecretBytes::allocate(32));
  std::ranges::copy(unhex(kScalar), secret.storage({}).begin());
  secret.set_size(32);
  return secret;
}

class Tpm2Import : public OnTpm {
 protected:
  static Result<hal::MadeKey> import_key(hal::KeyDevice& device) {
    return device.key_importer()->import_key({.scheme = Scheme::es256, .label = {}, .id = {}}, scalar(), point(),
                                             kNoDeadline);
  }
};

TEST_F(Tpm2Import, AKeySignsAsItDidBefore) {
  for (const std::string& uri : {tpm_->file_uri("agent"), tpm_->handle_uri("0x81000010")}) {
    DevicePtr device = open(uri);
    const hal::MadeKey made = must(import_key(*device));
    EXPECT_EQ(made.way, "wrapped for the storage root (TPM2_Import)");
    EXPECT_EQ(made.description.public_key, point());
    EXPECT_EQ(made.description.attributes.get(KeyAttribute::fixed_tpm), Tristate::no);
    EXPECT_EQ(made.description.attributes.get(KeyAttribute::policy_known), Tristate::yes);
    EXPECT_TRUE(check_key_policy(made.description, KeyProfile::imported));
    EXPECT_EQ(check_key_policy(made.description, KeyProfile::strict).status(), Status::key_refused);
    EXPECT_TRUE(sign(*device, made.handle, point()));
    device.reset();
    device = open(std::string(made.description.uri.view()), DeviceAccess::sign);
    EXPECT_TRUE(sign(*device, find(*device), point()));
    device.reset();
    device = open(uri);
    EXPECT_TRUE(device->key_inventory()->destroy(find(*device)));
  }
}

TEST_F(Tpm2Import, AnAuthValueGoesWithIt) {
  const std::string pin = pin_file("a rather good auth value");
  DevicePtr device = open(tpm_->file_uri("protected"), DeviceAccess::provision, pin);
  const hal::MadeKey made = must(import_key(*device));
  EXPECT_TRUE(sign(*device, made.handle, point()));
  device.reset();
  device = open(tpm_->file_uri("protected"), DeviceAccess::sign, pin_file("a wrong one", "wrong"));
  const auto found = device->find_key({}, kNoDeadline);
  if (found) {
    EXPECT_FALSE(sign(*device, *found, point()));
  }
}

TEST_F(Tpm2Import, AKeyThatIsThereIsLeftAlone) {
  DevicePtr device = open(tpm_->file_uri("agent"));
  must(import_key(*device));
  EXPECT_EQ(import_key(*device).status(), Status::already_exists);
}

TEST_F(Tpm2Import, AWrongPublicHalfIsRefusedByTheTpm) {
  DevicePtr device = open(tpm_->file_uri("agent"));
  const PublicKey other = *generate(*open(tpm_->file_uri("other"))).description.public_key;
  const auto made = device->key_importer()->import_key({.scheme = Scheme::es256, .label = {}, .id = {}}, scalar(),
                                                       other, kNoDeadline);
  EXPECT_FALSE(made);
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::key_not_found);
}

TEST_F(Tpm2Import, Ed25519AndTwinsAreNotForTpms) {
  DevicePtr device = open(tpm_->file_uri("agent"));
  EXPECT_EQ(device->key_importer()
                ->import_key({.scheme = Scheme::ed25519, .label = {}, .id = {}}, scalar(), PublicKey(), kNoDeadline)
                .status(),
            Status::scheme_unsupported);
  EXPECT_EQ(device->key_importer()->import_twin({}, scalar(), std::array<std::byte, 32>{}, kNoDeadline).status(),
            Status::scheme_unsupported);
  EXPECT_EQ(device->key_agreement(), nullptr);
}

TEST_F(Tpm2Import, AKeyWithoutAPolicyIsNotBoundToRegisters) {
  const DevicePtr device =
      open("tpm2:file=" + tpm_->folder().file("agent.pem") + ";pcr=sha256:0?tcti=" + tpm_->tcti());
  const auto refused = import_key(*device);
  ASSERT_EQ(refused.status(), Status::invalid_argument);
  EXPECT_NE(hint_of(refused.error()).find("holdfast key generate --pcr"), std::string_view::npos);
  EXPECT_EQ(must(device->key_inventory()->list({})), 0U) << "and no file is left";
}

// An answer that is cut behind its header, in the wrapped key and after it, brings no key in.
TEST_F(Tpm2Import, AnAnswerThatWasCutLeavesNoKey) {
  for (const std::string& place : {"file=" + tpm_->folder().file("agent.pem"), std::string("handle=0x81000010")}) {
    const DevicePtr device = open("tpm2:" + place + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM + ":plain," + tpm_->tcti());
    for (const std::uint32_t size : {10U, 12U, 20U, 60U, ~0U}) {
      tcti_shim().begin_count();
      tcti_shim().fault = {.kind = TctiFault::Kind::cut_neatly, .value = size};
      tcti_shim().strike_code = TPM2_CC_Import;
      tcti_shim().strike_nth = 1;
      EXPECT_EQ(import_key(*device).status(), Status::device_fault) << size;
      EXPECT_EQ(tcti_shim().struck, 1U);
      tcti_shim().begin_count();
      EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::key_not_found) << size;
    }
    EXPECT_TRUE(sign(*device, must(import_key(*device)).handle, point()));
    must(device->key_inventory()->destroy(find(*device)));
  }
}

}  // namespace
}  // namespace holdfast::test
