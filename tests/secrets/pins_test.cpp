// SPDX-License-Identifier: Apache-2.0
//
// From where a PIN comes to where it goes.
#include "hal/pin_source.hpp"
#include "tests/secrets/watched_test.hpp"
#include "tests/support/terminal_run.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::kNoDeadline;

constexpr std::string_view kPin = "8-letters-and-more";

class SecretPin : public Watched {
 protected:
  static void expect_secret(const std::string& source) {
    const hal::SecretBytes pin = must(hal::read_pin(must(hal::PinSource::parse(source)), "PIN"));
    EXPECT_EQ(pin.size(), kPin.size());
    EXPECT_TRUE(holds_poison(pin.reveal({}).first(1))) << "nobody watched it";
    EXPECT_TRUE(holds_poison(pin.reveal({}).last(1)));
  }
  const TemporaryFolder folder_;
};

TEST_F(SecretPin, FromAFile) {
  for (const char* end : {"", "\n", "\r\n"}) {
    const std::string path = folder_.write("pin", std::string(kPin) + end);
    watch_file(path, {all_of(kPin)});
    expect_secret("file:" + path);
    watch_nothing();
  }
}

TEST_F(SecretPin, FromADescriptor) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], kPin.data(), kPin.size()), static_cast<ssize_t>(kPin.size()));
  close(ends[1]);
  watch(ends[0], {all_of(kPin)});
  expect_secret("fd:" + std::to_string(ends[0]));
  close(ends[0]);
}

TEST_F(SecretPin, FromACredential) {
  watch_file(folder_.write("pin", std::string(kPin) + "\n"), {all_of(kPin)});
  setenv("CREDENTIALS_DIRECTORY", folder_.path().c_str(), 1);
  expect_secret("credential:pin");
}

TEST_F(SecretPin, FromTheEnvironment) {
  setenv("A_PIN", std::string(kPin).c_str(), 1);
  char* value = getenv("A_PIN");
  poison(std::as_writable_bytes(std::span(value, kPin.size())));
  expect_secret("env:A_PIN");
}

TEST_F(SecretPin, TypedTwice) {
  const auto run = run_on_terminal({std::string(kPin) + "\n", std::string(kPin) + "\n"}, [] {
    watch_terminals();
    const auto pin = hal::read_new_pin(must(hal::PinSource::parse("prompt")), "PIN");
    return pin.has_value() && pin->size() == kPin.size() && holds_poison(pin->reveal({}).first(1));
  });
  EXPECT_EQ(run.exit_code, 0) << run.shown;
}

TEST_F(SecretPin, ThatIsNone) {
  for (const std::string& text : {std::string("\n"), std::string(2000, 'x'),
                                  std::string("12\0"
                                              "34",
                                              5)}) {
    const std::string path = folder_.write("pin", text);
    watch_file(path, {{0, text.size()}});
    EXPECT_FALSE(hal::read_pin(must(hal::PinSource::parse("file:" + path)), "PIN"));
    watch_nothing();
  }
}

class SecretPinToPkcs11 : public WatchedToken {
 protected:
  void watch_pin() const { watch_file(hsm_.pin_file(), {all_of(SoftHsm::kUserPin)}); }
};

TEST_F(SecretPinToPkcs11, LogsInMakesAKeySignsAndIsReset) {
  watch_pin();
  const hal::MadeKey made = [&] {
    const DevicePtr device = must(open(uri(""), DeviceAccess::provision));
    return must(device->key_generator()->generate({Scheme::ed25519, "agent", {}}, kNoDeadline));
  }();
  const PublicKey key = *made.description.public_key;
  const DevicePtr device = must(open(uri(), DeviceAccess::sign));
  expect_signature(*device, must(device->find_key({}, kNoDeadline)), key);
  ASSERT_TRUE(device->reset(kNoDeadline));
  expect_signature(*device, must(device->find_key({}, kNoDeadline)), key);
  EXPECT_GE(seen().pins, 3U) << "a login for each device, and another after the reset";
}

TEST_F(SecretPinToPkcs11, IsRefusedOnce) {
  hsm_.write_pin("0000-wrong");
  watch_file(hsm_.pin_file(), {all_of("0000-wrong")});
  EXPECT_EQ(open(uri(""), DeviceAccess::sign).status(), Status::pin_incorrect);
  EXPECT_EQ(open(uri(""), DeviceAccess::sign).status(), Status::pin_refused_before);
  EXPECT_EQ(seen().pins, 1U);
}

TEST_F(SecretPinToPkcs11, InitialisesAToken) {
  watch_pin();
  watch_file(hsm_.so_pin_file(), {all_of(SoftHsm::kSoPin)});
  const std::string uri = std::string("pkcs11:?module-path=") + HOLDFAST_TEST_DECLASSIFYING;
  const std::string records = hsm_.folder().file("records");
  hal::TokenInitOptions options;
  options.uri = uri;
  options.label = "second";
  options.so_pin = must(hal::PinSource::parse("file:" + hsm_.so_pin_file()));
  options.user_pin = must(hal::PinSource::parse("file:" + hsm_.pin_file()));
  options.failure_records = records;
  must((*hal::backend_for(uri))->init_token(options));
  EXPECT_GE(seen().pins, 3U) << "C_InitToken, C_Login, C_InitPIN";
}

class SecretPinToTpm : public WatchedTpm {};

TEST_F(SecretPinToTpm, MakesAKeyAndSigns) {
  const std::string pin = pin_file(kPin);
  DevicePtr device = open_tpm(uri(), DeviceAccess::provision, pin);
  const hal::MadeKey made =
      must(device->key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, kNoDeadline));
  device.reset();
  const std::uint64_t before = secret_commands();
  EXPECT_GE(before, 1U) << "the new key's auth value went by";
  device = open_tpm(uri(), DeviceAccess::sign, pin);
  const hal::KeyHandle found = must(device->find_key({}, kNoDeadline));
  expect_signature(*device, found, *made.description.public_key);
  EXPECT_GE(secret_commands() - before, 1U) << "an HMAC under it went by";
}

TEST_F(SecretPinToTpm, IsRefusedOnce) {
  {
    const DevicePtr device = open_tpm(uri(), DeviceAccess::provision, pin_file("another one"));
    must(device->key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, kNoDeadline));
  }
  watch_nothing();
  const DevicePtr device = open_tpm(uri(), DeviceAccess::sign, pin_file(kPin));
  const hal::KeyHandle found = must(device->find_key({}, kNoDeadline));
  constexpr std::array<std::byte, 32> kDigest{};
  EXPECT_EQ(device->sign(found, Scheme::es256, kDigest, kNoDeadline).status(), Status::pin_incorrect);
}

TEST_F(SecretPinToTpm, OfTheOwnerKeepsAKey) {
  ASSERT_EQ(tpm_->run("tpm2_changeauth -c o " + std::string(kPin) + " && tpm2_flushcontext -t"), 0);
  const std::string owner = pin_file(kPin);
  const std::string uri =
      std::string("tpm2:handle=0x81000010?tcti=") + HOLDFAST_TEST_TCTI_SHIM + ":plain," + tpm_->tcti();
  const DevicePtr device = open_tpm(uri, DeviceAccess::provision, {}, nullptr, owner);
  const auto made = device->key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, kNoDeadline);
  ASSERT_TRUE(made) << told(made.error());
  EXPECT_GE(secret_commands(), 1U);
}

}  // namespace
}  // namespace holdfast::test
