// SPDX-License-Identifier: Apache-2.0
#include "holdfast/attestation.hpp"

#include "src/endorsement/credential.hpp"
#include "tests/integration/tpm2/on_tpm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tss2/tss2_tpm2_types.h>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::kNoDeadline;

const std::vector<std::byte> kNonce(32, std::byte{0x5A});

template <std::size_t Size>
std::span<const std::byte> part(const std::array<std::byte, Size>& bytes, std::size_t size) {
  return std::span(bytes).first(size);
}

TpmAttestation view(const hal::Attestation& made) {
  return {part(made.statement, made.statement_size), part(made.signature, made.signature_size),
          part(made.attestation_key, made.attestation_key_size), part(made.key, made.key_size)};
}

class Tpm2Attestation : public OnTpm {
 protected:
  [[nodiscard]] std::string shimmed(const std::string& mode, const std::string& key) const {
    return "tpm2:" + key + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM + ":" + mode + "," + tpm_->tcti();
  }
  [[nodiscard]] std::string in_file(std::string_view name) const {
    return "file=" + tpm_->folder().file(std::string(name) + ".pem");
  }
  static hal::Attestation attest(hal::KeyDevice& device, hal::KeyHandle key,
                                 std::span<const std::byte> nonce = kNonce) {
    return must(device.attestor()->attest(key, nonce, kNoDeadline));
  }
};

TEST_F(Tpm2Attestation, OfAKeyInAFileHolds) {
  const DevicePtr device = open(tpm_->file_uri("agent"));
  const hal::MadeKey key = generate(*device);
  const hal::Attestation made = attest(*device, key.handle);
  EXPECT_EQ(made.format.view(), "tpm2-certify");
  const auto checked = check_attestation(view(made), {*key.description.public_key, kNonce});
  ASSERT_TRUE(checked) << told(checked.error());
  EXPECT_TRUE(checked->is_fresh);
  EXPECT_TRUE(sign(*device, key.handle, *key.description.public_key)) << "the key still signs";
}

TEST_F(Tpm2Attestation, OfAPersistentKeyHolds) {
  const DevicePtr device = open(tpm_->handle_uri("0x81000010"));
  const hal::MadeKey key = generate(*device);
  EXPECT_TRUE(check_attestation(view(attest(*device, key.handle)), {*key.description.public_key, kNonce}));
}

TEST_F(Tpm2Attestation, OfKeysWithAnAuthValueHoldsAndNeedsIt) {
  const std::string pin = pin_file("an auth value");
  for (const std::string& uri : {shimmed("plain", in_file("agent")), shimmed("plain", "handle=0x81000010")}) {
    PublicKey key;
    {
      const DevicePtr device = open(uri, DeviceAccess::provision, pin);
      const hal::MadeKey made = generate(*device);
      key = *made.description.public_key;
      EXPECT_TRUE(check_attestation(view(attest(*device, made.handle)), {key, kNonce})) << uri;
      EXPECT_TRUE(sign(*device, made.handle, key)) << uri;
      EXPECT_TRUE(check_attestation(view(attest(*device, made.handle)), {key, kNonce})) << "and again, " << uri;
    }
    const DevicePtr wrong = open(uri, DeviceAccess::sign, pin_file("wrong", "wrong"));
    const hal::KeyHandle handle = find(*wrong);
    EXPECT_EQ(wrong->attestor()->attest(handle, kNonce, kNoDeadline).status(), Status::pin_incorrect) << uri;
    const std::uint64_t sent = tcti_shim().commands;
    EXPECT_EQ(wrong->attestor()->attest(handle, kNonce, kNoDeadline).status(), Status::pin_incorrect) << uri;
    EXPECT_EQ(sign(*wrong, handle, key).status(), Status::pin_incorrect) << "a refused value is not sent again";
    EXPECT_EQ(tcti_shim().commands, sent);
  }
}

TEST_F(Tpm2Attestation, IsByTheSameKeyEachTime) {
  TpmName first{};
  for (const std::string_view name : {"one", "two"}) {
    {
      const DevicePtr device = open(tpm_->file_uri(name));
      const hal::MadeKey key = generate(*device);
      const auto checked =
          must(check_attestation(view(attest(*device, key.handle)), {*key.description.public_key, kNonce}));
      if (name == "one") first = checked.attestation_key;
      EXPECT_EQ(checked.attestation_key, first);
    }
    tpm_->restart();
  }
}

