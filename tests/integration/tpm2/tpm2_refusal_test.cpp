// SPDX-License-Identifier: Apache-2.0
#include "hal/registry.hpp"
#include "src/signer/key_policy.hpp"
#include "tests/integration/tpm2/on_tpm.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::KeyAttribute;
using hal::kNoDeadline;
using hal::Tristate;

class Tpm2Refusal : public OnTpm {
 protected:
  /// What finding the key of `uri` answers.
  Error refusal(const std::string& uri, std::string_view pin = {}) {
    const DevicePtr device = open(uri, DeviceAccess::sign, pin);
    const auto found = device->find_key({}, kNoDeadline);
    if (found) throw std::runtime_error("it was found");
    EXPECT_FALSE(hint_of(found.error()).empty());
    return found.error();
  }
  void tools(const std::string& command) {
    std::string out;
    ASSERT_EQ(tpm_->run(command, &out), 0) << command << "\n" << out;
  }
  std::uint32_t lockout_counter() {
    std::string out;
    EXPECT_EQ(tpm_->run("tpm2_getcap properties-variable | grep LOCKOUT_COUNTER", &out), 0);
    return static_cast<std::uint32_t>(std::stoul(out.substr(out.find("0x")), nullptr, 16));
  }
};

TEST_F(Tpm2Refusal, Ed25519IsOfferedByNoTpm) {
  const DevicePtr device = open(tpm_->file_uri("agent"));
  const auto made =
      device->key_generator()->generate({.scheme = Scheme::ed25519, .label = {}, .id = {}}, kNoDeadline);
  ASSERT_EQ(made.status(), Status::scheme_unsupported);
  EXPECT_EQ(made.error().detail.view(), "no TPM offers Ed25519");
  EXPECT_NE(hint_of(made.error()).find("es256"), std::string_view::npos);
  EXPECT_FALSE(must(device->describe_token()).can_ed25519);
}

TEST_F(Tpm2Refusal, AWrongAuthValueIsSentOnceAndCountedOnce) {
  DevicePtr device = open(tpm_->file_uri("agent"), DeviceAccess::provision, pin_file("the right one"));
  const PublicKey key = *generate(*device).description.public_key;
  device.reset();
  device = open(tpm_->file_uri("agent"), DeviceAccess::sign, pin_file("a wrong one", "wrong"));
  const hal::KeyHandle handle = find(*device);
  for (int i = 0; i < 3; ++i) {
    const auto refused = sign(*device, handle, key);
    EXPECT_EQ(refused.status(), Status::pin_incorrect);
    EXPECT_STREQ(refused.error().native_name, "TPM_RC_AUTH_FAIL");
  }
  ASSERT_TRUE(device->reset(kNoDeadline));
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::pin_incorrect) << "not again after a reset either";
  device.reset();
  EXPECT_EQ(lockout_counter(), 1U);
  device = open(tpm_->file_uri("agent"), DeviceAccess::sign, pin_file("the right one"));
  EXPECT_TRUE(sign(*device, find(*device), key));
}

TEST_F(Tpm2Refusal, TheLastTryIsKeptAndALockoutIsExplained) {
  DevicePtr device = open(tpm_->file_uri("agent"), DeviceAccess::provision, pin_file("the right one"));
  const PublicKey key = *generate(*device).description.public_key;
  device.reset();
  // swtpm locks at three.
  for (int i = 0; i < 2; ++i) {
    device = open(tpm_->file_uri("agent"), DeviceAccess::sign, pin_file("a wrong one", "wrong"));
    EXPECT_EQ(sign(*device, find(*device), key).status(), Status::pin_incorrect);
    device.reset();
  }
  EXPECT_EQ(lockout_counter(), 2U);
  for (const char* pin : {"a wrong one", "the right one"}) {
    device = open(tpm_->file_uri("agent"), DeviceAccess::sign, pin_file(pin));
    const auto refused = sign(*device, find(*device), key);
    EXPECT_EQ(refused.status(), Status::pin_locked);
    EXPECT_NE(refused.error().detail.view().find("forgets one every 1000 s"), std::string_view::npos)
        << refused.error().detail.view();
    device.reset();
  }
  EXPECT_EQ(lockout_counter(), 2U) << "nothing was sent";
  tools("tpm2_dictionarylockout -c");
  device = open(tpm_->file_uri("agent"), DeviceAccess::sign, pin_file("the right one"));
  EXPECT_TRUE(sign(*device, find(*device), key));
}

