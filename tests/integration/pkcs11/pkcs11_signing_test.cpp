// SPDX-License-Identifier: Apache-2.0
//
// Signatures: from many threads, after failures, resets and forks.
#include "src/verification/signature.hpp"
#include "tests/integration/pkcs11/on_token.hpp"
#include "tests/support/child_process.hpp"

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

namespace holdfast::test {
namespace {

class Pkcs11Signing : public OnToken {
 protected:
  void SetUp() override {
    OnToken::SetUp();
    if (IsSkipped()) return;
    public_key_ = *make_key().public_key;
  }
  void open_signer(std::uint16_t sessions = 4) {
    device_ = open_for_test(shimmed(), DeviceAccess::sign, sessions);
    auto key = device_->find_key({public_key_}, kNoDeadline);
    ASSERT_OK(key);
    key_ = *key;
    shim_control().reset_counts();
  }
  Result<Signature> sign(hal::BootTime deadline = kNoDeadline) {
    return device_->sign(key_, Scheme::ed25519, kMessage, deadline);
  }
  Result<void> verify(const Signature& signature) const {
    return SignatureVerifier::prepare(public_key_)->verify_message(kMessage, signature);
  }

  static constexpr std::array<std::byte, 5> kMessage{std::byte{'h'}, std::byte{'e'}, std::byte{'l'}};
  PublicKey public_key_;
  hal::DevicePtr device_{nullptr, [](hal::KeyDevice*) noexcept {}};
  hal::KeyHandle key_;
};

TEST_F(Pkcs11Signing, takes_two_calls) {
  open_signer();
  const auto signature = sign();
  ASSERT_OK(signature);
  EXPECT_OK(verify(*signature));
  EXPECT_EQ(shim_control().total(), 2U);
}

TEST_F(Pkcs11Signing, takes_a_digest_of_exactly_thirty_two_bytes) {
  make_key(Scheme::es256, "p256");
  const auto device = open_for_test(shimmed("p256"), DeviceAccess::sign);
  const auto key = device->find_key({}, kNoDeadline);
  ASSERT_OK(key);
  const std::array<std::byte, 100> input{};
  for (const std::size_t size : {0U, 31U, 33U, 100U}) {
    EXPECT_STATUS(device->sign(*key, Scheme::es256, std::span(input).first(size), kNoDeadline), invalid_argument);
  }
  EXPECT_OK(device->sign(*key, Scheme::es256, std::span(input).first(32), kNoDeadline));
}

TEST_F(Pkcs11Signing, works_from_many_threads_with_fewer_sessions) {
  open_signer(3);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const auto signature = sign();
        if (signature && verify(*signature)) good.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good.load(), 160);
  EXPECT_EQ(shim_control().overlaps(), 0U) << "a session was used by two threads at once";
  EXPECT_EQ(shim_control().count("C_OpenSession"), 0U);
}

TEST_F(Pkcs11Signing, waits_for_a_session_until_the_deadline) {
  open_signer(1);
  static std::atomic<bool> is_inside;
  static std::atomic<bool> may_leave;
  is_inside = false;
  may_leave = false;
  shim_control().observe(
      [](const char* function, void*) {
        if (std::string_view(function) != "C_Sign" || is_inside.exchange(true)) return;
        while (!may_leave.load()) std::this_thread::yield();
      },
      nullptr);
  std::thread holder([&] { EXPECT_OK(sign()); });
  while (!is_inside.load()) std::this_thread::yield();
  EXPECT_STATUS(sign(in(std::chrono::milliseconds(20))), deadline_exceeded);
  EXPECT_STATUS(device_->reset(in(std::chrono::milliseconds(20))), deadline_exceeded);
  may_leave = true;
  holder.join();
}

struct Failure {
  const char* name;
  const char* function;
  CK_RV code;
  Status status;
};
void PrintTo(const Failure& failure, std::ostream* out) { *out << failure.name; }
class Pkcs11SigningFailure : public Pkcs11Signing, public ::testing::WithParamInterface<Failure> {};

TEST_P(Pkcs11SigningFailure, names_its_remedy_and_the_next_signature_works) {
  const Failure& failure = GetParam();
  open_signer(1);
  shim_control().fail(failure.function, 1, failure.code);
  const auto signature = sign();
  ASSERT_FALSE(signature.has_value());
  EXPECT_EQ(signature.status(), failure.status) << described(signature.error());
  EXPECT_EQ(signature.error().native, failure.code);
  EXPECT_EQ(shim_control().open_sessions(), 1) << "the login's session only: the failed one was closed";
  const auto next = sign();
  ASSERT_OK(next);
  EXPECT_OK(verify(*next));
  EXPECT_EQ(shim_control().open_sessions(), 2);
}

INSTANTIATE_TEST_SUITE_P(
    all, Pkcs11SigningFailure,
    ::testing::Values(Failure{"key_gone", "C_SignInit", CKR_OBJECT_HANDLE_INVALID, Status::stale_key},
                      Failure{"key_invalid", "C_SignInit", CKR_KEY_HANDLE_INVALID, Status::stale_key},
                      Failure{"session_invalid", "C_SignInit", CKR_SESSION_HANDLE_INVALID, Status::device_gone},
                      Failure{"session_closed", "C_Sign", CKR_SESSION_CLOSED, Status::device_gone},
                      Failure{"removed", "C_Sign", CKR_DEVICE_REMOVED, Status::device_gone},
                      Failure{"general", "C_Sign", CKR_GENERAL_ERROR, Status::device_gone},
                      Failure{"device_error", "C_SignInit", CKR_DEVICE_ERROR, Status::device_gone},
                      Failure{"not_initialised", "C_SignInit", CKR_CRYPTOKI_NOT_INITIALIZED, Status::device_gone},
                      Failure{"logged_out", "C_SignInit", CKR_USER_NOT_LOGGED_IN, Status::device_gone},
                      Failure{"mechanism", "C_SignInit", CKR_MECHANISM_INVALID, Status::scheme_unsupported},
                      Failure{"active", "C_SignInit", CKR_OPERATION_ACTIVE, Status::stale_key},
                      Failure{"too_small", "C_Sign", CKR_BUFFER_TOO_SMALL, Status::device_fault},
                      Failure{"memory", "C_Sign", CKR_HOST_MEMORY, Status::resource_exhausted},
                      Failure{"vendor", "C_Sign", CKR_VENDOR_DEFINED | 7, Status::device_gone}),
    [](const auto& failure) { return std::string(failure.param.name); });

TEST_F(Pkcs11Signing, that_has_a_wrong_length_is_a_fault_of_the_device) {
  for (const char* lie : {"short-signature", "long-signature", "huge-signature", "buffer-too-small"}) {
    SoftHsm::tell_lies(lie);
    const auto device = open_for_test(lying(), DeviceAccess::sign);
    const auto key = device->find_key({}, kNoDeadline);
    ASSERT_OK(key);
    EXPECT_STATUS(device->sign(*key, Scheme::ed25519, kMessage, kNoDeadline), device_fault);
  }
}

// Whether the bytes are right is for the core to say, which verifies them.
TEST_F(Pkcs11Signing, is_handed_on_as_the_device_made_it) {
  SoftHsm::tell_lies("wrong-signature");
  const auto device = open_for_test(lying(), DeviceAccess::sign);
  const auto key = device->find_key({}, kNoDeadline);
  const auto signature = device->sign(*key, Scheme::ed25519, kMessage, kNoDeadline);
  ASSERT_OK(signature);
  EXPECT_STATUS(verify(*signature), signature_mismatch);
}

TEST_F(Pkcs11Signing, needs_a_handle_that_was_given_out) {
  open_signer();
  for (const hal::KeyHandle bad :
       {hal::KeyHandle{}, hal::KeyHandle{0, 99}, hal::KeyHandle{7, 1}, hal::KeyHandle{1, 0}}) {
    EXPECT_STATUS(device_->sign(bad, Scheme::ed25519, kMessage, kNoDeadline), stale_key);
  }
  EXPECT_EQ(shim_control().total(), 0U);
}

TEST_F(Pkcs11Signing, with_an_older_handle_is_refused_after_the_key_is_found_again) {
  open_signer();
  const auto again = device_->find_key({}, kNoDeadline);
  ASSERT_OK(again);
  EXPECT_GT(again->generation, key_.generation);
  EXPECT_STATUS(sign(), stale_key);
  EXPECT_OK(device_->sign(*again, Scheme::ed25519, kMessage, kNoDeadline));
}

TEST_F(Pkcs11Signing, goes_on_after_a_reset_with_the_key_found_again) {
  open_signer();
  ASSERT_OK(device_->reset(kNoDeadline));
  EXPECT_EQ(shim_control().count("C_Finalize"), 1U);
  EXPECT_EQ(shim_control().count("C_Initialize"), 1U);
  EXPECT_STATUS(sign(), stale_key);
  const auto key = device_->find_key({public_key_}, kNoDeadline);
  ASSERT_OK(key);
  const auto signature = device_->sign(*key, Scheme::ed25519, kMessage, kNoDeadline);
  ASSERT_OK(signature);
  EXPECT_OK(verify(*signature));
  EXPECT_EQ(shim_control().open_sessions(), 5);
}

TEST_F(Pkcs11Signing, of_two_signers_survives_the_reset_of_the_other) {
  open_signer();
  const auto other = open_for_test(shimmed(), DeviceAccess::sign);
  const auto others_key = other->find_key({public_key_}, kNoDeadline);
  ASSERT_OK(others_key);
  shim_control().reset_counts();

  ASSERT_OK(device_->reset(kNoDeadline));
  EXPECT_STATUS(other->sign(*others_key, Scheme::ed25519, kMessage, kNoDeadline), stale_key);
  const auto found = other->find_key({public_key_}, kNoDeadline);
  ASSERT_OK(found);
  EXPECT_OK(other->sign(*found, Scheme::ed25519, kMessage, kNoDeadline));

  // The first one's sessions were not touched by the second's return.
  const auto key = device_->find_key({public_key_}, kNoDeadline);
  ASSERT_OK(key);
  EXPECT_OK(device_->sign(*key, Scheme::ed25519, kMessage, kNoDeadline));
  EXPECT_EQ(shim_control().count("C_Finalize"), 1U);
}

TEST_F(Pkcs11Signing, of_two_signers_that_reset_at_once_needs_one_reset) {
  open_signer();
  const auto other = open_for_test(shimmed(), DeviceAccess::sign);
  ASSERT_OK(device_->reset(kNoDeadline));
  ASSERT_OK(other->reset(kNoDeadline));
  EXPECT_EQ(shim_control().count("C_Finalize"), 1U);
  EXPECT_OK(other->find_key({}, kNoDeadline));
}

TEST_F(Pkcs11Signing, is_never_interrupted_by_a_reset) {
  open_signer(2);
  std::atomic<bool> is_over{false};
  std::atomic<int> odd{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      hal::KeyHandle key = key_;
      while (!is_over.load()) {
        const auto signature = device_->sign(key, Scheme::ed25519, kMessage, kNoDeadline);
        if (signature) continue;
        if (signature.status() != Status::stale_key) odd.fetch_add(1);
        if (const auto found = device_->find_key({public_key_}, kNoDeadline)) key = *found;
      }
    });
  }
  for (int i = 0; i < 15; ++i) EXPECT_OK(reset_among_signers(*device_));
  is_over = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(odd.load(), 0);
  EXPECT_EQ(shim_control().overlaps(), 0U);
}

