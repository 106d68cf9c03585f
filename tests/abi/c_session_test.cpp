// SPDX-License-Identifier: Apache-2.0
//
// A session as a C host sees it: libholdfast on a SoftHSM token and a reference authority.
#include "tests/abi/c_session_fixture.hpp"
#include "tests/integration/authority/http_client.hpp"
#include "tests/support/child_process.hpp"

#include <gmock/gmock.h>

#include <signal.h>
#include <strings.h>

#include <ctime>
#include <filesystem>
#include <map>

namespace holdfast::test {
namespace {

using testing::HasSubstr;

// Names of headers are compared without case (RFC 9110 §5.1).
struct WithoutCase {
  bool operator()(const std::string& a, const std::string& b) const { return strcasecmp(a.c_str(), b.c_str()) < 0; }
};

TEST_F(CSession, ATaskIsRegisteredOnceAndItsHeaderIsAccepted) {
  const SessionPtr session = open();
  EXPECT_EQ(state(session.get()), static_cast<std::uint32_t>(HOLDFAST_SESSION_READY));
  EXPECT_EQ(generation(session.get()), 0U);
  expect_registrations(0);  // open needs no network
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(holdfast_session_register_task(session.get(), 0, &error_), HOLDFAST_OK) << error_.message;
    EXPECT_EQ(generation(session.get()), 1U);
  }
  EXPECT_EQ(holdfast_session_register_task(session.get(), 5000, nullptr), HOLDFAST_OK);
  expect_registrations(1);

  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  EXPECT_EQ(error_.status, HOLDFAST_OK);
  EXPECT_STREQ(error_.message, "");
  EXPECT_EQ(size_, std::strlen(value_.data()));
  EXPECT_EQ(generation_, 1U);
  EXPECT_STREQ(said().runtime_id, std::string(identity_->runtime_id.view()).c_str());
  holdfast_assertion assertion = HOLDFAST_ASSERTION_INIT;
  EXPECT_EQ(
      holdfast_verify_authorization(value_.data(), size_, ssh_key_.c_str(), time(nullptr), 300, &assertion, &error_),
      HOLDFAST_OK)
      << error_.message;
  const HttpAnswer answer = verify(*authority_, value_.data());
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("x-task-id"), said().task_id);
}

TEST_F(CSession, TheFirstHeaderRegistersItsTask) {
  const SessionPtr session = open();
  ASSERT_EQ(holdfast_session_authorization(session.get(), 0, value_.data(), value_.size(), &size_, nullptr, nullptr),
            HOLDFAST_OK);
  EXPECT_EQ(generation(session.get()), 1U);
  expect_registrations(1);
  EXPECT_EQ(verify(*authority_, value_.data()).status, 200);
}

TEST_F(CSession, AListedOriginGetsHeadersThatReplaceTheRequestsOwn) {
  const SessionPtr session = open();
  for (const char* url : {kListed, "https://API.example:443/", "wss://api.example:8443/v1/realtime?model=a"}) {
    ASSERT_EQ(headers_for(session.get(), url), HOLDFAST_OK) << url << ": " << error_.message;
    EXPECT_EQ(headers_.generation, 1U);
    ASSERT_EQ(headers_.count, 3U);
    std::map<std::string, std::string, WithoutCase> request{
        {"authorization", "Bearer of-another-account"}, {"CHATGPT-ACCOUNT-ID", "another"}, {"Accept", "*/*"}};
    for (const holdfast_header& field : std::span(headers_.fields).first(headers_.count)) {
      request[field.name] = field.value;
    }
    EXPECT_EQ(request.size(), 4U) << "each name once, whatever its case";
    EXPECT_EQ(request["Authorization"], value_.data());
    EXPECT_EQ(request["ChatGPT-Account-ID"], "account-1");
    EXPECT_EQ(request["X-OpenAI-Fedramp"], "true");
    EXPECT_EQ(request["Accept"], "*/*");
  }
  EXPECT_EQ(headers_.fields[0].value, value_.data()) << "the value is in the caller's buffer";
  EXPECT_EQ(size_, std::strlen(value_.data()));
  EXPECT_EQ(headers_.fields[3].name, nullptr);
  EXPECT_EQ(verify(*authority_, value_.data()).status, 200);

  // The companions are the session's: a later call, into another buffer, leaves them where they are.
  const char* const companion = headers_.fields[1].value;
  std::array<char, HOLDFAST_AUTHORIZATION_CAPACITY> other{};
  holdfast_headers later = HOLDFAST_HEADERS_INIT;
  ASSERT_EQ(
      holdfast_session_headers_for(session.get(), kListed, 0, other.data(), other.size(), &size_, &later, nullptr),
      HOLDFAST_OK);
  EXPECT_EQ(later.fields[1].value, companion);
  EXPECT_STREQ(companion, "account-1");
}

