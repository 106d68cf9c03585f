// SPDX-License-Identifier: Apache-2.0
#include "hal/pin_governor.hpp"

#include "hal/fake/clock.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/crowd.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <signal.h>
#include <unistd.h>

#include <filesystem>

namespace holdfast::hal {
namespace {

using namespace std::chrono_literals;
using test::TemporaryFolder;

constexpr PinOwner kUser{
    .serial = "0123", .manufacturer = "Maker", .label = "agents", .role = PinOwner::Role::user, .key = "ag ent"};
constexpr SourceIdentity kFile{SourceIdentity::Kind::file, 1, 2, 3, 4};
constexpr SourceIdentity kCredential{SourceIdentity::Kind::credential, 1, 2, 3, 4};
constexpr SourceIdentity kAsked{SourceIdentity::Kind::asked, 0, 0, 0, 0};
constexpr SourceIdentity kPassing{};

SourceIdentity changed(SourceIdentity source) {
  ++source.changed_nanoseconds;
  return source;
}

class Governor : public ::testing::Test {
 protected:
  [[nodiscard]] Result<PinAttempt> begin(const SourceIdentity& source, const PinOwner& owner = kUser,
                                         bool is_proven = false) {
    return PinGovernor(clock_, folder_).begin(owner, source, is_proven, kNoDeadline);
  }
  void refuse(const SourceIdentity& source, const PinOwner& owner = kUser) {
    auto attempt = begin(source, owner);
    ASSERT_TRUE(attempt) << attempt.error().detail.view();
    attempt->refused(0xa0);
  }
  void accept(const SourceIdentity& source, const PinOwner& owner = kUser) {
    auto attempt = begin(source, owner);
    ASSERT_TRUE(attempt) << attempt.error().detail.view();
    attempt->accepted();
  }
  /// Whether it would be sent; changes nothing.
  bool is_sent(const SourceIdentity& source, const PinOwner& owner = kUser) {
    auto attempt = begin(source, owner);
    if (attempt) attempt->unjudged();
    const Status status = attempt.status();
    EXPECT_TRUE(status == Status::ok || status == Status::pin_refused_before) << status_name(status);
    return attempt.has_value();
  }
  [[nodiscard]] std::string record() const {
    return folder_ + "/" + std::string(FailureRecord::name_of(kUser).view());
  }