TEST_F(Tpm2Attestation, ByAPersistentKeyOfTheOwnerNeedsNoOwner) {
  TpmName made{};
  std::string uri;  // with the root's pinned name, by which the persistent one is known
  {
    const DevicePtr device = open(tpm_->file_uri("agent"));
    const hal::MadeKey key = generate(*device);
    uri = std::string(key.description.uri.view());
    made = must(check_attestation(view(attest(*device, key.handle)), {*key.description.public_key, kNonce}))
               .attestation_key;
  }
  std::string said;
  // The commands of docs/attestation.md, and of docs/tpm.md for the root.
  ASSERT_EQ(
      tpm_->run("tpm2_createprimary -C o -G ecc256:ecdsa-sha256:null -a "
                "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign' -c ak.ctx && "
                "tpm2_evictcontrol -C o -c ak.ctx 0x81000002 && tpm2_flushcontext -t && "
                "tpm2_createprimary -C o -G ecc256:aes128cfb -a "
                "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt' -c root.ctx && "
                "tpm2_evictcontrol -C o -c root.ctx 0x81000001 && tpm2_flushcontext -t && "
                "tpm2_changeauth -c o secret",
                &said),
      0)
      << said;
  const DevicePtr device = open(uri, DeviceAccess::sign);
  const hal::KeyHandle key = find(*device);
  const auto checked =
      must(check_attestation(view(attest(*device, key)), {*must(device->describe(key)).public_key, kNonce}));
  EXPECT_EQ(checked.attestation_key, made) << "it is the same key";
}

TEST_F(Tpm2Attestation, WithoutTheOwnerSaysWhatToDo) {
  const std::string uri(generate(*open(tpm_->file_uri("agent"))).description.uri.view());
  std::string said;
  ASSERT_EQ(
      tpm_->run("tpm2_createprimary -C o -G ecc256:aes128cfb -a "
                "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt' -c root.ctx && "
                "tpm2_evictcontrol -C o -c root.ctx 0x81000001 && tpm2_flushcontext -t && "
                "tpm2_changeauth -c o secret",
                &said),
      0)
      << said;
  const DevicePtr device = open(uri, DeviceAccess::sign);
  const auto made = device->attestor()->attest(find(*device), kNonce, kNoDeadline);
  ASSERT_EQ(made.status(), Status::permission_denied) << told(made.error());
  EXPECT_THAT(told(made.error()), testing::HasSubstr("0x81000002"));
}

// Its refusal must not be taken for one of the key's auth value, which would then be forgotten.
TEST_F(Tpm2Attestation, ByAPersistentKeyWithAnAuthValueSaysSo) {
  std::string said;
  ASSERT_EQ(tpm_->run("tpm2_createprimary -C o -G ecc256:ecdsa-sha256:null -p secret -a "
                      "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign' -c ak.ctx && "
                      "tpm2_evictcontrol -C o -c ak.ctx 0x81000002 && tpm2_flushcontext -t",
                      &said),
            0)
      << said;
  for (const bool has_auth : {false, true}) {
    const DevicePtr device = open(tpm_->file_uri(has_auth ? "protected" : "open"), DeviceAccess::provision,
                                  has_auth ? pin_file("an auth value") : "");
    const hal::MadeKey key = generate(*device);
    const auto made = device->attestor()->attest(key.handle, kNonce, kNoDeadline);
    EXPECT_EQ(made.status(), Status::key_refused) << told(made.error());
    EXPECT_TRUE(sign(*device, key.handle, *key.description.public_key));
  }
}

TEST_F(Tpm2Attestation, TakesNoncesOfUpTo64Bytes) {
  const DevicePtr device = open(tpm_->file_uri("agent"));
  const hal::MadeKey key = generate(*device);
  const std::vector<std::byte> longest(64, std::byte{1});
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{64}}) {
    const auto nonce = std::span(longest).first(size);
    EXPECT_TRUE(check_attestation(view(attest(*device, key.handle, nonce)), {*key.description.public_key, nonce}));
  }
  const std::vector<std::byte> longer(65);
  EXPECT_EQ(device->attestor()->attest(key.handle, longer, kNoDeadline).status(), Status::invalid_argument);
  EXPECT_EQ(device->attestor()->attest({7, 7}, kNonce, kNoDeadline).status(), Status::stale_key);
}

