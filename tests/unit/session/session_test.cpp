// SPDX-License-Identifier: Apache-2.0
#include "holdfast/session.hpp"

#include "tests/support/child_process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/identity/sample_identity.hpp"
#include "tests/unit/session/task_fixture.hpp"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <string>
#include <thread>

namespace holdfast {
namespace {

using namespace std::chrono_literals;

class SessionOpen : public testing::Test {
 protected:
  Identity identity_ = test::sample_identity();

  /// The refusal of a session on a file of `identity_`.
  Error open(SessionOptions options = {}) {
    EXPECT_TRUE(store_identity(identity_, path_, true));
    options.identity_file = path_;
    const auto session = AgentSession::open(options);
    EXPECT_FALSE(session);
    return session ? Error{} : session.error();
  }

  test::TemporaryFolder folder_;
  std::string path_ = folder_.file("identity.json");
};

TEST_F(SessionOpen, AMissingFileIsNamed) {
  SessionOptions options;
  options.identity_file = path_;
  const auto session = AgentSession::open(options);
  ASSERT_EQ(session.status(), Status::file_invalid);
  EXPECT_NE(session.error().detail.view().find("identity.json"), std::string_view::npos);
}

TEST_F(SessionOpen, AWeakerProfileThanTheProgramTakesIsRefused) {
  identity_.profile = KeyProfile::imported;
  const Error error = open();
  EXPECT_EQ(error.status, Status::key_refused);
  EXPECT_EQ(error.layer, Layer::identity);
  EXPECT_EQ(error.detail.view(), "the identity file's profile is imported, this program takes strict only");
}

TEST_F(SessionOpen, AProfileThatIsWeakInAnotherWayIsRefused) {
  identity_.profile = KeyProfile::imported;
  SessionOptions options;
  options.minimum_profile = KeyProfile::shared;
  const Error error = open(options);
  EXPECT_EQ(error.status, Status::key_refused) << "shared keys never were outside their TPM";
  EXPECT_EQ(error.detail.view(), "the identity file's profile is imported, this program takes shared or strict");
}

TEST_F(SessionOpen, AStricterProfileThanTheProgramTakesPassesThatGate) {
  identity_.profile = KeyProfile::strict;
  identity_.key_uri = "tpm2:handle=0x81000001?tcti=swtpm:path=/nonexistent/socket";
  SessionOptions options;
  options.minimum_profile = KeyProfile::shared;
  EXPECT_EQ(open(options).status, Status::token_not_found) << "it got as far as the device";
}

TEST_F(SessionOpen, AnotherKeyThanTheProgramExpectsIsRefused) {
  SessionOptions options;
  std::array<std::byte, kEd25519KeySize> other{std::byte{1}};
  options.expected_key = PublicKey::from_bytes(Scheme::ed25519, other).value();
  identity_.profile = KeyProfile::strict;
  EXPECT_EQ(open(options).status, Status::key_changed);
}

TEST_F(SessionOpen, AnAuthorityThatCannotBeUsedIsRefusedBeforeTheTokenIsOpened) {
  identity_.profile = KeyProfile::strict;
  identity_.key_uri = "tpm2:handle=0x81000001?tcti=swtpm:path=/nonexistent/socket";
  SessionOptions options;
  options.registrar.authority_url = "http://example";
  const Error error = open(options);
  EXPECT_EQ(error.status, Status::invalid_argument) << "no token was missed";
  EXPECT_NE(error.detail.view().find("http:"), std::string_view::npos) << error.detail.view();
}

TEST_F(SessionOpen, OptionsAreChecked) {
  identity_.profile = KeyProfile::strict;
  SessionOptions options;
  options.task.registration_timeout = 0ms;
  EXPECT_EQ(open(options).status, Status::invalid_argument);
  options = {};
  options.max_age = 121s;
  const Error error = open(options);
  EXPECT_EQ(error.status, Status::invalid_argument);
  EXPECT_NE(error.detail.view().find("max_age"), std::string_view::npos);
}

class UnreadySession : public SessionOpen {
 protected:
  UnreadySession() {
    identity_.profile = KeyProfile::strict;
    identity_.key_uri = "tpm2:handle=0x81000001?tcti=swtpm:path=/nonexistent/socket";
    options_.identity_file = path_;
    options_.allow_unready = true;
  }
  SessionOptions options_;
};

TEST_F(UnreadySession, NoIdentityIsAnAnswerOfItsOwn) {
  auto session = AgentSession::open(options_);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->state(), SessionState::no_identity);
  EXPECT_EQ(session->state_error().status, Status::file_invalid);
  EXPECT_EQ(session->identity(), nullptr);
  EXPECT_TRUE(session->companions().empty());
  EXPECT_TRUE(session->identity_file_changed().value());
  std::array<char, kMaxAuthorizationSize> out{'x'};
  EXPECT_EQ(session->authorization(out).status(), Status::file_invalid);
  EXPECT_EQ(out[0], '\0');
  EXPECT_EQ(session->register_task().status(), Status::file_invalid);
  EXPECT_EQ(session->rejected({1}, 401).status(), Status::file_invalid);
  EXPECT_EQ(session->adopt_task(TaskId::parse("t").value()).status(), Status::file_invalid);
  EXPECT_EQ(session->generation(), TaskGeneration{});

