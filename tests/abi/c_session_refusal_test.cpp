// SPDX-License-Identifier: Apache-2.0
//
// What a session's C ABI refuses: null pointers, structures of another size, unknown flags, short buffers, wrong
// options, a wrong PIN. Nothing is done then, and nothing old is left in what the caller handed in.
#include "tests/abi/c_session_fixture.hpp"

#include <gmock/gmock.h>

#include <sys/stat.h>

#include <cstddef>

namespace holdfast::test {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kUnknownFlag = 1U << 31U;

using CSessionRefusal = CSession;

TEST_F(CSessionRefusal, ANullHandleIsRefusedByEveryCall) {
  EXPECT_EQ(authorize(nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_TRUE(is_wiped());
  EXPECT_EQ(size_, 0U);
  EXPECT_EQ(generation_, 0U);
  EXPECT_THAT(error_.message, HasSubstr("the session is null"));
  EXPECT_EQ(error_.remedy, static_cast<std::uint32_t>(HOLDFAST_REMEDY_FIX_CALL));
  EXPECT_EQ(headers_for(nullptr, kListed), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_TRUE(is_wiped() && has_no_headers());

  std::uint32_t number = 12345;
  EXPECT_EQ(holdfast_session_state(nullptr, &number, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(number, 0U);
  number = 12345;
  EXPECT_EQ(holdfast_session_identity_file_changed(nullptr, &number, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(number, 0U);
  std::uint64_t generation = 12345;
  EXPECT_EQ(holdfast_session_generation(nullptr, &generation, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(generation, 0U);
  generation = 12345;
  EXPECT_EQ(holdfast_session_adopt_task(nullptr, "task", &generation, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(generation, 0U);
  EXPECT_EQ(holdfast_session_state_error(nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_session_reopen(nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_session_register_task(nullptr, 0, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_session_rejected(nullptr, 1, 401, nullptr), HOLDFAST_INVALID_ARGUMENT);
  holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
  EXPECT_EQ(holdfast_session_key_info(nullptr, &info, nullptr), HOLDFAST_INVALID_ARGUMENT);
  holdfast_account account = HOLDFAST_ACCOUNT_INIT;
  EXPECT_EQ(holdfast_session_account(nullptr, &account, nullptr), HOLDFAST_INVALID_ARGUMENT);
  holdfast_counters counters = HOLDFAST_COUNTERS_INIT;
  EXPECT_EQ(holdfast_session_counters(nullptr, &counters, nullptr), HOLDFAST_INVALID_ARGUMENT);
  holdfast_session_close(nullptr);
}

TEST_F(CSessionRefusal, ANullOutputOrTextIsRefusedByEveryCall) {
  const SessionPtr session = open();
  holdfast_session* handle = session.get();
  EXPECT_EQ(holdfast_session_open(nullptr, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_session_open(&options_, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  auto* none = handle;
  EXPECT_EQ(holdfast_session_open(nullptr, &none, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(holdfast_session_state(handle, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_session_identity_file_changed(handle, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_session_generation(handle, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_session_adopt_task(handle, nullptr, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_session_key_info(handle, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_session_account(handle, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_session_counters(handle, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);

  constexpr std::size_t kCapacity = HOLDFAST_AUTHORIZATION_CAPACITY;
  char* const value = value_.data();
  EXPECT_EQ(holdfast_session_authorization(handle, 0, nullptr, kCapacity, &size_, nullptr, nullptr),
            HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_session_authorization(handle, 0, value, kCapacity, nullptr, nullptr, nullptr),
            HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(headers_for(handle, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_TRUE(is_wiped() && has_no_headers());
  EXPECT_EQ(holdfast_session_headers_for(handle, kListed, 0, nullptr, kCapacity, &size_, &headers_, nullptr),
            HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_session_headers_for(handle, kListed, 0, value, kCapacity, nullptr, &headers_, nullptr),
            HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_session_headers_for(handle, kListed, 0, value, kCapacity, &size_, nullptr, nullptr),
            HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(generation(handle), 0U) << "nothing was done";
  EXPECT_EQ(signatures(handle), 0U);
}

TEST_F(CSessionRefusal, AShortBufferLearnsItsSizeAndNothingIsRegisteredOrSigned) {
  const SessionPtr session = open();
  constexpr std::size_t kNeeded = HOLDFAST_AUTHORIZATION_CAPACITY;
  for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}, kNeeded - 1}) {
    EXPECT_EQ(authorize(session.get(), 0, capacity), HOLDFAST_BUFFER_TOO_SMALL);
    EXPECT_EQ(size_, kNeeded);
    EXPECT_EQ(generation_, 0U);
    EXPECT_TRUE(is_wiped(capacity));
    EXPECT_EQ(value_[capacity], 'x') << "written behind the buffer";
    EXPECT_EQ(headers_for(session.get(), kListed, 0, capacity), HOLDFAST_BUFFER_TOO_SMALL);
    EXPECT_EQ(size_, kNeeded);
    EXPECT_TRUE(is_wiped(capacity) && has_no_headers());
    EXPECT_EQ(value_[capacity], 'x') << "written behind the buffer";
  }
  size_ = 0;
  EXPECT_EQ(holdfast_session_authorization(session.get(), 0, nullptr, 0, &size_, nullptr, nullptr),
            HOLDFAST_BUFFER_TOO_SMALL);
  EXPECT_EQ(size_, kNeeded) << "asked without a buffer";
  EXPECT_EQ(signatures(session.get()), 0U);
  EXPECT_EQ(generation(session.get()), 0U);
  expect_registrations(0);
}

TEST_F(CSessionRefusal, StructuresOfAnotherSizeAreNotWrittenTo) {
  const SessionPtr session = open();
  for (const std::uint32_t size : {0U, 8U, static_cast<std::uint32_t>(sizeof(holdfast_error)) + 8U}) {
    holdfast_error error = HOLDFAST_ERROR_INIT;
    error.struct_size = size;
    error.native = 42;
    auto* none = session.get();
    EXPECT_EQ(holdfast_session_open(&options_, &none, &error), HOLDFAST_INVALID_ARGUMENT);
    EXPECT_EQ(none, nullptr);
    EXPECT_EQ(holdfast_session_register_task(session.get(), 0, &error), HOLDFAST_INVALID_ARGUMENT);
    EXPECT_EQ(holdfast_session_authorization(session.get(), 0, value_.data(), value_.size(), &size_, nullptr, &error),
              HOLDFAST_INVALID_ARGUMENT);
    EXPECT_EQ(error.native, 42U) << "wrote into a structure of an unknown size";
  }
  headers_.struct_size -= 16;
  EXPECT_EQ(headers_for(session.get(), kListed), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_TRUE(is_wiped());
  EXPECT_EQ(headers_.generation, 12345U) << "wrote into a structure of an unknown size";
  holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
  info.struct_size = 0;
  info.scheme = 42;
  EXPECT_EQ(holdfast_session_key_info(session.get(), &info, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(info.scheme, 42U);
  holdfast_account account = HOLDFAST_ACCOUNT_INIT;
  account.struct_size += 8;
  account.is_fedramp = 42;
  EXPECT_EQ(holdfast_session_account(session.get(), &account, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(account.is_fedramp, 42U);
  holdfast_counters counters = HOLDFAST_COUNTERS_INIT;
  counters.struct_size -= 8;
  counters.headers = 42;
  EXPECT_EQ(holdfast_session_counters(session.get(), &counters, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(counters.headers, 42U);
  EXPECT_EQ(generation(session.get()), 0U) << "nothing was done";
  expect_registrations(0);
}

TEST_F(CSessionRefusal, AnErrorOfAnotherSizeIsRefusedByEveryCall) {
  const SessionPtr session = open();
  holdfast_session* handle = session.get();
  holdfast_error foreign = HOLDFAST_ERROR_INIT;
  foreign.struct_size -= 8;
  foreign.native = 42;
  std::uint32_t number = 0;
  std::uint64_t generation_of_task = 0;
  std::int32_t id = 0;
  holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
  holdfast_account account = HOLDFAST_ACCOUNT_INIT;
  holdfast_counters counters = HOLDFAST_COUNTERS_INIT;
  holdfast_registrar_options registrar_options = HOLDFAST_REGISTRAR_OPTIONS_INIT;
  holdfast_registrar* no_registrar = nullptr;
  char* const value = value_.data();
  for (const holdfast_status status :
       {holdfast_session_state(handle, &number, &foreign), holdfast_session_state_error(handle, &foreign),
        holdfast_session_reopen(handle, &foreign), holdfast_session_identity_file_changed(handle, &number, &foreign),
        holdfast_session_adopt_task(handle, "task", &generation_of_task, &foreign),
        holdfast_session_generation(handle, &generation_of_task, &foreign),
        holdfast_session_headers_for(handle, kListed, 0, value, value_.size(), &size_, &headers_, &foreign),
        holdfast_session_rejected(handle, 1, 401, &foreign), holdfast_session_key_info(handle, &info, &foreign),
        holdfast_session_account(handle, &account, &foreign), holdfast_session_counters(handle, &counters, &foreign),
        holdfast_registrar_start(&registrar_options, &no_registrar, &foreign),
        holdfast_registrar_state(nullptr, &number, &foreign), holdfast_registrar_restart(nullptr, &foreign),
        holdfast_registrar_process_id(nullptr, &id, &foreign), holdfast_registrar_socket(nullptr, &id, &foreign),
        holdfast_registrar_attach(-1, &no_registrar, &foreign), holdfast_registrar_reattach(nullptr, -1, &foreign)}) {
    EXPECT_EQ(status, HOLDFAST_INVALID_ARGUMENT);
  }
  EXPECT_EQ(foreign.native, 42U) << "wrote into a structure of an unknown size";
  EXPECT_EQ(generation(handle), 0U) << "nothing was done";
  expect_registrations(0);
}

TEST_F(CSessionRefusal, OptionsAreReadStrictly) {
  const holdfast_session_options good = options_;
  const auto expect_refused = [&](void (*change)(holdfast_session_options&), const char* why) {
    options_ = good;
    change(options_);
    EXPECT_EQ(refused_open(), HOLDFAST_INVALID_ARGUMENT) << why;
    EXPECT_THAT(error_.message, HasSubstr(why));
  };
  expect_refused([](holdfast_session_options& o) { o.struct_size = 0; }, "unknown size");
  expect_refused([](holdfast_session_options& o) { ++o.struct_size; }, "unknown size");
  expect_refused([](holdfast_session_options& o) { o.struct_size -= 8; }, "unknown size");
  expect_refused([](holdfast_session_options& o) { o.flags = kUnknownFlag; }, "unknown flag");
  expect_refused([](holdfast_session_options& o) { o.reserved = 1; }, "reserved");
  expect_refused([](holdfast_session_options& o) { o.minimum_profile = 4; }, "minimum_profile");
  expect_refused([](holdfast_session_options& o) { o.minimum_profile = 257; }, "minimum_profile");
  expect_refused([](holdfast_session_options& o) { o.origins = nullptr; }, "origins is null");
  expect_refused([](holdfast_session_options& o) { o.rejection_interval_ms = 999; }, "rejection_interval");
  expect_refused([](holdfast_session_options& o) { o.registration_timeout_ms = UINT32_MAX; }, "registration_timeout");
  expect_refused([](holdfast_session_options& o) { o.signing_timeout_ms = UINT32_MAX; }, "signing_timeout");
  expect_refused([](holdfast_session_options& o) { o.max_age_s = 121; }, "max_age");
  static constexpr std::array<const char*, 1> kNull{nullptr};
  static constexpr std::array<const char*, 1> kPath{"https://api.example/v1"};
  static constexpr std::array<const char*, 1> kPlain{"http://api.example"};
  const auto use = [](holdfast_session_options& o, const std::array<const char*, 1>& origins) {
    o.origins = origins.data();
    o.origins_count = origins.size();
  };
  options_ = good;
  use(options_, kNull);
  EXPECT_EQ(refused_open(), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("an origin is null"));
  use(options_, kPath);
  EXPECT_EQ(refused_open(), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("has a path"));
  use(options_, kPlain);
  EXPECT_EQ(refused_open(), HOLDFAST_INVALID_ARGUMENT);

  // Also with the flag that lets a session wait for its token.
  options_ = good;
  options_.flags = HOLDFAST_SESSION_ALLOWS_UNREADY;
  options_.max_age_s = 121;
  EXPECT_EQ(refused_open(), HOLDFAST_INVALID_ARGUMENT);
}

TEST_F(CSessionRefusal, AnUnknownFlagOfACallIsRefused) {
  const SessionPtr session = open();
  for (const std::uint32_t flags : {kUnknownFlag, 2U, kUnknownFlag | HOLDFAST_FRESH}) {
    EXPECT_EQ(authorize(session.get(), flags), HOLDFAST_INVALID_ARGUMENT);
    EXPECT_THAT(error_.message, HasSubstr("unknown flag"));
    EXPECT_TRUE(is_wiped());
    EXPECT_EQ(headers_for(session.get(), kListed, flags), HOLDFAST_INVALID_ARGUMENT);
    EXPECT_TRUE(is_wiped() && has_no_headers());
  }
  EXPECT_EQ(generation(session.get()), 0U);
  expect_registrations(0);
}

TEST_F(CSessionRefusal, AnotherKeyOrAWeakerProfileThanTheHostTakesIsRefused) {
  static constexpr const char* kOtherKey =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
  options_.expected_public_key = kOtherKey;
  EXPECT_EQ(refused_open(), HOLDFAST_KEY_CHANGED) << error_.message;
  options_.expected_public_key = "no key";
  EXPECT_NE(refused_open(), HOLDFAST_KEY_CHANGED);
  options_.expected_public_key = "";
  identity_->profile = KeyProfile::imported;
  store_identity_file();
  EXPECT_EQ(refused_open(), HOLDFAST_KEY_REFUSED) << error_.message;
  options_.minimum_profile = HOLDFAST_PROFILE_IMPORTED;
  const SessionPtr session = open();
  EXPECT_EQ(state(session.get()), static_cast<std::uint32_t>(HOLDFAST_SESSION_READY));
}

TEST_F(CSessionRefusal, AnIdentityThatOthersCanWriteIsUntrusted) {
  ASSERT_EQ(chmod(identity_file_.c_str(), 0666), 0);
  EXPECT_EQ(refused_open(), HOLDFAST_FILE_UNTRUSTED) << error_.message;
  EXPECT_EQ(holdfast_status_exit_code(error_.status), 3);
}

TEST_F(CSessionRefusal, ARefusedPinIsSentOnceWhoeverAsksAgain) {
  const std::string wrong = "file:" + hsm_.folder().write("wrong.pin", "9999-wrong\n");
  options_.pin_source = wrong.c_str();
  options_.flags = HOLDFAST_SESSION_ALLOWS_UNREADY;
  shim_control().reset_counts();
  const SessionPtr session = open();
  EXPECT_EQ(state(session.get()), static_cast<std::uint32_t>(HOLDFAST_SESSION_IDENTITY_ONLY));
  EXPECT_EQ(holdfast_session_state_error(session.get(), &error_), HOLDFAST_PIN_INCORRECT) << error_.message;
  EXPECT_EQ(error_.remedy, static_cast<std::uint32_t>(HOLDFAST_REMEDY_ASK_PERSON));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(holdfast_session_reopen(session.get(), &error_), HOLDFAST_PIN_INCORRECT);
  }
  options_.flags = 0;
  EXPECT_EQ(refused_open(), HOLDFAST_PIN_REFUSED_BEFORE) << error_.message;
  EXPECT_EQ(shim_control().count("C_Login"), 1U);

  options_.pin_source = nullptr;
  const SessionPtr corrected = open();
  EXPECT_EQ(authorize(corrected.get()), HOLDFAST_OK) << error_.message;
}

}  // namespace
}  // namespace holdfast::test
