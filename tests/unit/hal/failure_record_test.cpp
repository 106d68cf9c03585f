// SPDX-License-Identifier: Apache-2.0
#include "hal/failure_record.hpp"

#include "hal/failure_record_text.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>
#include <thread>

namespace holdfast::hal {
namespace {

using test::kNobody;
using test::run_in_child;
using test::TemporaryFolder;

constexpr PinOwner kOwner{
    .serial = "0123", .manufacturer = "Maker", .label = "agents", .role = PinOwner::Role::user, .key = "agent"};

PinFailure sample(std::uint64_t inode = 7) {
  PinFailure failure;
  failure.state = PinFailure::State::refused;
  failure.source = {SourceIdentity::Kind::file, 42, inode, -5, 999'999'999};
  failure.native = 0xa0;
  failure.boot_ns = 1'000'000;
  failure.times = 3;
  failure.key = FixedText<64>("agent-1");
  return failure;
}

std::string text_of(std::span<const PinFailure> failures) {
  std::array<char, kMaxFailureTextSize> text{};
  return {text.data(), write_failures(failures, text)};
}

std::string path_of(const std::string& folder) {
  return folder + "/" + std::string(FailureRecord::name_of(kOwner).view());
}

class FailureRecordFile : public ::testing::Test {
 protected:
  [[nodiscard]] Result<FailureRecord> lock(BootTime deadline = kNoDeadline) const {
    auto folder = FailureRecord::open_folder(folder_);
    if (!folder) return folder.error();
    return FailureRecord::lock(*folder, kOwner, system_clock(), deadline);
  }
  /// A record file with `text` in it.
  void put(std::string_view text, mode_t mode = 0600) const {
    std::filesystem::create_directory(folder_);
    chmod(folder_.c_str(), 0700);
    above_.write("records/" + std::string(FailureRecord::name_of(kOwner).view()), text, mode);
  }
  TemporaryFolder above_;
  std::string folder_ = above_.file("records");
};

TEST(FailureText, comes_back_as_it_was_written) {
  std::array<PinFailure, FailureRecord::kMaxFailures> out{};
  std::vector<PinFailure> all;
  for (std::uint64_t i = 0; i < FailureRecord::kMaxFailures; ++i) all.push_back(sample(UINT64_MAX - i));
  all[1].key.clear();
  all[2].source = {SourceIdentity::Kind::asked, 0, 0, 0, 0};
  all[3].role = PinOwner::Role::security_officer;
  const std::string text = text_of(all);
  ASSERT_FALSE(text.empty()) << "a full record has room";
  ASSERT_EQ(read_failures(text, out), all.size());
  EXPECT_EQ(text_of(out), text);
  EXPECT_EQ(read_failures(text_of({}), out), 0U);
}

TEST(FailureText, that_is_cut_or_longer_or_changed_is_none) {
  std::array<PinFailure, FailureRecord::kMaxFailures> out{};
  const std::string text = text_of(std::array{sample(), sample(8)});
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(read_failures(text.substr(0, size), out), std::nullopt) << size;
  }
  EXPECT_EQ(read_failures(text + "the rest of a longer one", out), 2U);
  // Whatever one byte becomes, it is read as something or as nothing, and never written as what it was not.
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      std::string changed = text;
      changed[at] = static_cast<char>(value);
      const auto count = read_failures(changed, out);
      if (!count) continue;
      EXPECT_LE(*count, 2U);
      const std::string again = text_of(std::span(out).first(*count));
      EXPECT_EQ(changed.substr(0, again.size()), again) << at << " " << value;
    }
  }
}

TEST(FailureText, with_more_lines_than_a_record_has_is_none) {
  std::array<PinFailure, FailureRecord::kMaxFailures> out{};
  const std::vector<PinFailure> many(FailureRecord::kMaxFailures + 1, sample());
  EXPECT_EQ(read_failures(text_of(many), out), std::nullopt);
}