  TemporaryFolder above_;
  std::string folder_ = above_.file("records");
  fake::FakeClock clock_;
};

TEST_F(Governor, a_refused_file_is_not_sent_again_until_it_changes) {
  refuse(kFile);
  EXPECT_FALSE(is_sent(kFile));
  clock_.advance(24h * 365);
  EXPECT_FALSE(is_sent(kFile));
  EXPECT_TRUE(is_sent(changed(kFile)));
  EXPECT_FALSE(is_sent(kFile)) << "an attempt that was not judged made it forget";
}

TEST_F(Governor, signals_that_end_the_process_wait_until_the_pin_is_judged) {
  const auto is_held = [](int signal) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return sigismember(&mask, signal) == 1;
  };
  for (const bool is_accepted : {true, false}) {
    auto attempt = begin(kFile);
    ASSERT_TRUE(attempt);
    PinAttempt moved = std::move(*attempt);
    EXPECT_TRUE(is_held(SIGINT) && is_held(SIGTERM) && is_held(SIGHUP));
    EXPECT_FALSE(is_held(SIGQUIT));
    if (is_accepted) {
      moved.accepted();
    } else {
      moved.refused(0xa0);
    }
    EXPECT_FALSE(is_held(SIGINT) || is_held(SIGTERM) || is_held(SIGHUP));
  }
  ASSERT_FALSE(begin(kFile));
  EXPECT_FALSE(is_held(SIGINT)) << "nothing is sent";
}

TEST_F(Governor, the_message_says_what_to_do) {
  refuse(kFile);
  const auto again = begin(kFile);
  ASSERT_EQ(again.status(), Status::pin_refused_before);
  EXPECT_NE(hint_of(again.error()).find("touch"), std::string_view::npos);
  EXPECT_EQ(status_exit_code(again.status()), 3);
}

TEST_F(Governor, an_accepted_pin_clears_what_was_refused) {
  refuse(kFile);
  accept(changed(kFile));
  EXPECT_TRUE(is_sent(kFile));
  EXPECT_FALSE(std::filesystem::exists(record())) << "nothing is left behind";
}

TEST_F(Governor, one_files_success_leaves_another_file_refused) {
  SourceIdentity other = kFile;
  other.inode = 77;
  refuse(other);
  refuse(kFile);
  refuse(kAsked);
  refuse(kCredential);
  accept(changed(kFile));
  EXPECT_FALSE(is_sent(other)) << "a service that restarts for ever loses a try with each success of another";
  EXPECT_TRUE(is_sent(changed(other)));
  for (const SourceIdentity& one : {kFile, kAsked, kCredential}) EXPECT_TRUE(is_sent(one));
  accept(kAsked);
  EXPECT_FALSE(is_sent(other));
}

TEST_F(Governor, one_role_does_not_speak_for_another) {
  PinOwner officer = kUser;
  officer.role = PinOwner::Role::security_officer;
  refuse(kFile);
  EXPECT_TRUE(is_sent(kFile, officer));
  refuse(kFile, officer);
  accept(changed(kFile));
  EXPECT_FALSE(is_sent(kFile, officer)) << "the user's success cleared the officer's failure";
}

TEST_F(Governor, one_token_does_not_speak_for_another) {
  PinOwner other = kUser;
  other.serial = "4567";
  refuse(kFile);
  EXPECT_TRUE(is_sent(kFile, other));
  other = kUser;
  other.label = "others";
  EXPECT_TRUE(is_sent(kFile, other));
}

TEST_F(Governor, an_attempt_nobody_judged_counts_as_refused) {
  { const auto attempt = begin(kFile); }
  const auto again = begin(kFile);
  ASSERT_EQ(again.status(), Status::pin_refused_before);
  EXPECT_NE(again.error().detail.view().find("cut off"), std::string_view::npos);
}

TEST_F(Governor, a_process_that_dies_while_it_logs_in_leaves_its_try_behind) {
  EXPECT_EQ(test::run_in_child([this]() -> bool {
              const auto attempt = begin(kFile);
              _exit(attempt ? 7 : 8);
            }),
            7);
  EXPECT_FALSE(is_sent(kFile));
}

TEST_F(Governor, what_was_not_judged_changes_nothing) {
  begin(kFile)->unjudged();
  EXPECT_FALSE(std::filesystem::exists(record()));
  refuse(kPassing);
  clock_.advance(61s);
  begin(kPassing)->unjudged();
  refuse(kPassing);
  clock_.advance(61s);
  EXPECT_FALSE(is_sent(kPassing));
}

TEST_F(Governor, a_person_may_try_again_after_five_seconds) {
  for (int i = 0; i < 10; ++i) {
    refuse(kAsked);
    EXPECT_FALSE(is_sent(kAsked));
    EXPECT_EQ(PinGovernor(clock_, folder_).check(kUser, SourceIdentity::Kind::asked).status(),
              Status::pin_refused_before);
    clock_.advance(4900ms);
    EXPECT_FALSE(is_sent(kAsked));
    clock_.advance(100ms);
    EXPECT_TRUE(PinGovernor(clock_, folder_).check(kUser, SourceIdentity::Kind::asked));
  }
}

TEST_F(Governor, a_pipe_is_taken_twice_and_then_not_before_some_pin_was_accepted) {
  refuse(kPassing);
  EXPECT_FALSE(is_sent(kPassing));
  clock_.advance(60s);
  refuse(kPassing);
  clock_.advance(24h * 365);
  EXPECT_FALSE(is_sent(kPassing));
  accept(kFile);
  EXPECT_TRUE(is_sent(kPassing));
}

// A service's credentials are new files each time it starts.
TEST_F(Governor, a_credential_is_a_file_while_it_is_the_same_and_a_pipe_when_it_is_new) {
  refuse(kCredential);
  clock_.advance(24h);
  EXPECT_FALSE(is_sent(kCredential));
  SourceIdentity next_start = kCredential;
  next_start.device = 77;
  EXPECT_TRUE(is_sent(next_start));
  refuse(next_start);
  next_start.device = 78;
  clock_.advance(24h);
  EXPECT_FALSE(is_sent(next_start)) << "a service that restarts for ever locks its token";
}

TEST_F(Governor, a_record_of_another_boot_makes_nobody_wait_for_ever) {
  clock_.advance(24h * 100);
  refuse(kPassing);
  fake::FakeClock next_boot;
  PinGovernor governor(next_boot, folder_);
  EXPECT_EQ(governor.check(kUser, SourceIdentity::Kind::passing).status(), Status::pin_refused_before);
  next_boot.advance(60s);
  EXPECT_TRUE(governor.check(kUser, SourceIdentity::Kind::passing));
}

TEST_F(Governor, a_damaged_record_lets_no_pin_through) {
  refuse(kFile);
  above_.write("records/" + std::string(FailureRecord::name_of(kUser).view()), "damaged");
  EXPECT_EQ(begin(changed(kFile)).status(), Status::file_invalid);
  EXPECT_EQ(PinGovernor(clock_, folder_).check(kUser, SourceIdentity::Kind::asked).status(), Status::file_invalid);
}

TEST_F(Governor, without_a_folder_only_a_proven_pin_is_sent) {
  folder_ = above_.file("missing/records");
  EXPECT_EQ(begin(kFile).status(), Status::file_invalid);
  auto attempt = begin(kFile, kUser, true);
  ASSERT_TRUE(attempt);
  attempt->refused(1);
}

TEST_F(Governor, a_proven_pin_that_another_process_saw_refused_is_not_sent) {
  refuse(kFile);
  EXPECT_EQ(begin(kFile, kUser, true).status(), Status::pin_refused_before);
}

// One login of another service is cut off: those that the token knows by the same file do not stop for good.
TEST_F(Governor, a_proven_pin_is_sent_whosever_try_of_its_file_was_cut_off) {
  { const auto cut_off = begin(kFile); }
  EXPECT_FALSE(is_sent(kFile)) << "unproven, it may have been counted";
  auto proven = begin(kFile, kUser, true);
  ASSERT_TRUE(proven) << proven.error().detail.view();
  proven->unjudged();
  EXPECT_FALSE(is_sent(kFile)) << "nothing was found out";
  begin(kFile, kUser, true)->accepted();
  EXPECT_TRUE(is_sent(kFile)) << "the file is right";
}

// Of a source without a file nobody can tell whose PIN was refused: one that was accepted is not held back for it.
TEST_F(Governor, a_proven_pin_without_a_file_is_sent_whatever_others_were_refused) {
  SourceIdentity own = kCredential;
  own.inode = 77;
  const SourceIdentity pairs[][2] = {{kCredential, own}, {kPassing, kPassing}, {kAsked, kAsked}};
  for (const auto& [other, proven] : pairs) {
    refuse(other);
    EXPECT_FALSE(is_sent(proven)) << "unproven, it waits";
    auto after_a_pause = begin(proven, kUser, true);
    ASSERT_TRUE(after_a_pause) << after_a_pause.error().detail.view();
    after_a_pause->unjudged();
    clock_.advance(60s);
    refuse(changed(other));
    clock_.advance(60s);
    auto after_two_in_a_row = begin(proven, kUser, true);
    ASSERT_TRUE(after_two_in_a_row) << after_two_in_a_row.error().detail.view();
    after_two_in_a_row->accepted();
  }
  refuse(kCredential);
  EXPECT_EQ(begin(kCredential, kUser, true).status(), Status::pin_refused_before) << "this very credential";
}

TEST_F(Governor, a_token_that_is_initialised_has_nothing_refused) {
  PinOwner officer = kUser;
  officer.role = PinOwner::Role::security_officer;
  refuse(kFile);
  auto attempt = begin(changed(kFile), officer);
  ASSERT_TRUE(attempt);
  attempt->renewed();
  EXPECT_TRUE(is_sent(kFile));
  refuse(kFile);
  PinGovernor(clock_, folder_).forget(kUser);
  EXPECT_TRUE(is_sent(kFile));
}

TEST_F(Governor, the_record_holds_no_more_than_it_says) {
  refuse(kFile);
  const std::string text = test::read_file(record());
  EXPECT_EQ(text.substr(0, text.find(" a0 ")), "holdfast failure record 1\nrefused user file 1 2 3 4");
  EXPECT_TRUE(text.ends_with(" 1 ag?ent\nend\n")) << text;
}

TEST_F(Governor, of_a_hundred_processes_one_sends_the_pin) {
  const test::Endings endings = test::run_crowd(100, [this] {
    auto attempt = PinGovernor(system_clock(), folder_).begin(kUser, kFile, false, kNoDeadline);
    if (attempt) attempt->refused(0xa0);
    if (attempt) return 1;
    return attempt.status() == Status::pin_refused_before ? 0 : 2;
  });
  EXPECT_EQ(endings[1], 1) << "processes that sent it";
  EXPECT_EQ(endings[0], 99);
}

}  // namespace
}  // namespace holdfast::hal
