// SPDX-License-Identifier: Apache-2.0
#include "holdfast/verifier.hpp"

#include "src/signer/key_policy.hpp"
#include "src/verification/sha256.hpp"
#include "tests/contract/device_fixture.hpp"
#include "tests/support/child_process.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::contract {
namespace {

using hal::DeviceAccess;
using hal::DevicePtr;
using hal::KeyHandle;
using hal::kNoDeadline;
using namespace std::chrono_literals;

constexpr std::string_view kLabel = "agent";

std::vector<BackendUnderTest> backends_under_test() {
  std::vector<BackendUnderTest> backends;
  backends.push_back(fake_backend());
#ifdef HOLDFAST_WITH_PKCS11
  backends.push_back(softhsm_backend());
#endif
// Under the thread sanitizer SoftHSM alone: what the threads of the others' own code do it cannot judge, as that is
// not compiled with it.
#if defined(HOLDFAST_WITH_PKCS11) && !defined(__SANITIZE_THREAD__)
  backends.push_back(p11_kit_remote_backend());
  backends.push_back(softokn_backend());
#endif
#if defined(HOLDFAST_WITH_PKCS11) && defined(HOLDFAST_WITH_TPM2) && !defined(__SANITIZE_THREAD__)
  backends.push_back(tpm2_pkcs11_backend());
#endif
#ifdef HOLDFAST_WITH_TPM2
  backends.push_back(swtpm_backend());
  backends.push_back(protected_swtpm_backend());
#endif
  return backends;
}

struct Case {
  std::size_t backend;
  Scheme scheme;
};

// GoogleTest's name for a way to show a parameter.
void PrintTo(const Case& of, std::ostream* out);

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto backends = backends_under_test();
  for (std::size_t i = 0; i < backends.size(); ++i) {
    for (const Scheme scheme : backends[i].schemes) all.push_back({i, scheme});
  }
  return all;
}

std::string name_of(const Case& of) {
  return backends_under_test()[of.backend].name + "_" + std::string(scheme_name(of.scheme));
}

void PrintTo(const Case& of, std::ostream* out) { *out << name_of(of); }

std::string told(const Error& error) {
  std::array<char, 512> text{};
  return std::string(write_message(error, text));
}

/// The value of a result that must be there.
template <typename T>
T must(Result<T> result, const char* what) {
  if (!result) {
    std::cerr << what << ": " << told(result.error()) << '\n';
    std::abort();
  }
  return std::move(result).value();
}

class DeviceContract : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const BackendUnderTest& backend = backend_;
    const std::string full = testing::UnitTest::GetInstance()->current_test_info()->name();
    const std::string test = full.substr(0, full.find('/'));
    for (const Skip& skip : kSkips) {
      if (skip.backend == backend.name && skip.test == test) GTEST_SKIP() << backend.name << ": " << skip.reason;
    }
    fixture_ = backend.make();
    if (fixture_ == nullptr) {
      if (backend.is_required()) FAIL() << backend.name << " is required and not installed";
      GTEST_SKIP() << backend.name << " is not installed";
    }
  }

  [[nodiscard]] DevicePtr open(std::string_view label = kLabel, DeviceAccess access = DeviceAccess::provision,
                               std::uint16_t sessions = 2) {
    return must(fixture_->open(label, access, sessions), "opening");
  }
  [[nodiscard]] Scheme scheme() const { return GetParam().scheme; }
  [[nodiscard]] Scheme other_scheme() const { return scheme() == Scheme::ed25519 ? Scheme::es256 : Scheme::ed25519; }

  hal::MadeKey generate(hal::KeyDevice& device, std::string_view label = kLabel) {
    return must(device.key_generator()->generate({.scheme = scheme(), .label = label, .id = {}}, kNoDeadline),
                "generating");
  }
  /// A token with one key, and a device that signs with it.
  DevicePtr open_with_key(std::uint16_t sessions = 2) {
    DevicePtr device = open(kLabel, DeviceAccess::provision, sessions);
    key_ = backend_.has_ready_key ? must(device->describe(find(*device)), "describing").public_key
                                  : generate(*device).description.public_key;
    return device;
  }
  KeyHandle find(hal::KeyDevice& device) { return must(device.find_key({}, kNoDeadline), "finding"); }

  /// Signs a message as the core would and checks the signature independently of the device.
  Status sign_and_verify(hal::KeyDevice& device, KeyHandle handle, std::string_view text) {
    const auto message = std::as_bytes(std::span(text));
    const Sha256Digest digest = sha256(message);
    const auto input = scheme() == Scheme::ed25519 ? message : std::span<const std::byte>(digest);
    const auto signature = device.sign(handle, scheme(), input, kNoDeadline);
    if (!signature) return signature.status();
    return verify_signature(*key_, message, *signature).status();
  }

  const BackendUnderTest backend_ = backends_under_test()[GetParam().backend];
  std::unique_ptr<DeviceFixture> fixture_;
  std::optional<PublicKey> key_;
};