TEST_F(CSession, WithoutAnAccountThereIsNoCompanion) {
  identity_->account = {};
  store_identity_file();
  const SessionPtr session = open();
  ASSERT_EQ(headers_for(session.get(), kListed), HOLDFAST_OK) << error_.message;
  EXPECT_EQ(headers_.count, 1U);
  EXPECT_STREQ(headers_.fields[0].name, "Authorization");
  EXPECT_EQ(headers_.fields[1].name, nullptr);
}

TEST_F(CSession, AnotherOriginGetsNothingAndNothingIsSigned) {
  const SessionPtr session = open();
  const auto expect_nothing = [&](const char* url, holdfast_status status) {
    EXPECT_EQ(headers_for(session.get(), url), status) << url << ": " << error_.message;
    EXPECT_EQ(error_.status, status);
    EXPECT_TRUE(is_wiped()) << url;
    EXPECT_EQ(size_, 0U) << url;
    EXPECT_TRUE(has_no_headers()) << url;
  };
  for (const char* url : {"https://api.example.evil.example/v1", "https://evil.example/https://api.example/",
                          "https://api.example:8443/", "wss://api.example/"}) {
    expect_nothing(url, HOLDFAST_ORIGIN_NOT_LISTED);
  }
  for (const char* url : {"http://api.example/v1", "https://api.example@evil.example/",
                          "https://api.example\\.evil.example/", "https://api.example./", "api.example", ""}) {
    expect_nothing(url, HOLDFAST_INVALID_ARGUMENT);
  }
  EXPECT_EQ(generation(session.get()), 0U);
  EXPECT_EQ(signatures(session.get()), 0U);
  expect_registrations(0);

  options_.origins = nullptr;
  options_.origins_count = 0;
  const SessionPtr listless = open();
  EXPECT_EQ(headers_for(listless.get(), kListed), HOLDFAST_ORIGIN_NOT_LISTED);
  EXPECT_TRUE(is_wiped() && has_no_headers());
}

TEST_F(CSession, FreshAsksTheTokenAndReuseDoesNot) {
  options_.max_age_s = 60;
  const SessionPtr session = open();
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  const std::uint64_t before = signatures(session.get());
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK);
  ASSERT_EQ(headers_for(session.get(), kListed), HOLDFAST_OK);
  EXPECT_EQ(signatures(session.get()), before);
  ASSERT_EQ(authorize(session.get(), HOLDFAST_FRESH), HOLDFAST_OK);
  ASSERT_EQ(headers_for(session.get(), kListed, HOLDFAST_FRESH), HOLDFAST_OK);
  EXPECT_EQ(signatures(session.get()), before + 2);
}