TEST_F(Pkcs11Signing, comes_back_once_the_token_does) {
  open_signer();
  const std::string away = hsm_.token_folder() + "-away";
  std::filesystem::rename(hsm_.token_folder(), away);
  EXPECT_FALSE(sign().has_value());
  EXPECT_STATUS(device_->reset(kNoDeadline), device_gone);
  EXPECT_FALSE(device_->find_key({public_key_}, kNoDeadline).has_value());
  std::filesystem::rename(away, hsm_.token_folder());
  ASSERT_OK(device_->reset(kNoDeadline));
  const auto key = device_->find_key({public_key_}, kNoDeadline);
  ASSERT_OK(key);
  EXPECT_OK(device_->sign(*key, Scheme::ed25519, kMessage, kNoDeadline));
}

TEST_F(Pkcs11Signing, in_a_forked_child_is_refused_without_a_call) {
  open_signer();
  EXPECT_EQ(run_in_child([&] {
              const bool is_refused = sign().status() == Status::forked &&
                                      device_->find_key({}, kNoDeadline).status() == Status::forked &&
                                      device_->describe(key_).status() == Status::forked &&
                                      device_->describe_token().status() == Status::forked &&
                                      device_->reset(kNoDeadline).status() == Status::forked;
              device_->close();
              return is_refused && shim_control().total() == 0;
            }),
            0);
  EXPECT_OK(sign()) << "the parent's session was disturbed";
}