TEST_P(DeviceContract, AGeneratedKeyIsFoundDescribedAndSigns) {
  DevicePtr device = open_with_key();
  const KeyHandle handle = find(*device);
  EXPECT_NE(handle.generation, 0U);
  const auto description = must(device->describe(handle), "describing");
  EXPECT_EQ(description.scheme, scheme());
  EXPECT_EQ(description.public_key, key_);
  EXPECT_EQ(description.label.view(), kLabel);
  EXPECT_FALSE(description.id_hex.empty());
  EXPECT_EQ(description.uri.view().find("pin-value"), std::string_view::npos);
  EXPECT_TRUE(check_public_key(*description.public_key));
  for (const std::string_view text : {"a", "agent-123:task-123:2026-04-20T00:00:00Z"}) {
    EXPECT_EQ(sign_and_verify(*device, handle, text), Status::ok);
  }
  EXPECT_EQ(sign_and_verify(*device, handle, std::string(277, 'm')), Status::ok);
}

TEST_P(DeviceContract, TheHandleOfTheMakerSigns) {
  DevicePtr device = open();
  const hal::MadeKey made = generate(*device);
  key_ = made.description.public_key;
  EXPECT_EQ(sign_and_verify(*device, made.handle, "message"), Status::ok);
}

// One ECDSA signature in 128 has an r or s with a leading zero, which a token may drop: 64 bytes all the same.
TEST_P(DeviceContract, EverySignatureHasItsFullWidth) {
  DevicePtr device = open_with_key();
  const KeyHandle handle = find(*device);
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(sign_and_verify(*device, handle, "message " + std::to_string(i)), Status::ok) << i;
  }
}

TEST_P(DeviceContract, TheWrongSchemeIsRefused) {
  DevicePtr device = open_with_key();
  const KeyHandle handle = find(*device);
  const std::array<std::byte, kSha256Size> input{};
  EXPECT_EQ(device->sign(handle, other_scheme(), input, kNoDeadline).status(), Status::scheme_unsupported);
  EXPECT_EQ(sign_and_verify(*device, handle, "and the next call works"), Status::ok);
}

TEST_P(DeviceContract, ADigestOfAnotherSizeIsRefusedAndAMessageIsNot) {
  DevicePtr device = open_with_key();
  const KeyHandle handle = find(*device);
  const std::array<std::byte, 33> input{};
  for (const std::size_t size : {0U, 20U, 31U, 33U}) {
    const auto signature = device->sign(handle, scheme(), std::span(input).first(size), kNoDeadline);
    EXPECT_EQ(signature.has_value(), scheme() == Scheme::ed25519) << size;
  }
  EXPECT_EQ(sign_and_verify(*device, handle, "and the next call works"), Status::ok);
}

TEST_P(DeviceContract, AStaleHandleIsRefused) {
  DevicePtr device = open_with_key();
  const KeyHandle first = find(*device);
  const KeyHandle second = find(*device);
  EXPECT_GT(second.generation, first.generation);
  EXPECT_EQ(sign_and_verify(*device, first, "message"), Status::stale_key);
  EXPECT_EQ(device->describe(first).status(), Status::stale_key);
  EXPECT_EQ(device->key_inventory()->destroy(first).status(), Status::stale_key);
  EXPECT_EQ(sign_and_verify(*device, {}, "message"), Status::stale_key) << "generation 0";
  EXPECT_EQ(sign_and_verify(*device, {second.slot + 1000, second.generation}, "message"), Status::stale_key);
  EXPECT_EQ(sign_and_verify(*device, {second.slot, second.generation + 1}, "message"), Status::stale_key);
  EXPECT_EQ(sign_and_verify(*device, second, "message"), Status::ok);
}