TEST_F(CSession, ARejectedTaskIsReplacedOnceAndAStaleReportChangesNothing) {
  const SessionPtr session = open();
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  const std::string first = said().task_id;
  // The authority forgets its tasks, as when their time is over.
  ASSERT_EQ(kill(authority_->pid(), SIGHUP), 0);
  while (verify(*authority_, value_.data()).status == 200) {
  }
  EXPECT_EQ(holdfast_session_rejected(session.get(), generation_, 401, &error_), HOLDFAST_OK) << error_.message;
  EXPECT_EQ(generation(session.get()), 2U);
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK);
  EXPECT_EQ(generation_, 2U);
  EXPECT_NE(said().task_id, first);
  EXPECT_EQ(verify(*authority_, value_.data()).status, 200);
  expect_registrations(2);

  EXPECT_EQ(holdfast_session_rejected(session.get(), 1, 403, &error_), HOLDFAST_OK) << "there is a newer task";
  EXPECT_EQ(generation(session.get()), 2U);
  expect_registrations(2);

  // The new task is rejected as well: then it is hardly the task, and the authority is not asked again so soon.
  EXPECT_EQ(holdfast_session_rejected(session.get(), 2, 401, &error_), HOLDFAST_AUTHORITY_REFUSED);
  EXPECT_THAT(error_.message, HasSubstr("a task was registered"));
  expect_registrations(2);
  EXPECT_EQ(generation(session.get()), 2U);
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << "the present task stays in use";
  EXPECT_EQ(generation_, 2U);
}

TEST_F(CSession, ARejectionThatCannotBeIsAMistake) {
  const SessionPtr session = open();
  EXPECT_EQ(holdfast_session_rejected(session.get(), 1, 401, &error_), HOLDFAST_INVALID_ARGUMENT) << "no task yet";
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  for (const std::uint64_t never : {std::uint64_t{0}, std::uint64_t{2}, UINT64_MAX}) {
    EXPECT_EQ(holdfast_session_rejected(session.get(), never, 401, &error_), HOLDFAST_INVALID_ARGUMENT) << never;
  }
  for (const std::int32_t status : {200, 400, 429, 500, 0, -401}) {
    EXPECT_EQ(holdfast_session_rejected(session.get(), 1, status, &error_), HOLDFAST_INVALID_ARGUMENT) << status;
  }
  EXPECT_EQ(generation(session.get()), 1U);
  expect_registrations(1);
}

TEST_F(CSession, AnAuthorityThatIsAwayIsToldAndTheNextCallTriesAnew) {
  options_.registration_timeout_ms = 20'000;
  const SessionPtr session = open();
  const std::string address = authority_->origin().substr(std::string("https://").size());
  const TemporaryFolder elsewhere;
  authority_->stop();
  EXPECT_EQ(holdfast_session_register_task(session.get(), 0, &error_), HOLDFAST_AUTHORITY_UNAVAILABLE)
      << error_.message;
  EXPECT_EQ(error_.remedy, static_cast<std::uint32_t>(HOLDFAST_REMEDY_WAIT));
  EXPECT_EQ(authorize(session.get()), HOLDFAST_AUTHORITY_UNAVAILABLE);
  EXPECT_TRUE(is_wiped());
  EXPECT_EQ(size_, 0U);
  EXPECT_EQ(generation_, 0U);
  EXPECT_EQ(headers_for(session.get(), kListed), HOLDFAST_AUTHORITY_UNAVAILABLE);
  EXPECT_TRUE(is_wiped() && has_no_headers());
  EXPECT_EQ(generation(session.get()), 0U);

  // The agents and the tasks of another authority at that address are others: it refuses, and says so.
  authority_.emplace(std::vector<std::string>{"--listen", address}, elsewhere.path());
  ASSERT_TRUE(authority_->is_ready()) << authority_->log();
  options_.ca_file = authority_->certificate().c_str();
  const SessionPtr trusting = open();
  EXPECT_EQ(holdfast_session_register_task(trusting.get(), 0, &error_), HOLDFAST_AUTHORITY_REFUSED) << error_.message;
  EXPECT_EQ(error_.native, 401U);
  EXPECT_EQ(holdfast_status_exit_code(error_.status), 5);
}