TEST_F(Tpm2Attestation, OfOneKeyIsNotAnothers) {
  const DevicePtr device = open(tpm_->file_uri("agent"));
  const hal::MadeKey key = generate(*device);
  const hal::Attestation made = attest(*device, key.handle);
  constexpr std::array<std::byte, kP256PointSize> kOther{std::byte{4}};
  const PublicKey wrong = must(PublicKey::from_bytes(Scheme::es256, kOther));
  EXPECT_EQ(check_attestation(view(made), {wrong, kNonce}).status(), Status::attestation_refused);
}

// tpm2-openssl's keys decrypt, too, and sign in any scheme: what the TPM says of one is true, and not enough.
TEST_F(Tpm2Attestation, OfAKeyThatIsTooWeakIsRefused) {
  std::string said;
  ASSERT_EQ(tpm_->run("openssl genpkey -provider tpm2 -algorithm EC -pkeyopt group:P-256 -out agent.pem && "
                      "chmod 600 agent.pem && tpm2_flushcontext -t",
                      &said),
            0)
      << said;
  const DevicePtr device = open(tpm_->file_uri("agent"), DeviceAccess::sign);
  const hal::KeyHandle key = find(*device);
  const PublicKey point = *must(device->describe(key)).public_key;
  const auto checked = check_attestation(view(attest(*device, key)), {point, kNonce});
  ASSERT_EQ(checked.status(), Status::attestation_refused);
  EXPECT_THAT(told(checked.error()), testing::HasSubstr("the key decrypts, too"));
}

// Whatever command on the way fails, nothing is left in the TPM (TearDown counts) and the next call works.
TEST_F(Tpm2Attestation, LeavesNothingBehindWhenAnyCommandFails) {
  for (const bool has_auth : {false, true}) {
    const std::string name = has_auth ? "protected" : "open";
    const std::string pin = has_auth ? pin_file("an auth value") : "";
    {
      const DevicePtr device = open(tpm_->file_uri(name), DeviceAccess::provision, pin);
      generate(*device);
    }
    for (const std::uint32_t command : {TPM2_CC_ReadPublic, TPM2_CC_CreatePrimary, TPM2_CC_Certify, TPM2_CC_Load,
                                        TPM2_CC_StartAuthSession, TPM2_CC_FlushContext}) {
      const std::string uri = shimmed("plain", in_file(name));
      const DevicePtr device = open(uri, DeviceAccess::sign, pin);
      const hal::KeyHandle key = find(*device);
      tcti_shim().fail_code = command;
      tcti_shim().fail_with = TPM2_RC_MEMORY;
      tcti_shim().failures = command == TPM2_CC_FlushContext ? 0 : 1;
      const auto made = device->attestor()->attest(key, kNonce, kNoDeadline);
      if (!made) {
        EXPECT_EQ(made.error().native, TPM2_RC_MEMORY) << told(made.error());
      }
      tcti_shim().failures = 0;
      EXPECT_TRUE(device->attestor()->attest(key, kNonce, kNoDeadline)) << std::hex << command;
    }
    EXPECT_EQ(tpm_->slots(), Swtpm::Slots{}) << name;
  }
}

TEST_F(Tpm2Attestation, OfAKeyThatIsGoneIsStale) {
  for (const std::string& name : {in_file("agent"), std::string("handle=0x81000010")}) {
    const DevicePtr device = open(shimmed("plain", name));
    const PublicKey key = *generate(*device).description.public_key;
    const hal::KeyHandle handle = find(*device);
    tcti_shim().fail_code = TPM2_CC_Certify;
    tcti_shim().fail_with = TPM2_RC_REFERENCE_H0;
    tcti_shim().failures = 1;
    EXPECT_EQ(device->attestor()->attest(handle, kNonce, kNoDeadline).status(), Status::stale_key);
    EXPECT_TRUE(check_attestation(view(attest(*device, find(*device))), {key, kNonce}));
  }
}

// The kernel's resource manager takes every object out of the TPM after every command.
TEST_F(Tpm2Attestation, WorksBehindAResourceManager) {
  for (const bool has_auth : {false, true}) {
    const std::string name = has_auth ? "protected" : "open";
    const DevicePtr device =
        open(shimmed("manager", in_file(name)), DeviceAccess::provision, has_auth ? pin_file("an auth value") : "");
    const hal::MadeKey key = generate(*device);
    EXPECT_TRUE(check_attestation(view(attest(*device, key.handle)), {*key.description.public_key, kNonce}));
  }
}