TEST_F(Tpm2Refusal, AKeyWithoutAnAuthValueWorksInLockout) {
  DevicePtr device = open(tpm_->file_uri("plain"));
  const PublicKey key = *generate(*device).description.public_key;
  device.reset();
  device = open(tpm_->file_uri("protected"), DeviceAccess::provision, pin_file("the right one"));
  generate(*device);
  device.reset();
  tools("tpm2_dictionarylockout -s -n 1 -t 600 -l 600");
  device = open(tpm_->file_uri("plain"), DeviceAccess::sign);
  EXPECT_TRUE(sign(*device, find(*device), key));
}

TEST_F(Tpm2Refusal, AMissingAuthValueIsAskedFor) {
  DevicePtr device = open(tpm_->file_uri("agent"), DeviceAccess::provision, pin_file("auth value"));
  const hal::MadeKey made = generate(*device);
  device.reset();
  EXPECT_EQ(refusal(tpm_->file_uri("agent")).status, Status::pin_required);
  // The one that was made knows its source.
  device = open(std::string(made.description.uri.view()), DeviceAccess::sign);
  EXPECT_TRUE(sign(*device, find(*device), *made.description.public_key));
}

TEST_F(Tpm2Refusal, AnAuthValueLongerThanATpmTakesIsRefused) {
  hal::DeviceOptions options;
  const std::string uri = tpm_->file_uri("agent");
  options.uri = uri;
  options.pin = must(hal::PinSource::parse(pin_file(std::string(33, 'x'))));
  EXPECT_EQ(hal::open_device(options).status(), Status::invalid_argument);
}

TEST_F(Tpm2Refusal, AKeyOfAnotherTpmIsRefused) {
  DevicePtr device = open(tpm_->file_uri("agent"));
  generate(*device);
  device.reset();
  std::ifstream source(tpm_->folder().file("agent.pem"));
  const std::string text{std::istreambuf_iterator<char>(source), {}};
  const Swtpm other;
  other.folder().write("agent.pem", text, 0644);
  DevicePtr elsewhere = open_tpm(other.file_uri("agent"), DeviceAccess::sign);
  const auto found = elsewhere->find_key({}, kNoDeadline);
  ASSERT_EQ(found.status(), Status::key_refused);
  EXPECT_NE(hint_of(found.error()).find("another TPM"), std::string_view::npos);
  elsewhere.reset();
  EXPECT_EQ(other.slots(), Swtpm::Slots{});
}

TEST_F(Tpm2Refusal, AnotherStorageRootThanPinnedIsRefused) {
  DevicePtr device = open(tpm_->handle_uri("0x81000030"));
  const std::string uri(generate(*device).description.uri.view());
  device.reset();
  ASSERT_NE(uri.find(";srk-name=000b"), std::string::npos) << uri;
  std::string changed = uri;
  char& digit = changed[changed.find("srk-name=000b") + 20];
  digit = digit == '0' ? '1' : '0';
  EXPECT_EQ(refusal(changed).status, Status::key_changed);
  // A cleared TPM has another owner seed, and so another root.
  tools("tpm2_clear");
  EXPECT_EQ(refusal(uri).status, Status::key_not_found);
  device = open(tpm_->handle_uri("0x81000030"));
  generate(*device);
  device.reset();
  EXPECT_EQ(refusal(uri).status, Status::key_changed);
}

TEST_F(Tpm2Refusal, ThePersistentRootIsUsedWhenItIsTheStandardOne) {
  tools(
      "tpm2_createprimary -Q -C o -G ecc256:aes128cfb -c root.ctx -a "
      "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt' && tpm2_evictcontrol -Q -C o "
      "-c "
      "root.ctx 0x81000001 && tpm2_flushcontext -t");
  DevicePtr device = open(tpm_->file_uri("agent"), DeviceAccess::provision, pin_file("auth value"));
  const hal::MadeKey made = generate(*device);
  EXPECT_TRUE(sign(*device, made.handle, *made.description.public_key));
  device.reset();
  std::string out;
  EXPECT_EQ(tpm_->run("openssl asn1parse -in agent.pem", &out), 0);
  EXPECT_NE(out.find("81000001"), std::string::npos) << out;
}