TEST_P(DeviceContract, AResetMakesHandlesStaleAndTheKeyIsFoundAgain) {
  DevicePtr device = open_with_key();
  const KeyHandle before = find(*device);
  for (int i = 0; i < 3; ++i) {
    const auto reset = device->reset(kNoDeadline);
    ASSERT_TRUE(reset) << told(reset.error());
  }
  EXPECT_EQ(sign_and_verify(*device, before, "message"), Status::stale_key);
  const KeyHandle after = must(device->find_key({key_}, kNoDeadline), "finding");
  EXPECT_GT(after.generation, before.generation);
  EXPECT_EQ(sign_and_verify(*device, after, "message"), Status::ok);
}

TEST_P(DeviceContract, OnlyTheExpectedKeyIsFound) {
  DevicePtr device = open_with_key();
  const std::optional<PublicKey> expected = key_;
  EXPECT_TRUE(device->find_key({expected}, kNoDeadline));
  // The same name, another key: what the token held before is gone.
  ASSERT_TRUE(device->key_inventory()->destroy(find(*device)));
  key_ = generate(*device).description.public_key;
  EXPECT_NE(key_, expected);
  EXPECT_EQ(device->find_key({expected}, kNoDeadline).status(), Status::key_changed);
  EXPECT_EQ(sign_and_verify(*device, must(device->find_key({key_}, kNoDeadline), "finding"), "message"), Status::ok);
}

TEST_P(DeviceContract, AMissingKeyIsNotFound) {
  DevicePtr device = open();
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::key_not_found);
  generate(*device, "another");
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::key_not_found);
}

TEST_P(DeviceContract, TwoKeysAreAmbiguousAndNamed) {
  DevicePtr device = open("");
  generate(*device, "first-agent");
  generate(*device, "second-agent");
  const auto found = device->find_key({}, kNoDeadline);
  ASSERT_EQ(found.status(), Status::ambiguous_match);
  EXPECT_NE(found.error().detail.view().find("first-agent"), std::string_view::npos) << found.error().detail.view();
}

TEST_P(DeviceContract, TheUriOfADescriptionNamesExactlyThatKey) {
  DevicePtr device = open("");
  generate(*device, "first-agent");
  const hal::MadeKey second = generate(*device, "second-agent");
  device.reset();
  device = must(fixture_->open_uri(second.description.uri.view(), DeviceAccess::sign), "opening by URI");
  EXPECT_EQ(must(device->describe(find(*device)), "describing").public_key, second.description.public_key);
}

TEST_P(DeviceContract, AClosedDeviceSaysSo) {
  DevicePtr device = open_with_key();
  const KeyHandle handle = find(*device);
  device->close();
  device->close();
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::device_gone);
  EXPECT_EQ(device->describe(handle).status(), Status::device_gone);
  EXPECT_EQ(sign_and_verify(*device, handle, "message"), Status::device_gone);
  EXPECT_EQ(device->reset(kNoDeadline).status(), Status::device_gone);
  EXPECT_EQ(device->describe_token().status(), Status::device_gone);
  device.reset();
  device = open();
  EXPECT_EQ(sign_and_verify(*device, find(*device), "message"), Status::ok) << "the token can be opened again";
}

TEST_P(DeviceContract, ManyThreadsSignAtOnce) {
  constexpr int kThreads = 6;
  DevicePtr device = open_with_key(3);
  const KeyHandle handle = find(*device);
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 30; ++i) {
        const std::string text = std::to_string(thread) + ":" + std::to_string(i);
        if (sign_and_verify(*device, handle, text) != Status::ok) failures.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0);
}