// Where nobody cleans up behind a connection that broke, the device does after it is reset.
TEST_F(Tpm2Attestation, LeavesNothingBehindWhenTheConnectionBreaks) {
  const DevicePtr device = open(shimmed("plain", in_file("agent")));
  const hal::MadeKey key = generate(*device);
  tcti_shim().fail_code = TPM2_CC_Certify;
  tcti_shim().fail_with = 0xA000A;  // TSS2_TCTI_RC_IO_ERROR
  tcti_shim().failures = 1;
  EXPECT_EQ(device->attestor()->attest(key.handle, kNonce, kNoDeadline).status(), Status::device_gone);
  ASSERT_TRUE(device->reset(kNoDeadline));
  const hal::KeyHandle found = find(*device);
  EXPECT_TRUE(check_attestation(view(attest(*device, found)), {*key.description.public_key, kNonce}));
}

class Tpm2Endorsement : public OnTpm {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SWTPM();
    tpm_.emplace(Swtpm::Make::certified);
  }

  [[nodiscard]] static std::vector<hal::EndorsementCertificate> certificates(hal::KeyDevice& device) {
    std::vector<hal::EndorsementCertificate> found(4);
    found.resize(must(device.endorsement()->certificates(found, kNoDeadline)));
    return found;
  }
  [[nodiscard]] EndorsementPublicKey endorsed(const hal::EndorsementCertificate& certificate) const {
    return must(check_endorsement_certificate(part(certificate.der, certificate.size), read_file(tpm_->ca_file())));
  }
};

TEST_F(Tpm2Endorsement, HasTheMakersCertificates) {
  const DevicePtr device = open(tpm_->token_uri(), DeviceAccess::browse);
  const auto found = certificates(*device);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(endorsed(found[0]).issuer, "CN=swtpm-localca");
  // The other is of a P-384 key, for which we make no challenge.
  const auto other = check_endorsement_certificate(part(found[1].der, found[1].size), read_file(tpm_->ca_file()));
  EXPECT_EQ(other.status(), Status::attestation_refused);
}

TEST_F(Tpm2Endorsement, GivesBackWhatWasEnclosedForItAndItsAttestationKey) {
  const std::string pin = pin_file("an auth value");
  const DevicePtr device = open(tpm_->file_uri("agent"), DeviceAccess::provision, pin);
  const hal::MadeKey key = generate(*device);
  const hal::Attestation made = must(device->attestor()->attest(key.handle, kNonce, kNoDeadline));
  const TpmName name = must(check_attestation(view(made), {*key.description.public_key, kNonce})).attestation_key;
  const EndorsementPublicKey endorsement = endorsed(certificates(*device)[0]);

  const std::vector<std::byte> secret(32, std::byte{0x42});
  for (const std::size_t size : {std::size_t{1}, std::size_t{32}}) {
    const auto enclosed = std::span(secret).first(size);
    const Credential credential = must(make_credential(endorsement, name, enclosed));
    const hal::SecretBytes answer =
        must(device->endorsement()->answer(credential.blob, credential.seed, kNoDeadline));
    EXPECT_TRUE(std::ranges::equal(answer.reveal({}), enclosed));
  }
  EXPECT_TRUE(sign(*device, key.handle, *key.description.public_key)) << "the key still signs";

  // For a key of another name, and for whatever is no credential at all.
  TpmName other = name;
  other[5] ^= std::byte{1};
  const Credential wrong_name = must(make_credential(endorsement, other, secret));
  const auto refused = device->endorsement()->answer(wrong_name.blob, wrong_name.seed, kNoDeadline);
  EXPECT_EQ(refused.status(), Status::attestation_refused) << told(refused.error());
  Credential broken = must(make_credential(endorsement, name, secret));
  for (std::vector<std::byte>* bytes : {&broken.blob, &broken.seed}) {
    bytes->back() ^= std::byte{1};
    EXPECT_EQ(device->endorsement()->answer(broken.blob, broken.seed, kNoDeadline).status(),
              Status::attestation_refused);
    bytes->back() ^= std::byte{1};
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, bytes->size() - 1}) {
      const std::vector<std::byte> cut(bytes->begin(), bytes->begin() + static_cast<std::ptrdiff_t>(size));
      const auto& blob = bytes == &broken.blob ? cut : broken.blob;
      const auto& seed = bytes == &broken.seed ? cut : broken.seed;
      EXPECT_EQ(device->endorsement()->answer(blob, seed, kNoDeadline).status(), Status::attestation_refused);
    }
  }
  EXPECT_EQ(make_credential(endorsement, name, {}).status(), Status::invalid_argument);
  EXPECT_EQ(make_credential(endorsement, name, std::vector<std::byte>(33)).status(), Status::invalid_argument);
}