TEST_F(Pkcs11Signing, in_a_forked_child_works_after_it_opens_the_token_itself) {
  open_signer();
  EXPECT_EQ(run_in_child([&] {
              device_->close();
              const auto own = open(shimmed());
              if (!own) return false;
              const auto key = (*own)->find_key({public_key_}, kNoDeadline);
              return key && (*own)->sign(*key, Scheme::ed25519, kMessage, kNoDeadline).has_value();
            }),
            0);
  const auto signature = sign();
  ASSERT_OK(signature);
  EXPECT_OK(verify(*signature));
}

TEST_F(Pkcs11Signing, is_over_once_the_device_is_closed) {
  open_signer();
  device_->close();
  device_->close();
  EXPECT_EQ(shim_control().open_sessions(), 0);
  EXPECT_STATUS(sign(), device_gone);
  EXPECT_STATUS(device_->find_key({}, kNoDeadline), device_gone);
  EXPECT_STATUS(device_->describe(key_), device_gone);
  EXPECT_STATUS(device_->describe_token(), device_gone);
  EXPECT_STATUS(device_->reset(kNoDeadline), device_gone);
}

TEST_F(Pkcs11Signing, wants_one_to_sixty_four_sessions) {
  EXPECT_STATUS(open(direct(), DeviceAccess::sign, 0), invalid_argument);
  EXPECT_STATUS(open(direct(), DeviceAccess::sign, 65), invalid_argument);
  EXPECT_OK(open(direct(), DeviceAccess::sign, 64));
}

TEST_F(Pkcs11Signing, opens_every_session_or_none) {
  shim_control().reset_counts();
  for (std::uint64_t nth = 1; nth <= 5; ++nth) {
    shim_control().fail("C_OpenSession", nth, CKR_SESSION_COUNT);
    const auto device = open(shimmed());
    EXPECT_STATUS(device, resource_exhausted);
    EXPECT_EQ(shim_control().open_sessions(), 0) << nth;
  }
}

}  // namespace
}  // namespace holdfast::test