TEST(FailureRecordName, is_a_plain_name_whatever_the_token_says) {
  const std::string hostile("../..//\0\n%\xff.", 12);
  const std::string longest(32, '/');
  std::set<std::string> names;
  for (const auto& [serial, maker, label] : {std::tuple<std::string, std::string, std::string>{"", "", ""},
                                             {"a", "b", "c"},
                                             {"a.b", "", "c"},
                                             {"a", "b.c", ""},
                                             {hostile, "", ""},
                                             {"", hostile, ""},
                                             {"%2E", "", ""},
                                             {".", "", ""},
                                             {longest.substr(0, 16), longest, longest}}) {
    const auto name = FailureRecord::name_of({.serial = serial, .manufacturer = maker, .label = label, .key = {}});
    EXPECT_TRUE(name.view().starts_with("pin."));
    EXPECT_EQ(name.view().find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%"),
              std::string_view::npos)
        << name.view();
    EXPECT_TRUE(names.insert(std::string(name.view())).second) << "two tokens have one record: " << name.view();
  }
  // Every field is whole in it: nothing was cut that would tell two tokens apart.
  EXPECT_TRUE(
      FailureRecord::name_of({.serial = longest.substr(0, 16), .manufacturer = longest, .label = longest, .key = {}})
          .view()
          .ends_with("%2F"));
  EXPECT_LE(4 + 16 * 3 + 1 + 32 * 3 + 1 + 32 * 3, 255);
}