TEST_P(DeviceContract, FindingWhileOthersSignDisturbsNobody) {
  DevicePtr device = open_with_key(2);
  std::atomic<int> failures{0};
  std::thread finder([&] {
    for (int i = 0; i < 20; ++i) (void)device->find_key({key_}, kNoDeadline);
  });
  for (int i = 0; i < 60; ++i) {
    const auto handle = device->find_key({key_}, kNoDeadline);
    const Status status = handle ? sign_and_verify(*device, *handle, "message") : handle.status();
    if (status != Status::ok && status != Status::stale_key) failures.fetch_add(1);
  }
  finder.join();
  EXPECT_EQ(failures.load(), 0);
}

TEST_P(DeviceContract, WaitingForASessionEndsAtTheDeadline) {
  DevicePtr device = open_with_key(1);
  const KeyHandle handle = find(*device);
  fixture_->hold_signatures();
  Status held = Status::invalid_argument;
  std::thread holder([&] { held = sign_and_verify(*device, handle, "held"); });
  fixture_->await_held(1);
  const std::array<std::byte, kSha256Size> input{};
  EXPECT_EQ(device->sign(handle, scheme(), input, fixture_->clock().boot()).status(), Status::deadline_exceeded);
  fixture_->let_go();
  holder.join();
  EXPECT_EQ(held, Status::ok);
  EXPECT_EQ(sign_and_verify(*device, handle, "and the next call works"), Status::ok);
}

TEST_P(DeviceContract, AGeneratedKeySatisfiesTheStrictProfileUntilItIsDestroyed) {
  DevicePtr device = open_with_key();
  const KeyHandle handle = find(*device);
  const auto checked = check_key_policy(must(device->describe(handle), "describing"), KeyProfile::strict);
  EXPECT_EQ(checked.status(), backend_.gives_keys_away ? Status::key_refused : Status::ok) << told(checked.error());
  const auto destroyed = device->key_inventory()->destroy(handle);
  EXPECT_TRUE(destroyed) << told(destroyed.error());
  EXPECT_EQ(sign_and_verify(*device, handle, "message"), Status::stale_key);
  EXPECT_EQ(device->find_key({}, kNoDeadline).status(), Status::key_not_found);
}

TEST_P(DeviceContract, ANameThatIsTakenIsNotUsedAgain) {
  DevicePtr device = open_with_key();
  const auto again = device->key_generator()->generate({.scheme = scheme(), .label = kLabel, .id = {}}, kNoDeadline);
  EXPECT_EQ(again.status(), Status::already_exists);
  const auto other =
      device->key_generator()->generate({.scheme = other_scheme(), .label = kLabel, .id = {}}, kNoDeadline);
  EXPECT_EQ(other.status(), Status::already_exists) << "whatever its scheme";
  EXPECT_EQ(must(device->key_inventory()->list({}), "listing"), 1U) << "and nothing is left behind";
}

TEST_P(DeviceContract, AnIdThatIsTakenIsNotUsedAgain) {
  constexpr std::array kId{std::byte{0xA1}, std::byte{0xB2}};
  DevicePtr device = open("");
  const hal::MadeKey made =
      must(device->key_generator()->generate({.scheme = scheme(), .label = "one", .id = kId}, kNoDeadline), "making");
  EXPECT_EQ(made.description.id_hex.view(), "a1b2");
  const auto again = device->key_generator()->generate({.scheme = scheme(), .label = "two", .id = kId}, kNoDeadline);
  EXPECT_EQ(again.status(), Status::already_exists);
  EXPECT_EQ(must(device->key_inventory()->list({}), "listing"), 1U);
}

TEST_P(DeviceContract, TheInventoryCountsWhatItCannotShow) {
  DevicePtr device = open("");
  for (const char* label : {"one", "two", "three"}) generate(*device, label);
  std::vector<hal::KeyDescription> shown(2);
  EXPECT_EQ(must(device->key_inventory()->list(shown), "listing"), 3U);
  EXPECT_NE(shown[0].label.view(), shown[1].label.view());
  for (const hal::KeyDescription& key : shown) EXPECT_EQ(key.scheme, scheme());
}