TEST_F(Tpm2Refusal, AnotherKeyAtTheRootsHandleIsPassedOver) {
  tools(
      "tpm2_createprimary -Q -C o -G rsa2048 -c root.ctx && tpm2_evictcontrol -Q -C o -c root.ctx 0x81000001 && "
      "tpm2_flushcontext -t");
  DevicePtr device = open(tpm_->file_uri("agent"));
  const hal::MadeKey made = generate(*device);
  EXPECT_TRUE(sign(*device, made.handle, *made.description.public_key));
}

TEST_F(Tpm2Refusal, AnOwnerWithAnAuthValueIsExplained) {
  tools("tpm2_changeauth -c o secret");
  const DevicePtr device = open(tpm_->file_uri("agent"));
  const auto made = device->key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, kNoDeadline);
  ASSERT_EQ(made.status(), Status::permission_denied);
  EXPECT_NE(hint_of(made.error()).find("0x81000001"), std::string_view::npos);
  EXPECT_EQ(must(device->key_inventory()->list({})), 0U) << "and no file is left";
}

TEST_F(Tpm2Refusal, KeysOfOtherKindsAreNamed) {
  const auto persistent = [&](const std::string& kind, const std::string& handle) {
    tools("tpm2_createprimary -Q -C o -G " + kind + " -c k.ctx && tpm2_evictcontrol -Q -C o -c k.ctx " + handle +
          " && tpm2_flushcontext -t");
  };
  persistent("rsa2048:rsassa:null -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign'", "0x81000040");
  persistent("ecc384:ecdsa -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign'", "0x81000041");
  persistent("ecc256:ecdsa-sha256:null -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|restricted'",
             "0x81000042");
  persistent("ecc256:ecdh-sha256:null -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|decrypt'",
             "0x81000043");
  persistent("ecc256:ecdsa-sha1:null -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign'", "0x81000044");
  const std::pair<const char*, const char*> expected[] = {{"0x81000040", "P-256"},
                                                          {"0x81000041", "P-256"},
                                                          {"0x81000042", "restricted"},
                                                          {"0x81000043", "does not sign"},
                                                          {"0x81000044", "scheme"}};
  for (const auto& [handle, why] : expected) {
    const Error error = refusal(tpm_->handle_uri(handle));
    EXPECT_EQ(error.status, Status::scheme_unsupported);
    EXPECT_NE(error.detail.view().find(why), std::string_view::npos) << handle << error.detail.view();
  }
  EXPECT_EQ(refusal(tpm_->handle_uri("0x81000045")).status, Status::key_not_found);
}

TEST_F(Tpm2Refusal, AKeyThatMayDecryptNeedsTheSharedProfileByName) {
  tools(
      "tpm2_createprimary -Q -C o -G ecc256:null:null -a "
      "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|decrypt|noda' -c k.ctx && "
      "tpm2_evictcontrol -Q -C o -c k.ctx 0x81000050 && tpm2_flushcontext -t");
  const DevicePtr device = open(tpm_->handle_uri("0x81000050"), DeviceAccess::sign);
  const auto key = must(device->describe(find(*device)));
  EXPECT_EQ(key.attributes.get(KeyAttribute::tpm_decrypt), Tristate::yes);
  EXPECT_EQ(check_key_policy(key, KeyProfile::strict).status(), Status::key_refused);
  EXPECT_TRUE(check_key_policy(key, KeyProfile::shared));
  EXPECT_TRUE(sign(*device, find(*device), *key.public_key));
}

TEST_F(Tpm2Refusal, AFileThatIsNoneOrCutShortIsRefused) {
  DevicePtr device = open(tpm_->file_uri("agent"));
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::key_not_found);
  generate(*device);
  device.reset();
  const std::string text = read_file(tpm_->folder().file("agent.pem"));
  tpm_->folder().write("cut.pem", text.substr(0, 200), 0644);
  EXPECT_EQ(refusal(tpm_->file_uri("cut")).status, Status::file_invalid);
  tpm_->folder().write("open.pem", text, 0666);
  EXPECT_EQ(refusal(tpm_->file_uri("open")).status, Status::file_untrusted);
  // The private part of one key with the public part of another: the TPM sees that.
  std::string changed = text;
  changed[text.size() - 60] = changed[text.size() - 60] == 'A' ? 'B' : 'A';
  tpm_->folder().write("changed.pem", changed, 0644);
  EXPECT_EQ(refusal(tpm_->file_uri("changed")).status, Status::key_refused);
}