TEST_F(CSession, IsTakenAtItsWordAboutSigpipeOnlyIfItIsTrue) {
  options_.flags = HOLDFAST_SESSION_SIGPIPE_IS_IGNORED;
  holdfast_session* session = nullptr;
  EXPECT_EQ(holdfast_session_open(&options_, &session, &error_), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(session, nullptr);
  signal(SIGPIPE, SIG_IGN);
  (void)open();
}

TEST_F(CSession, ATaskThatSomebodyElseRegisteredIsAdopted) {
  options_.flags = HOLDFAST_SESSION_REGISTERS_NO_TASKS;
  const SessionPtr session = open();
  EXPECT_EQ(authorize(session.get()), HOLDFAST_TASK_REQUIRED);
  EXPECT_TRUE(is_wiped());
  EXPECT_EQ(holdfast_session_register_task(session.get(), 0, &error_), HOLDFAST_TASK_REQUIRED);

  std::uint64_t adopted = 0;
  ASSERT_EQ(holdfast_session_adopt_task(session.get(), "task-elsewhere", &adopted, &error_), HOLDFAST_OK)
      << error_.message;
  EXPECT_EQ(adopted, 1U);
  EXPECT_EQ(holdfast_session_adopt_task(session.get(), "task-elsewhere", &adopted, nullptr), HOLDFAST_OK);
  EXPECT_EQ(adopted, 1U) << "it is the present one already";
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  EXPECT_STREQ(said().task_id, "task-elsewhere");
  EXPECT_EQ(generation_, 1U);
  EXPECT_EQ(holdfast_session_adopt_task(session.get(), "task-after-it", nullptr, nullptr), HOLDFAST_OK);
  EXPECT_EQ(generation(session.get()), 2U);
  ASSERT_EQ(headers_for(session.get(), kListed), HOLDFAST_OK);
  EXPECT_STREQ(said().task_id, "task-after-it");

  for (const char* bad : {"", "a/b", "..", "task id"}) {
    adopted = 12345;
    EXPECT_EQ(holdfast_session_adopt_task(session.get(), bad, &adopted, &error_), HOLDFAST_INVALID_IDENTIFIER) << bad;
    EXPECT_EQ(adopted, 0U);
  }
  EXPECT_EQ(holdfast_session_rejected(session.get(), 2, 401, &error_), HOLDFAST_TASK_REQUIRED);
  EXPECT_EQ(generation(session.get()), 2U);
  expect_registrations(0);
}

TEST_F(CSession, TellsTheAccountTheKeyAndWhatItDid) {
  options_.max_age_s = 107;
  options_.expected_public_key = ssh_key_.c_str();
  const SessionPtr session = open();
  error_.native = 42;
  EXPECT_EQ(holdfast_session_state_error(session.get(), &error_), HOLDFAST_OK);
  EXPECT_EQ(error_.native, 0U) << "after success all is zero";
  EXPECT_EQ(holdfast_session_reopen(session.get(), &error_), HOLDFAST_OK) << "nothing is left to do";

  holdfast_account account = HOLDFAST_ACCOUNT_INIT;
  ASSERT_EQ(holdfast_session_account(session.get(), &account, &error_), HOLDFAST_OK) << error_.message;
  EXPECT_EQ(account.is_fedramp, 1U);
  EXPECT_STREQ(account.account_id, "account-1");
  EXPECT_STREQ(account.user_id, "user-1");
  EXPECT_STREQ(account.email, "someone@example.org");
  EXPECT_STREQ(account.plan_type, "team");
  EXPECT_EQ(account.authority_url, authority_->url());

  holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
  ASSERT_EQ(holdfast_session_key_info(session.get(), &info, &error_), HOLDFAST_OK) << error_.message;
  EXPECT_EQ(info.scheme, static_cast<std::uint32_t>(HOLDFAST_SCHEME_ED25519));
  EXPECT_EQ(info.profile, static_cast<std::uint32_t>(HOLDFAST_PROFILE_STRICT));
  EXPECT_EQ(info.verifies_always, 1U);
  EXPECT_EQ(info.max_age_s, 107U);
  EXPECT_EQ(info.public_key_size, 32U);
  EXPECT_EQ(info.runtime_id, identity_->runtime_id.view());
  EXPECT_EQ(info.ssh_public_key, ssh_key_);

  holdfast_counters counters = HOLDFAST_COUNTERS_INIT;
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK);
  ASSERT_EQ(holdfast_session_counters(session.get(), &counters, &error_), HOLDFAST_OK);
  EXPECT_EQ(counters.headers, 2U);
  EXPECT_EQ(counters.headers_reused, 1U);
  EXPECT_EQ(counters.signatures, 2U) << "the registration's and the header's";
  EXPECT_EQ(counters.verifications, 2U);
  EXPECT_EQ(counters.device_errors, 0U);
}