TEST_P(DeviceContract, TheTokenGivesNoKeyAwayAndKeepsNothingOfTheAttempt) {
  DevicePtr device = open_with_key();
  const auto report = must(device->export_probe()->try_export(scheme(), kNoDeadline), "trying to export");
  EXPECT_GT(report.count, 0U);
  EXPECT_EQ(report.gave_way(), backend_.gives_keys_away);
  bool was_refused = false;
  for (std::size_t i = 0; i < report.count; ++i) {
    EXPECT_FALSE(report.attempts[i].name.empty());
    was_refused = was_refused || report.attempts[i].outcome == hal::ExportAttempt::Outcome::refused;
  }
  EXPECT_TRUE(was_refused);
  device.reset();
  device = open("");
  EXPECT_EQ(must(device->key_inventory()->list({}), "listing"), 1U);
}

TEST_P(DeviceContract, AnImportedKeySigns) {
  DevicePtr device = open();
  ASSERT_NE(device->key_importer(), nullptr);
  // Seed and scalar are 32 bytes 07. The public halves: the protocol's first vector, and the base point multiplied
  // with plain affine arithmetic outside this program.
  auto secret = must(hal::SecretBytes::allocate(32), "allocating");
  std::memset(secret.storage({}).data(), 7, 32);
  secret.set_size(32);
  constexpr std::array<unsigned char, 32> kEd25519{0xea, 0x4a, 0x6c, 0x63, 0xe2, 0x9c, 0x52, 0x0a, 0xbe, 0xf5, 0x50,
                                                   0x7b, 0x13, 0x2e, 0xc5, 0xf9, 0x95, 0x47, 0x76, 0xae, 0xbe, 0xbe,
                                                   0x7b, 0x92, 0x42, 0x1e, 0xea, 0x69, 0x14, 0x46, 0xd2, 0x2c};
  constexpr std::array<unsigned char, 65> kP256{
      0x04, 0x1e, 0x18, 0x53, 0x2f, 0xd4, 0x75, 0x4c, 0x02, 0xf3, 0x04, 0x1d, 0x9c, 0x75, 0xce, 0xb3, 0x3b,
      0x83, 0xff, 0xd8, 0x1a, 0xc7, 0xce, 0x4f, 0xe8, 0x82, 0xcc, 0xb1, 0xc9, 0x8b, 0xc5, 0x89, 0x6e, 0xa4,
      0x6c, 0x31, 0x1c, 0x4e, 0x2f, 0xf4, 0x0d, 0xd9, 0x6a, 0x36, 0x53, 0xe6, 0xe4, 0x54, 0x45, 0xd3, 0x2d,
      0xfe, 0x48, 0x6e, 0xce, 0xd7, 0x5c, 0x7a, 0x90, 0xc6, 0xa1, 0x88, 0x81, 0xc0, 0xa3};
  std::span<const std::byte> bytes = std::as_bytes(std::span(kEd25519));
  if (scheme() == Scheme::es256) bytes = std::as_bytes(std::span(kP256));
  key_ = must(PublicKey::from_bytes(scheme(), bytes), "reading the public half");
  const hal::KeySpec spec{.scheme = scheme(), .label = kLabel, .id = {}};
  const auto made = must(device->key_importer()->import_key(spec, secret, *key_, kNoDeadline), "importing");
  EXPECT_EQ(made.description.public_key, key_);
  EXPECT_EQ(sign_and_verify(*device, find(*device), "message"), Status::ok);
  EXPECT_EQ(check_key_policy(made.description, KeyProfile::strict).status(), Status::key_refused);
  EXPECT_TRUE(check_key_policy(made.description, KeyProfile::imported));
  EXPECT_EQ(device->key_importer()->import_key(spec, secret, *key_, kNoDeadline).status(), Status::already_exists);
}

TEST_P(DeviceContract, ADeviceForSigningMakesAndRemovesNothing) {
  DevicePtr device = open_with_key();
  device.reset();
  device = open(kLabel, DeviceAccess::sign);
  EXPECT_EQ(device->key_generator(), nullptr);
  EXPECT_EQ(device->key_importer(), nullptr);
  EXPECT_EQ(device->export_probe(), nullptr);
  const KeyHandle handle = find(*device);
  EXPECT_EQ(sign_and_verify(*device, handle, "message"), Status::ok);
  if (device->key_inventory() != nullptr) {
    EXPECT_FALSE(device->key_inventory()->destroy(handle));
    EXPECT_EQ(sign_and_verify(*device, handle, "and the key is still there"), Status::ok);
  }
}

