// SPDX-License-Identifier: Apache-2.0
#include "holdfast/verifier.hpp"

#include "src/signer/key_policy.hpp"
#include "src/signer/twin_opener.hpp"
#include "src/verification/sha256.hpp"
#include "tests/integration/pkcs11/on_token.hpp"

#include <sodium.h>

#include <cstdio>
#include <functional>

namespace holdfast::test {
namespace {

// protocol.md §7, vectors 1 and 2: the seed is 32 × 07.
constexpr std::string_view kPublic =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
constexpr std::string_view kBox = "V9tLNZ8jrl4Ubk4lEgVnBHIlBjSMFQwUdT0Mkz0E1CHl6kKN5okRS43ADd/oDRNtjxtopKhskJE=";
constexpr std::string_view kTwinHex = "28ad39fefd7fa3e200a9c626eef599e61a2d055c48a8288a4e7e4c4bca392878";
// RFC 6979 §A.2.5.
constexpr std::string_view kScalarHex = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
constexpr std::string_view kPointHex =
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f"
    "51"
    "77a3c294d4462299";

std::vector<std::byte> unhex(std::string_view text) {
  std::vector<std::byte> bytes(text.size() / 2);
  EXPECT_EQ(sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(), text.size(),
                           nullptr, nullptr, nullptr),
            0);
  return bytes;
}

hal::SecretBytes secret_of(std::span<const std::byte> bytes) {
  auto secret = hal::SecretBytes::allocate(bytes.size());
  std::ranges::copy(bytes, secret->storage({}).begin());
  secret->set_size(bytes.size());
  return std::move(*secret);
}

PublicKey public_key() { return parse_ssh_public_key(kPublic).value(); }
hal::SecretBytes seed() { return secret_of(std::vector<std::byte>(32, std::byte{7})); }
hal::SecretBytes twin_secret() { return secret_of(unhex(kTwinHex)); }

class Import : public OnToken {
 protected:
  Result<hal::MadeKey> import_key(hal::KeyDevice& device, std::string_view label = "agent") {
    return device.key_importer()->import_key({Scheme::ed25519, label, {}}, seed(), public_key(), kNoDeadline);
  }
  Result<hal::MadeKey> import_twin(hal::KeyDevice& device, std::string_view label = "agent-twin") {
    return device.key_importer()->import_twin({Scheme::ed25519, label, {}}, twin_secret(),
                                              x25519_public_key(public_key()).value(), kNoDeadline);
  }
  [[nodiscard]] std::size_t objects() const {
    const RawSession raw(SoftHsm::kLabel);
    return raw.count_objects();
  }