TEST_F(CSession, NoIdentityIsAStateThatReopenCures) {
  std::filesystem::remove(identity_file_);
  EXPECT_EQ(refused_open(), HOLDFAST_FILE_INVALID) << error_.message;
  options_.flags = HOLDFAST_SESSION_ALLOWS_UNREADY;
  const SessionPtr session = open();
  EXPECT_EQ(state(session.get()), static_cast<std::uint32_t>(HOLDFAST_SESSION_NO_IDENTITY));
  EXPECT_EQ(holdfast_session_state_error(session.get(), &error_), HOLDFAST_FILE_INVALID);
  EXPECT_THAT(error_.message, HasSubstr("identity.json"));

  holdfast_account account = HOLDFAST_ACCOUNT_INIT;
  account.is_fedramp = 1;
  EXPECT_EQ(holdfast_session_account(session.get(), &account, nullptr), HOLDFAST_FILE_INVALID);
  EXPECT_EQ(account.is_fedramp, 0U);
  EXPECT_EQ(account.account_id, nullptr);
  holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
  info.scheme = 1;
  EXPECT_EQ(holdfast_session_key_info(session.get(), &info, nullptr), HOLDFAST_FILE_INVALID);
  EXPECT_EQ(info.scheme, 0U);
  EXPECT_EQ(signatures(session.get()), 0U);
  EXPECT_EQ(generation(session.get()), 0U);
  std::uint32_t changed = 0;
  EXPECT_EQ(holdfast_session_identity_file_changed(session.get(), &changed, nullptr), HOLDFAST_OK);
  EXPECT_EQ(changed, 1U);
  EXPECT_EQ(authorize(session.get()), HOLDFAST_FILE_INVALID);
  EXPECT_TRUE(is_wiped());
  EXPECT_EQ(headers_for(session.get(), kListed), HOLDFAST_FILE_INVALID);
  EXPECT_TRUE(is_wiped() && has_no_headers());
  EXPECT_EQ(holdfast_session_register_task(session.get(), 0, nullptr), HOLDFAST_FILE_INVALID);
  EXPECT_EQ(holdfast_session_adopt_task(session.get(), "task", nullptr, nullptr), HOLDFAST_FILE_INVALID);
  EXPECT_EQ(holdfast_session_rejected(session.get(), 1, 401, nullptr), HOLDFAST_FILE_INVALID);
  EXPECT_EQ(holdfast_session_reopen(session.get(), nullptr), HOLDFAST_FILE_INVALID);

  store_identity_file();
  EXPECT_EQ(holdfast_session_reopen(session.get(), &error_), HOLDFAST_OK) << error_.message;
  EXPECT_EQ(state(session.get()), static_cast<std::uint32_t>(HOLDFAST_SESSION_READY));
  EXPECT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
}