TEST_F(Tpm2Refusal, AKeyUnderAnotherParentIsRefused) {
  // Its parent is a persistent root: gone, another kind of key, and then another root than it was.
  const std::string make_root =
      "tpm2_createprimary -Q -C o -G ecc256:aes128cfb -c root.ctx -a "
      "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'";
  const std::string keep = " && tpm2_evictcontrol -Q -C o -c root.ctx 0x81000001 && tpm2_flushcontext -t";
  tools(make_root + keep);
  DevicePtr device = open(tpm_->file_uri("agent"));
  generate(*device);
  device.reset();
  tools("tpm2_evictcontrol -Q -C o -c 0x81000001");
  Error error = refusal(tpm_->file_uri("agent"));
  EXPECT_EQ(error.status, Status::key_refused);
  EXPECT_NE(error.detail.view().find("is not in the TPM"), std::string_view::npos) << told(error);
  tools("tpm2_createprimary -Q -C o -G rsa2048 -c root.ctx" + keep);
  error = refusal(tpm_->file_uri("agent"));
  EXPECT_EQ(error.status, Status::key_refused);
  EXPECT_NE(error.detail.view().find("not the standard P-256 storage root"), std::string_view::npos) << told(error);
  tools("tpm2_clear && " + make_root + keep);
  error = refusal(tpm_->file_uri("agent"));
  EXPECT_EQ(error.status, Status::key_refused);
  EXPECT_STREQ(error.native_name, "TPM_RC_INTEGRITY");
}

TEST_F(Tpm2Refusal, AFieldThatNobodyKnowsIsNamedByItsNumber) {
  DevicePtr device = open(tpm_->file_uri("agent"));
  generate(*device);
  device.reset();
  // [9] BOOLEAN, put in with openssl's own ASN.1 compiler.
  tools(
      "openssl asn1parse -in agent.pem -noout -out agent.der && "
      "python3 -c \"d=open('agent.der','rb').read(); h=4 if d[1]==0x82 else 3; t=d[h:h+13]; "
      "body=t+bytes([0xA9,3,1,1,255])+d[h+13:]; "
      "open('more.der','wb').write(bytes([0x30,0x82,len(body)>>8,len(body)&255])+body if len(body)>255 else "
      "bytes([0x30,0x81,len(body)])+body)\" && "
      "(echo '-----BEGIN TSS2 PRIVATE KEY-----'; base64 -w 64 more.der; echo '-----END TSS2 PRIVATE KEY-----') "
      "> more.pem && chmod 644 more.pem");
  const Error error = refusal(tpm_->file_uri("more"));
  EXPECT_EQ(error.status, Status::file_invalid);
  EXPECT_NE(error.detail.view().find("[9]"), std::string_view::npos) << told(error);
}

TEST_F(Tpm2Refusal, ATpmInFailureModeSaysSoWhenItIsOpened) {
  constexpr std::uint32_t kGetCapability = 0x17A;
  const std::string uri =
      "tpm2:file=" + tpm_->folder().file("agent.pem") + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM + ":plain," + tpm_->tcti();
  tcti_shim().fail_code = kGetCapability;
  tcti_shim().fail_with = 0x101;
  tcti_shim().failures = 1;
  hal::DeviceOptions options;
  options.uri = uri;
  const auto device = hal::open_device(options);
  ASSERT_EQ(device.status(), Status::device_fault);
  EXPECT_STREQ(device.error().native_name, "TPM_RC_FAILURE");
  EXPECT_EQ(device.error().detail.view(), "TPM: the TPM is in failure mode");
  EXPECT_NE(hint_of(device.error()).find("power the machine off"), std::string_view::npos);
}

TEST_F(Tpm2Refusal, FullTransientSlotsAreExplained) {
  // What crashed clients leave behind where no resource manager cleans up.
  for (int i = 0; i < 3; ++i) tools("tpm2_createprimary -Q -C o -G ecc -c left.ctx");
  may_leave_objects_ = true;
  const DevicePtr device = open(tpm_->file_uri("agent"));
  const auto made = device->key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, kNoDeadline);
  ASSERT_EQ(made.status(), Status::resource_exhausted);
  EXPECT_EQ(made.error().native, 0x902U);
  EXPECT_NE(hint_of(made.error()).find("/dev/tpmrm0"), std::string_view::npos);
}

}  // namespace
}  // namespace holdfast::test