  ASSERT_TRUE(store_identity(identity_, path_, false));
  EXPECT_EQ(session->reopen().status(), Status::token_not_found) << "one step further";
  EXPECT_EQ(session->state(), SessionState::identity_only);
  EXPECT_NE(session->identity(), nullptr);
}

TEST_F(UnreadySession, MetadataIsReadableWhileTheTokenIsAway) {
  ASSERT_TRUE(store_identity(identity_, path_, false));
  auto session = AgentSession::open(options_);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->state(), SessionState::identity_only);
  EXPECT_EQ(session->state_error().status, Status::token_not_found);
  ASSERT_NE(session->identity(), nullptr);
  EXPECT_EQ(session->identity()->runtime_id.view(), "agent-123");
  EXPECT_EQ(session->identity()->public_key, identity_.public_key);
  EXPECT_EQ(session->identity()->account.account_id, "account-1");
  ASSERT_EQ(session->companions().size(), 2U);
  EXPECT_EQ(session->companions()[0].name, "ChatGPT-Account-ID");
  EXPECT_EQ(session->companions()[0].value, "account-1");
  EXPECT_EQ(session->companions()[1].name, "X-OpenAI-Fedramp");
  EXPECT_EQ(session->companions()[1].value, "true");
  std::array<char, kMaxAuthorizationSize> out{};
  EXPECT_EQ(session->headers_for("https://api.example/", out).status(), Status::token_not_found);
  EXPECT_EQ(session->reopen().status(), Status::token_not_found);

  const AgentSession moved = std::move(*session);
  EXPECT_EQ(moved.companions()[0].value, "account-1");
}

TEST_F(UnreadySession, AnIdentityThatDoesNotSuitTheProgramIsStillKnown) {
  identity_.profile = KeyProfile::imported;
  ASSERT_TRUE(store_identity(identity_, path_, false));
  const auto session = AgentSession::open(options_);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->state(), SessionState::identity_only);
  EXPECT_EQ(session->state_error().status, Status::key_refused);
}

TEST_F(UnreadySession, WrongOptionsFailInAnyCase) {
  ASSERT_TRUE(store_identity(identity_, path_, false));
  options_.max_age = 121s;
  EXPECT_EQ(AgentSession::open(options_).status(), Status::invalid_argument);
}

TEST_F(UnreadySession, AnIdentityWrittenAnewIsNoticed) {
  ASSERT_TRUE(store_identity(identity_, path_, false));
  const auto session = AgentSession::open(options_);
  ASSERT_TRUE(session);
  EXPECT_FALSE(session->identity_file_changed().value());
  ASSERT_TRUE(store_identity(identity_, path_, true));
  EXPECT_TRUE(session->identity_file_changed().value());
  std::filesystem::remove(path_);
  EXPECT_EQ(session->identity_file_changed().status(), Status::file_invalid);
}