// What the evidence is worth is its verifier's question; this is about the call.
TEST_P(DeviceContract, AnAttestorVouchesByTheSameKeyEachTime) {
  DevicePtr device = open_with_key();
  hal::Attestor* attestor = device->attestor();
  if (attestor == nullptr) return;
  const KeyHandle handle = find(*device);
  const std::array<std::byte, hal::kMaxAttestationNonceSize + 1> nonce{};
  const auto first = must(attestor->attest(handle, {}, kNoDeadline), "attesting without a nonce");
  const auto second = must(attestor->attest(handle, std::span(nonce).first(64), kNoDeadline), "and with the longest");
  EXPECT_FALSE(first.format.empty());
  EXPECT_GT(first.statement_size, 0U);
  EXPECT_GT(first.signature_size, 0U);
  EXPECT_EQ(first.attestation_key_size, second.attestation_key_size);
  EXPECT_EQ(first.attestation_key, second.attestation_key);
  EXPECT_NE(first.statement, second.statement);
  EXPECT_EQ(attestor->attest(handle, nonce, kNoDeadline).status(), Status::invalid_argument);
  EXPECT_EQ(attestor->attest({handle.slot, handle.generation + 1}, {}, kNoDeadline).status(), Status::stale_key);
  EXPECT_EQ(sign_and_verify(*device, handle, "message"), Status::ok);
  device->close();
  EXPECT_EQ(attestor->attest(handle, {}, kNoDeadline).status(), Status::device_gone);
}

TEST_P(DeviceContract, TheTokenIsDescribed) {
  DevicePtr device = open();
  const auto token = must(device->describe_token(), "describing the token");
  EXPECT_TRUE(token.is_initialised);
  EXPECT_TRUE(scheme() == Scheme::ed25519 ? token.can_ed25519 : token.can_es256);
  EXPECT_FALSE(token.manufacturer.empty());
  EXPECT_FALSE(token.serial.empty());
}

TEST_P(DeviceContract, AForkedChildIsRefusedAndTheParentGoesOn) {
  DevicePtr device = open_with_key();
  const KeyHandle handle = find(*device);
  const int child = test::run_in_child([&] {
    const bool is_refused = device->find_key({}, kNoDeadline).status() == Status::forked &&
                            device->describe(handle).status() == Status::forked &&
                            sign_and_verify(*device, handle, "message") == Status::forked &&
                            device->reset(kNoDeadline).status() == Status::forked &&
                            device->describe_token().status() == Status::forked &&
                            device->key_inventory()->destroy(handle).status() == Status::forked &&
                            (device->attestor() == nullptr ||
                             device->attestor()->attest(handle, {}, kNoDeadline).status() == Status::forked);
    device->close();
    return is_refused;
  });
  EXPECT_EQ(child, 0);
  EXPECT_EQ(sign_and_verify(*device, handle, "message"), Status::ok);
}

INSTANTIATE_TEST_SUITE_P(Backends, DeviceContract, testing::ValuesIn(cases()),
                         [](const auto& of) { return name_of(of.param); });

TEST(DeviceContractSkips, AreCountedAndEachNamesATest) {
  for (const Skip& skip : kSkips) {
    bool exists = false;
    const testing::UnitTest& all = *testing::UnitTest::GetInstance();
    for (int i = 0; i < all.total_test_suite_count(); ++i) {
      const testing::TestSuite& suite = *all.GetTestSuite(i);
      for (int j = 0; j < suite.total_test_count(); ++j) {
        exists = exists || std::string(suite.GetTestInfo(j)->name()).starts_with(std::string(skip.test) + "/");
      }
    }
    EXPECT_TRUE(exists) << skip.test;
    std::cout << "left out: " << skip.backend << ' ' << skip.test << ": " << skip.reason << '\n';
  }
  std::cout << kSkips.size() << " left out\n";
}

}  // namespace
}  // namespace holdfast::contract