TEST_F(CSession, MetadataIsReadableWhileTheTokenIsAway) {
  const std::string elsewhere = hsm_.folder().file("elsewhere");
  std::filesystem::rename(hsm_.token_folder(), elsewhere);
  const holdfast_status away = refused_open();
  options_.flags = HOLDFAST_SESSION_ALLOWS_UNREADY;
  const SessionPtr session = open();
  EXPECT_EQ(state(session.get()), static_cast<std::uint32_t>(HOLDFAST_SESSION_IDENTITY_ONLY));
  EXPECT_EQ(holdfast_session_state_error(session.get(), &error_), away);
  EXPECT_EQ(error_.layer, static_cast<std::uint32_t>(HOLDFAST_LAYER_PKCS11)) << error_.message;
  holdfast_account account = HOLDFAST_ACCOUNT_INIT;
  EXPECT_EQ(holdfast_session_account(session.get(), &account, nullptr), HOLDFAST_OK);
  EXPECT_STREQ(account.account_id, "account-1");
  holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
  EXPECT_EQ(holdfast_session_key_info(session.get(), &info, nullptr), HOLDFAST_OK);
  EXPECT_EQ(info.ssh_public_key, ssh_key_);
  EXPECT_EQ(authorize(session.get()), away);
  EXPECT_TRUE(is_wiped());

  std::filesystem::rename(elsewhere, hsm_.token_folder());
  EXPECT_EQ(holdfast_session_reopen(session.get(), &error_), HOLDFAST_OK) << error_.message;
  EXPECT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
}

TEST_F(CSession, AnIdentityFileThatWasReplacedIsNoticed) {
  const SessionPtr session = open();
  std::uint32_t changed = 12345;
  EXPECT_EQ(holdfast_session_identity_file_changed(session.get(), &changed, &error_), HOLDFAST_OK);
  EXPECT_EQ(changed, 0U);
  store_identity_file();
  EXPECT_EQ(holdfast_session_identity_file_changed(session.get(), &changed, &error_), HOLDFAST_OK);
  EXPECT_EQ(changed, 1U);
  std::filesystem::remove(identity_file_);
  EXPECT_EQ(holdfast_session_identity_file_changed(session.get(), &changed, &error_), HOLDFAST_FILE_INVALID);
  EXPECT_EQ(changed, 0U);
  EXPECT_EQ(authorize(session.get()), HOLDFAST_OK) << "it goes on with what it read";
}

TEST_F(CSession, AForkedChildIsTold) {
  const SessionPtr session = open();
  const SessionPtr without_a_task = open();
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  EXPECT_EQ(run_in_child([&] {
              bool is_told = authorize(session.get()) == HOLDFAST_FORKED && is_wiped() && size_ == 0;
              is_told = headers_for(session.get(), kListed) == HOLDFAST_FORKED && has_no_headers() && is_told;
              is_told = holdfast_session_rejected(session.get(), 1, 401, nullptr) == HOLDFAST_FORKED && is_told;
              holdfast_session* other = without_a_task.get();
              is_told = holdfast_session_register_task(other, 0, nullptr) == HOLDFAST_FORKED && is_told;
              is_told = authorize(other) == HOLDFAST_FORKED && is_told;
              // Closing is what a child may do, and it sends nothing: the parent's login stays.
              holdfast_session_close(other);
              return is_told && state(session.get()) == static_cast<std::uint32_t>(HOLDFAST_SESSION_READY);
            }),
            0);
  expect_registrations(1);
  EXPECT_EQ(authorize(session.get(), HOLDFAST_FRESH), HOLDFAST_OK) << "the parent goes on";
  EXPECT_EQ(authorize(without_a_task.get()), HOLDFAST_OK) << error_.message;
}

TEST_F(CSession, AForkedChildOpensASessionOfItsOwn) {
  const SessionPtr session = open();
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  EXPECT_EQ(run_in_child([&] {
              holdfast_session_close(session.get());
              const SessionPtr own = open();
              return own != nullptr && authorize(own.get()) == HOLDFAST_OK;
            }),
            0);
}

}  // namespace
}  // namespace holdfast::test