TEST_F(Tpm2Endorsement, AnswersBehindAResourceManager) {
  const DevicePtr device = open("tpm2:file=" + tpm_->folder().file("agent.pem") + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM +
                                ":manager," + tpm_->tcti());
  const hal::MadeKey key = generate(*device);
  const hal::Attestation made = must(device->attestor()->attest(key.handle, {}, kNoDeadline));
  const std::vector<std::byte> secret(32, std::byte{0x42});
  const Credential credential =
      must(make_credential(endorsed(certificates(*device)[0]), must(tpm_name(view(made).attestation_key)), secret));
  const auto answer = device->endorsement()->answer(credential.blob, credential.seed, kNoDeadline);
  ASSERT_TRUE(answer) << told(answer.error());
  EXPECT_TRUE(std::ranges::equal(answer->reveal({}), secret));
}

// The key of template L-1 is the same whether it was kept or is made anew.
TEST_F(Tpm2Endorsement, AnswersAlsoWhereItsKeyIsNotPersistent) {
  std::string said;
  ASSERT_EQ(tpm_->run("tpm2_evictcontrol -C p -c 0x81010001", &said), 0) << said;
  const DevicePtr device = open(tpm_->file_uri("agent"));
  const hal::MadeKey key = generate(*device);
  const hal::Attestation made = must(device->attestor()->attest(key.handle, {}, kNoDeadline));
  const TpmName name = must(tpm_name(view(made).attestation_key));
  const std::vector<std::byte> secret(32, std::byte{0x42});
  const Credential credential = must(make_credential(endorsed(certificates(*device)[0]), name, secret));
  const auto answer = device->endorsement()->answer(credential.blob, credential.seed, kNoDeadline);
  ASSERT_TRUE(answer) << told(answer.error());
  EXPECT_TRUE(std::ranges::equal(answer->reveal({}), secret));
}

TEST_F(Tpm2Endorsement, OfAnotherTpmGivesNothingBack) {
  const EndorsementPublicKey endorsement = endorsed(certificates(*open(tpm_->token_uri()))[0]);
  Swtpm other(Swtpm::Make::certified);
  const DevicePtr device = open(other.file_uri("agent"));
  const hal::MadeKey key = generate(*device);
  const hal::Attestation made = must(device->attestor()->attest(key.handle, {}, kNoDeadline));
  const TpmName name = must(tpm_name(view(made).attestation_key));
  const Credential credential = must(make_credential(endorsement, name, std::vector<std::byte>(32)));
  EXPECT_EQ(device->endorsement()->answer(credential.blob, credential.seed, kNoDeadline).status(),
            Status::attestation_refused);
}

TEST_F(Tpm2Endorsement, CertificateOfAnotherMakerIsRefused) {
  const auto found = certificates(*open(tpm_->token_uri()));
  const Swtpm other(Swtpm::Make::certified);
  const auto der = part(found[0].der, found[0].size);
  EXPECT_EQ(check_endorsement_certificate(der, read_file(other.ca_file())).status(), Status::attestation_refused);
  EXPECT_EQ(check_endorsement_certificate(der, "").status(), Status::file_invalid);
  EXPECT_EQ(check_endorsement_certificate(der, "no PEM").status(), Status::file_invalid);
  const std::string trusted = read_file(tpm_->ca_file());
  for (std::size_t size = 0; size < der.size(); ++size) {
    EXPECT_EQ(check_endorsement_certificate(der.first(size), trusted).status(), Status::attestation_refused);
  }
  std::vector<std::byte> changed(der.begin(), der.end());
  for (std::size_t i = 0; i < changed.size(); i += 7) {
    changed[i] ^= std::byte{0x10};
    EXPECT_EQ(check_endorsement_certificate(changed, trusted).status(), Status::attestation_refused) << i;
    changed[i] ^= std::byte{0x10};
  }
}

TEST_F(Tpm2Attestation, OfATpmWithoutCertificatesHasNone) {
  const DevicePtr device = open(tpm_->token_uri(), DeviceAccess::browse);
  EXPECT_EQ(must(device->endorsement()->certificates({}, kNoDeadline)), 0U);
}

}  // namespace
}  // namespace holdfast::test