TEST_F(UnreadySession, AFileNamedFromAFolderIsTheSameAfterTheHostLeftThatFolder) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_.path());
  options_.identity_file = "identity.json";
  auto session = AgentSession::open(options_);
  std::filesystem::current_path(before);
  ASSERT_TRUE(session);
  ASSERT_EQ(session->state(), SessionState::no_identity);
  ASSERT_TRUE(store_identity(identity_, path_, false));
  EXPECT_EQ(session->reopen().status(), Status::token_not_found) << "the file was found";
  const auto changed = session->identity_file_changed();
  ASSERT_TRUE(changed) << changed.error().detail.view();
  EXPECT_FALSE(*changed);
}

TEST_F(UnreadySession, AnAccountIdThatNoHeaderCanCarryIsRefused) {
  identity_.account.account_id = "account 1";
  ASSERT_TRUE(store_identity(identity_, path_, false));
  const auto session = AgentSession::open(options_);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->state(), SessionState::no_identity);
  EXPECT_EQ(session->state_error().status, Status::file_invalid);
}

class AssembledSession : public testing::Test {
 protected:
  SessionParts parts() {
    SessionParts parts{.signer = signer_};
    parts.account = {.account_id = "account-1"};
    parts.task.origins = {"https://api.example", "wss://api.example:8443"};
    return parts;
  }
  test::EchoSigner signer_;
  std::array<char, kMaxAuthorizationSize> out_{};
};

TEST_F(AssembledSession, SignsForAnAdoptedTaskWithoutAnyRegistrar) {
  auto session = AgentSession::assemble(parts());
  ASSERT_TRUE(session);
  EXPECT_EQ(session->state(), SessionState::ready);
  EXPECT_EQ(session->state_error().status, Status::ok);
  EXPECT_TRUE(session->reopen());
  EXPECT_FALSE(session->identity_file_changed().value());
  ASSERT_NE(session->identity(), nullptr);
  EXPECT_EQ(session->identity()->runtime_id.view(), "agent-123");

  EXPECT_EQ(session->authorization(out_).status(), Status::task_required);
  EXPECT_EQ(session->register_task().status(), Status::task_required);
  EXPECT_EQ(session->adopt_task(TaskId::parse("brought").value()).value(), TaskGeneration{1});
  const auto value = session->authorization(out_);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->value, "brought");
  EXPECT_EQ(value->generation, session->generation());
}

TEST_F(AssembledSession, HandsOutTheSetForListedOriginsOnly) {
  auto session = AgentSession::assemble(parts());
  ASSERT_TRUE(session);
  ASSERT_TRUE(session->adopt_task(TaskId::parse("brought").value()));
  for (const char* url : {"https://api.example/v1?q=https://evil.example/", "HTTPS://API.Example:443",
                          "https://api.example/\\@", "wss://api.example:8443/socket"}) {
    const auto set = session->headers_for(url, out_);
    ASSERT_TRUE(set) << url;
    ASSERT_EQ(set->size(), 2U);
    EXPECT_EQ(set->begin()[0].name, "Authorization");
    EXPECT_EQ(set->begin()[0].value, "brought");
    EXPECT_EQ(set->begin()[1].name, "ChatGPT-Account-ID");
    EXPECT_EQ(set->generation(), TaskGeneration{1});
  }
  const int signatures = signer_.signatures.load();
  for (const char* url : {"https://api.example:8443/", "wss://api.example/", "https://evil.example/",
                          "https://api.example.evil.example/", "http://localhost/", "https://xapi.example/"}) {
    out_.fill('x');
    const auto set = session->headers_for(url, out_);
    ASSERT_EQ(set.status(), Status::origin_not_listed) << url;
    EXPECT_EQ(out_[0], '\0');
  }
  EXPECT_EQ(session->headers_for("https://Evil.Example:4443/x", out_).error().detail.view(),
            "https://evil.example:4443");
  EXPECT_EQ(session->headers_for("https://api.example@evil.example/", out_).status(), Status::invalid_argument);
  EXPECT_EQ(signer_.signatures.load(), signatures) << "nothing was signed";
}