  CallCount calls_;
};

TEST_F(Import, AnEd25519KeySignsAsItDidBefore) {
  const auto device = open_for_test(direct(), DeviceAccess::provision);
  const auto made = import_key(*device);
  ASSERT_OK(made);
  EXPECT_EQ(made->way, "handed over in clear (C_CreateObject)");  // what SoftHSM 2.6.1 can
  EXPECT_OK(check_key_policy(made->description, KeyProfile::imported));
  EXPECT_STATUS(check_key_policy(made->description, KeyProfile::strict), key_refused);
  EXPECT_EQ(made->description.public_key, public_key());
  EXPECT_TRUE(made->dropped.empty());

  const auto found = open_for_test(direct(), DeviceAccess::sign);
  const auto key = found->find_key({public_key()}, kNoDeadline);
  ASSERT_OK(key);
  const std::string_view message = "agent-123:task-123:2026-04-20T00:00:00Z";
  const auto signature = found->sign(*key, Scheme::ed25519, std::as_bytes(std::span(message)), kNoDeadline);
  ASSERT_OK(signature);
  EXPECT_OK(verify_signature(public_key(), std::as_bytes(std::span(message)), *signature));
}

TEST_F(Import, AP256KeyIsUnwrapped) {
  const auto device = open_for_test(direct("p256"), DeviceAccess::provision);
  const PublicKey point = PublicKey::from_bytes(Scheme::es256, unhex(kPointHex)).value();
  const auto made = device->key_importer()->import_key({Scheme::es256, "p256", {}}, secret_of(unhex(kScalarHex)),
                                                       point, kNoDeadline);
  ASSERT_OK(made);
  EXPECT_EQ(made->way, "unwrapped under a session key (CKM_AES_KEY_WRAP_PAD)");
  EXPECT_OK(check_key_policy(made->description, KeyProfile::imported));
  const std::string_view message = "agent:2026-04-20T00:00:00Z";
  const auto digest = sha256(std::as_bytes(std::span(message)));
  const auto signature = device->sign(made->handle, Scheme::es256, digest, kNoDeadline);
  ASSERT_OK(signature);
  EXPECT_OK(verify_signature(point, std::as_bytes(std::span(message)), *signature));
}

// As a null pointer in its table.
TEST_F(Import, AModuleThatLeavesOutWhatUnwrappingNeedsGetsTheKeyInClear) {
  const PublicKey point = PublicKey::from_bytes(Scheme::es256, unhex(kPointHex)).value();
  for (const std::string name : {"C_GenerateKey", "C_EncryptInit", "C_Encrypt", "C_UnwrapKey"}) {
    SoftHsm::tell_lies("null:" + name + ",null:C_EncryptFinal");
    const auto device = open_for_test(lying(), DeviceAccess::provision);
    const auto made = device->key_importer()->import_key({Scheme::es256, name, {}}, secret_of(unhex(kScalarHex)),
                                                         point, kNoDeadline);
    ASSERT_OK(made);
    EXPECT_EQ(made->way, "handed over in clear (C_CreateObject)") << name;
  }
}

TEST_F(Import, AModuleThatLeavesOutDerivationOpensNoSealedBox) {
  const auto twin = import_twin(*open_for_test(direct(), DeviceAccess::provision));
  ASSERT_OK(twin);
  SoftHsm::tell_lies("null:C_DeriveKey");
  const auto device = open_for_test(lying(), DeviceAccess::sign);
  auto opener = TwinOpener::create(*device, hal::system_clock(), calls_, twin->description.uri.view(), public_key());
  ASSERT_OK(opener);
  EXPECT_STATUS(opener->open_sealed_task(kBox, std::chrono::seconds(30)), module_unusable);
}

TEST_F(Import, TheTwinOpensWhatIsSealedToTheKey) {
  const auto device = open_for_test(direct(), DeviceAccess::provision);
  ASSERT_OK(import_key(*device));
  const auto twin = import_twin(*device);
  ASSERT_OK(twin);
  EXPECT_OK(check_twin_policy(twin->description));
  EXPECT_FALSE(twin->description.scheme);
  EXPECT_STATUS(device->sign(twin->handle, Scheme::ed25519, {}, kNoDeadline), scheme_unsupported);

  const auto found = open_for_test(direct(), DeviceAccess::sign);
  auto opener = TwinOpener::create(*found, hal::system_clock(), calls_, twin->description.uri.view(), public_key());
  ASSERT_OK(opener);
  const auto id = opener->open_sealed_task(kBox, std::chrono::seconds(30));
  ASSERT_OK(id);
  EXPECT_EQ(id->view(), "task-123");
}

TEST_F(Import, WhatIsSealedWronglyIsTheAuthoritysFault) {
  const auto device = open_for_test(direct(), DeviceAccess::provision);
  const auto twin = import_twin(*device);
  ASSERT_OK(twin);
  auto opener = TwinOpener::create(*device, hal::system_clock(), calls_, twin->description.uri.view(), public_key());
  ASSERT_OK(opener);
  std::string changed(kBox);
  changed[60] = changed[60] == 'A' ? 'B' : 'A';
  const std::string zero_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
  // A box of nothing opens to the empty text, which is no task id.
  std::array<std::byte, kSealedBoxOverhead> empty_box{};
  ASSERT_OK(seal_box({}, *x25519_public_key(public_key()), empty_box));
  std::array<char, 65> empty{};
  sodium_bin2base64(empty.data(), empty.size(), reinterpret_cast<const unsigned char*>(empty_box.data()),
                    empty_box.size(), sodium_base64_VARIANT_ORIGINAL);
  for (const std::string& sealed : {changed, std::string(kBox.substr(0, 60)), std::string("no base64!"),
                                    std::string(), zero_key, std::string(empty.data()), std::string(400, 'A')}) {
    EXPECT_STATUS(opener->open_sealed_task(sealed, std::chrono::seconds(30)), authority_answer_invalid);
  }
}

TEST_F(Import, AKeyThatIsThereIsLeftAlone) {
  {
    const auto device = open_for_test(direct(), DeviceAccess::provision);
    ASSERT_OK(import_key(*device));
    EXPECT_STATUS(import_key(*device), already_exists);
    ASSERT_OK(import_twin(*device));
    EXPECT_STATUS(import_twin(*device), already_exists);
  }
  EXPECT_EQ(objects(), 3U);  // both halves of the key, and the twin
}

TEST_F(Import, AWrongKindIsNoTwin) {
  const auto device = open_for_test(direct(), DeviceAccess::provision);
  const auto made = import_key(*device);
  ASSERT_OK(made);
  EXPECT_STATUS(device->key_agreement()->find_twin(made->description.uri.view(), kNoDeadline), scheme_unsupported);
  EXPECT_STATUS(device->key_agreement()->find_twin(direct("missing"), kNoDeadline), key_not_found);
  EXPECT_STATUS(device->key_agreement()->find_twin("pkcs11:token=other;object=agent-twin", kNoDeadline), invalid_uri);
  EXPECT_STATUS(device->key_agreement()->find_twin("pkcs11:token=agents", kNoDeadline), invalid_uri);
}

TEST_F(Import, ATwinCanBeRemoved) {
  {
    const auto device = open_for_test(direct(), DeviceAccess::provision);
    const auto twin = import_twin(*device);
    ASSERT_OK(twin);
    EXPECT_OK(device->key_inventory()->destroy(twin->handle));
  }
  EXPECT_EQ(objects(), 0U);
}

TEST_F(Import, AFullOrFailingTokenIsLeftAsItWas) {
  const auto& shim = shim_control();
  for (const char* function : {"C_CreateObject", "C_GetAttributeValue", "C_FindObjectsInit"}) {
    for (const bool is_twin : {false, true}) {
      // The nth call of the function fails, until a run succeeds.
      bool is_done = false;
      for (std::uint64_t nth = 1; nth < 60 && !is_done; ++nth) {
        {
          const auto device = open_for_test(shimmed(), DeviceAccess::provision);
          shim.fail(function, nth, CKR_DEVICE_MEMORY);
          const auto made = is_twin ? import_twin(*device) : import_key(*device);
          shim.clear_faults();
          is_done = made.has_value();
          if (made) {
            EXPECT_OK(device->key_inventory()->destroy(made->handle));
          }
        }
        ASSERT_EQ(objects(), 0U) << function << " call " << nth << (is_twin ? " of a twin" : "");
      }
    }
  }
  EXPECT_EQ(shim.open_sessions(), 0);
}

// Every call of an import fails in turn, with codes that lead to another template, another curve, another way, or to
// the end: the key is there whole and can be removed, or nothing of it is.
TEST_F(Import, WhicheverCallFailsItIsAllOrNothing) {
  const auto& shim = shim_control();
  const PublicKey point = PublicKey::from_bytes(Scheme::es256, unhex(kPointHex)).value();
  using Way = std::function<Result<hal::MadeKey>(hal::KeyDevice&)>;
  const Way ways[] = {[&](hal::KeyDevice& device) { return import_key(device); },
                      [&](hal::KeyDevice& device) { return import_twin(device); },
                      [&](hal::KeyDevice& device) {
                        return device.key_importer()->import_key({Scheme::es256, "agent", {}},
                                                                 secret_of(unhex(kScalarHex)), point, kNoDeadline);
                      }};
  std::size_t walked = 0;
  std::size_t worked = 0;
  for (const Way& import : ways) {
    std::vector<ShimCall> calls;
    {
      const auto device = open_for_test(shimmed(), DeviceAccess::provision);
      shim.reset_counts();
      shim.record(true);
      const auto made = import(*device);
      shim.record(false);
      ASSERT_OK(made);
      for (std::size_t i = 0; i < shim.recorded(); ++i) calls.push_back(shim.recorded_at(i));
      ASSERT_OK(device->key_inventory()->destroy(made->handle));
    }
    ASSERT_GT(calls.size(), 10U);
    for (const ShimCall& call : calls) {
      // Of the many calls that wrap a key, the first will do.
      if (call.nth > 6) continue;
      const bool is_about_the_key =
          call.function == std::string_view("C_CreateObject") || call.function == std::string_view("C_UnwrapKey");
      for (const CK_RV code : {CKR_DEVICE_ERROR, CKR_DOMAIN_PARAMS_INVALID}) {
        if (code == CKR_DOMAIN_PARAMS_INVALID && !is_about_the_key) continue;
        {
          const auto device = open_for_test(shimmed(), DeviceAccess::provision);
          shim.fail(call.function, call.nth, code);
          const auto made = import(*device);
          shim.clear_faults();
          ++walked;
          if (made) {
            ++worked;
            EXPECT_OK(device->key_inventory()->destroy(made->handle));
          }
        }
        ASSERT_EQ(objects(), 0U) << call.function << " call " << call.nth << " answers " << code;
      }
    }
  }
  EXPECT_EQ(shim.open_sessions(), 0);
  EXPECT_GT(worked, 0U);
  EXPECT_GT(walked - worked, 0U);
  std::printf("%zu imports, of which %zu found another way\n", walked, worked);
}

TEST_F(Import, ASharedSecretIsComputedInWhateverFormTheTokenTakes) {
  const auto& shim = shim_control();
  const auto device = open_for_test(shimmed(), DeviceAccess::provision);
  const auto twin = import_twin(*device);
  ASSERT_OK(twin);
  std::array<std::byte, 32> peer{std::byte{9}};
  const auto agree = [&] { return device->key_agreement()->agree(twin->handle, peer, kNoDeadline); };
  const auto expected = agree();
  ASSERT_OK(expected);
  for (const CK_RV code :
       {CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID,
        CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID, CKR_DOMAIN_PARAMS_INVALID}) {
    shim.reset_counts();
    shim.fail("C_DeriveKey", 1, code);
    const auto secret = agree();
    ASSERT_OK(secret);
    EXPECT_TRUE(std::ranges::equal(secret->reveal({}), expected->reveal({})));
    EXPECT_EQ(shim.count("C_DeriveKey"), 2U);
    shim.reset_counts();
    shim.fail("C_DeriveKey", 0, code);
    EXPECT_FALSE(agree());
    EXPECT_EQ(shim.count("C_DeriveKey"), 4U) << "two forms of the peer's key, with and without a size";
    shim.clear_faults();
  }
  shim.reset_counts();
  for (const char* function : {"C_DeriveKey", "C_GetAttributeValue", "C_DestroyObject"}) {
    shim.fail(function, 1, CKR_DEVICE_ERROR);
    EXPECT_STATUS(agree(), device_gone);
    shim.clear_faults();
  }
  EXPECT_EQ(shim.count("C_DeriveKey"), 3U) << "what is not about the form is not tried in another";
  shim.strike("C_GetAttributeValue", 1, {ShimFault::Kind::length, 31});
  EXPECT_STATUS(agree(), device_fault);
}

TEST_F(Import, NothingDerivedStays) {
  {
    const auto device = open_for_test(direct(), DeviceAccess::provision);
    const auto twin = import_twin(*device);
    ASSERT_OK(twin);
    std::array<std::byte, 32> peer{std::byte{9}};
    EXPECT_OK(device->key_agreement()->agree(twin->handle, peer, kNoDeadline));
  }
  EXPECT_EQ(objects(), 1U);
}

TEST_F(Import, AKeyOfAnotherSizeIsRefused) {
  const auto device = open_for_test(direct(), DeviceAccess::provision);
  const auto made = device->key_importer()->import_key(
      {Scheme::ed25519, "agent", {}}, secret_of(std::vector<std::byte>(31, std::byte{7})), public_key(), kNoDeadline);
  EXPECT_STATUS(made, invalid_argument);
}

TEST_F(Import, OnlyProvisioningImports) {
  ASSERT_OK(import_key(*open_for_test(direct(), DeviceAccess::provision)));
  EXPECT_EQ(open_for_test(direct(), DeviceAccess::sign)->key_importer(), nullptr);
}

}  // namespace
}  // namespace holdfast::test