TEST_F(FailureRecordFile, is_made_private_and_goes_when_it_says_nothing) {
  {
    auto record = lock();
    ASSERT_TRUE(record) << record.error().detail.view();
    struct stat info {};
    ASSERT_EQ(stat(folder_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0700U);
    ASSERT_EQ(stat(path_of(folder_).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0600U);
    record->add(sample());
    ASSERT_TRUE(record->save());
  }
  {
    auto record = lock();
    ASSERT_TRUE(record);
    ASSERT_EQ(record->failures().size(), 1U);
    EXPECT_EQ(record->failures()[0].source, sample().source);
    record->clear();
    ASSERT_TRUE(record->save());
  }
  EXPECT_NE(access(path_of(folder_).c_str(), F_OK), 0);
}

TEST_F(FailureRecordFile, becomes_shorter_without_losing_its_sense) {
  auto record = lock();
  ASSERT_TRUE(record);
  for (std::uint64_t i = 0; i < 5; ++i) record->add(sample(i));
  ASSERT_TRUE(record->save());
  record->remove(record->failures()[1]);
  ASSERT_TRUE(record->save());
  std::array<PinFailure, FailureRecord::kMaxFailures> out{};
  ASSERT_EQ(read_failures(test::read_file(path_of(folder_)), out), 4U);
  EXPECT_EQ(out[1].source.inode, 2U);
}

TEST_F(FailureRecordFile, that_is_full_forgets_the_oldest_file_first) {
  auto record = lock();
  ASSERT_TRUE(record);
  PinFailure asked = sample();
  asked.source = {SourceIdentity::Kind::passing, 0, 0, 0, 0};
  asked.boot_ns = 0;
  record->add(asked);
  for (std::uint64_t i = 0; i < FailureRecord::kMaxFailures; ++i) {
    PinFailure one = sample(i);
    one.boot_ns = static_cast<std::int64_t>(100 + i);
    record->add(one);
  }
  ASSERT_EQ(record->failures().size(), FailureRecord::kMaxFailures);
  EXPECT_EQ(record->failures()[0].source.kind, SourceIdentity::Kind::passing);
  EXPECT_EQ(record->failures()[1].source.inode, 1U);
}

TEST_F(FailureRecordFile, that_is_damaged_stops_everything) {
  for (const std::string& text : {std::string("nonsense"), std::string("holdfast failure record 1\n"),
                                  std::string("holdfast failure record 2\nend\n"), std::string(100'000, 'x'),
                                  std::string("\0\0\0\0", 4), text_of(std::array{sample()}).substr(0, 60)}) {
    put(text);
    const auto record = lock();
    EXPECT_EQ(record.status(), Status::file_invalid) << text.substr(0, 40);
    EXPECT_EQ(test::read_file(path_of(folder_)), text) << "it was repaired";
  }
}

TEST_F(FailureRecordFile, that_others_could_change_is_refused) {
  for (const mode_t mode : {0640U, 0604U, 0660U, 0602U}) {
    put("", mode);
    EXPECT_EQ(lock().status(), Status::file_untrusted) << mode;
  }
  const std::string path = path_of(folder_);
  std::filesystem::remove(path);
  const std::string target = above_.write("target", "content");
  std::filesystem::create_symlink(target, path);
  EXPECT_EQ(lock().status(), Status::file_untrusted);
  EXPECT_EQ(test::read_file(target), "content");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_EQ(lock().status(), Status::file_untrusted);
  std::filesystem::remove(path);
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(lock().status(), Status::file_untrusted);
}

TEST_F(FailureRecordFile, is_kept_in_no_folder_of_somebody_elses) {
  std::filesystem::create_directory(folder_);
  for (const mode_t mode : {0750U, 0701U, 0777U}) {
    chmod(folder_.c_str(), mode);
    EXPECT_EQ(lock().status(), Status::file_untrusted) << mode;
  }
  std::filesystem::remove(folder_);
  std::filesystem::create_directory_symlink(above_.path(), folder_);
  EXPECT_NE(lock().status(), Status::ok) << "a link was followed";
  std::filesystem::remove(folder_);
  above_.write("records", "a file");
  EXPECT_NE(lock().status(), Status::ok);
  EXPECT_EQ(FailureRecord::open_folder("relative").status(), Status::file_untrusted);
  EXPECT_EQ(FailureRecord::open_folder(above_.file("missing/records")).status(), Status::file_invalid);
  if (geteuid() != 0) return;
  std::filesystem::remove(folder_);
  std::filesystem::create_directory(folder_);
  chmod(folder_.c_str(), 0700);
  ASSERT_EQ(chown(folder_.c_str(), kNobody, kNobody), 0);
  EXPECT_EQ(lock().status(), Status::file_untrusted);
}

TEST_F(FailureRecordFile, of_another_user_is_in_that_users_own_folder) {
  if (geteuid() != 0) GTEST_SKIP() << "root";
  unsetenv("XDG_RUNTIME_DIR");
  EXPECT_EQ(run_in_child([] { return FailureRecord::open_folder({}).has_value(); }, kNobody), 0);
  struct stat info {};
  ASSERT_EQ(stat("/tmp/holdfast-65534", &info), 0);
  EXPECT_EQ(info.st_uid, kNobody);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  (void)rmdir("/tmp/holdfast-65534");
  const std::string runtime = above_.file("runtime");
  std::filesystem::create_directory(runtime);
  ASSERT_EQ(chmod(above_.path().c_str(), 0711), 0);
  ASSERT_EQ(chown(runtime.c_str(), kNobody, kNobody), 0);
  // The folder above is root's: a chosen place of this user's own below it will do.
  setenv("XDG_RUNTIME_DIR", runtime.c_str(), 1);
  EXPECT_EQ(run_in_child([] { return FailureRecord::open_folder({}).has_value(); }, kNobody), 0);
  unsetenv("XDG_RUNTIME_DIR");
  EXPECT_EQ(stat((runtime + "/holdfast").c_str(), &info), 0);
}

TEST_F(FailureRecordFile, is_held_by_one_process_at_a_time) {
  auto record = lock();
  ASSERT_TRUE(record);
  EXPECT_EQ(run_in_child([this] {
              return lock(system_clock().boot().after(std::chrono::milliseconds(20))).status() ==
                     Status::deadline_exceeded;
            }),
            0);
  EXPECT_EQ(lock(BootTime{1}).status(), Status::deadline_exceeded) << "nor by another device of this process";
}

TEST_F(FailureRecordFile, that_was_removed_while_somebody_waited_is_not_locked_in_vain) {
  auto record = lock();
  ASSERT_TRUE(record);
  record->add(sample());
  ASSERT_TRUE(record->save());
  std::thread waiter([this] {
    auto second = lock();
    ASSERT_TRUE(second);
    EXPECT_TRUE(second->failures().empty());
    second->add(sample(9));
    EXPECT_TRUE(second->save());
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  record->clear();
  ASSERT_TRUE(record->save());
  record = failure(Status::ok, Layer::core, "letting it go");
  waiter.join();
  std::array<PinFailure, FailureRecord::kMaxFailures> out{};
  EXPECT_EQ(read_failures(test::read_file(path_of(folder_)), out), 1U);
}

TEST_F(FailureRecordFile, stays_locked_when_a_forked_child_lets_its_copy_go) {
  auto record = lock();
  ASSERT_TRUE(record);
  EXPECT_EQ(run_in_child([&record] {
              const FailureRecord copy = std::move(*record);
              return true;
            }),
            0);
  EXPECT_EQ(lock(system_clock().boot()).status(), Status::deadline_exceeded) << "while the parent logs in";
  const FailureRecord done = std::move(*record);
}

}  // namespace
}  // namespace holdfast::hal