// Whoever holds the session's locks when the process forks lets nothing go in the child.
TEST_F(AssembledSession, AForkedChildIsToldAtOnceThoughAnotherThreadRegisters) {
  test::SlowSource source(hal::system_clock());
  SessionParts slow = parts();
  slow.task_source = &source;
  slow.task.registration_timeout = 1h;
  auto session = AgentSession::assemble(slow);
  ASSERT_TRUE(session);
  source.hold();
  std::thread registering([&] { EXPECT_TRUE(session->register_task()); });
  while (source.calls.load() == 0) std::this_thread::yield();
  EXPECT_EQ(test::run_in_child([&] {
              out_.fill('x');
              const bool is_told = session->register_task().status() == Status::forked &&
                                   session->adopt_task(TaskId::parse("t").value()).status() == Status::forked &&
                                   session->authorization(out_).status() == Status::forked && out_[0] == '\0' &&
                                   session->headers_for("https://api.example/", out_).status() == Status::forked &&
                                   session->rejected({1}, 401).status() == Status::forked &&
                                   session->reopen().status() == Status::forked &&
                                   session->state() == SessionState::ready &&
                                   session->state_error().status == Status::forked;
              return is_told && session->identity() != nullptr && session->companions().size() == 1;
            }),
            0);
  source.let_go();
  registering.join();
  EXPECT_TRUE(session->authorization(out_)) << "the parent goes on";
}

TEST_F(AssembledSession, WithoutAListNoOriginIsGood) {
  SessionParts none = parts();
  none.task.origins.clear();
  auto session = AgentSession::assemble(none);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->headers_for("https://api.example/", out_).status(), Status::origin_not_listed);
}

TEST_F(AssembledSession, OnlyTwoHttpStatusesRejectATask) {
  auto session = AgentSession::assemble(parts());
  ASSERT_TRUE(session);
  ASSERT_TRUE(session->adopt_task(TaskId::parse("brought").value()));
  for (const int status : {-1, 0, 200, 400, 402, 404, 407, 429, 500}) {
    EXPECT_EQ(session->rejected({1}, status).status(), Status::invalid_argument) << status;
  }
  EXPECT_EQ(signer_.forgotten.load(), 0);
  EXPECT_EQ(session->rejected({1}, 401).status(), Status::task_required);
  EXPECT_EQ(session->rejected({1}, 403).status(), Status::task_required);
  EXPECT_EQ(signer_.forgotten.load(), 1);
}

TEST_F(AssembledSession, ItsOptionsAreChecked) {
  const auto refusal = [this](auto change) {
    SessionParts changed = parts();
    change(changed);
    const auto session = AgentSession::assemble(changed);
    return session ? std::string("none") : std::string(session.error().detail.view());
  };
  EXPECT_EQ(refusal([](SessionParts& p) { p.task.rejection_interval = 999ms; }),
            "rejection_interval is 999 ms, it must be 1000 to 86400000");
  EXPECT_EQ(refusal([](SessionParts& p) { p.task.signing_timeout = 0ms; }),
            "signing_timeout is 0 ms, it must be 1 to 86400000");
  EXPECT_EQ(refusal([](SessionParts& p) { p.task.origins = {"https://api.example/v1"}; }),
            "an origin on the list has a path: https://api.example");
  EXPECT_EQ(refusal([](SessionParts& p) { p.task.origins = {"http://api.example"}; }),
            "an origin on the list: http: and ws: are for 127.0.0.0/8, ::1 and localhost only");
  SessionParts odd = parts();
  odd.account.account_id = "account 1";
  EXPECT_EQ(AgentSession::assemble(odd).status(), Status::invalid_argument);
}

}  // namespace
}  // namespace holdfast
