// SPDX-License-Identifier: Apache-2.0
//
// The PIN rule across devices, processes and restarts: a refused PIN is not sent again, by anybody.
#include "hal/clock.hpp"
#include "hal/fake/clock.hpp"
#include "tests/integration/pkcs11/on_token.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/crowd.hpp"

#include <unistd.h>

#include <filesystem>
#include <thread>
#include <vector>

namespace holdfast::test {
namespace {

class Pkcs11Governor : public OnToken {
 protected:
  void SetUp() override {
    OnToken::SetUp();
    if (IsSkipped()) return;
    make_key();
    shim_control().reset_counts();
  }
  static Result<hal::TokenDescription> initialise(const hal::TokenInitOptions& options) {
    return (*hal::backend_for(options.uri))->init_token(options);
  }
  static std::uint64_t logins() { return shim_control().count("C_Login"); }
  /// Opens in a process of its own.
  [[nodiscard]] Status status_in_child() const {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    EXPECT_EQ(run_in_child([&] {
                const auto status = static_cast<char>(open(shimmed()).status());
                return write(ends[1], &status, 1) == 1;
              }),
              0);
    char status = 0;
    EXPECT_EQ(read(ends[0], &status, 1), 1);
    close(ends[0]);
    close(ends[1]);
    return static_cast<Status>(status);
  }
  [[nodiscard]] bool is_anything_recorded() const {
    return std::filesystem::exists(records()) && !std::filesystem::is_empty(records());
  }
};

TEST_F(Pkcs11Governor, a_refused_pin_file_is_not_sent_by_the_next_device) {
  hsm_.write_pin("0000-wrong");
  EXPECT_STATUS(open(shimmed()), pin_incorrect);
  const std::uint64_t sent = logins();
  const auto again = open(shimmed());
  EXPECT_STATUS(again, pin_refused_before);
  EXPECT_EQ(sent, 1U);
  EXPECT_EQ(logins(), 1U);
  EXPECT_EQ(shim_control().count("C_OpenSession"), 1U) << "the token was touched";
  EXPECT_EQ(shim_control().open_sessions(), 0);
}

TEST_F(Pkcs11Governor, nor_by_another_process_nor_by_one_that_is_started_later) {
  hsm_.write_pin("0000-wrong");
  EXPECT_EQ(status_in_child(), Status::pin_incorrect);
  EXPECT_EQ(status_in_child(), Status::pin_refused_before);
  EXPECT_STATUS(open(shimmed()), pin_refused_before);
  EXPECT_EQ(logins(), 0U);
}

TEST_F(Pkcs11Governor, a_corrected_file_is_sent_and_clears_the_record) {
  hsm_.write_pin("0000-wrong");
  EXPECT_STATUS(open(shimmed()), pin_incorrect);
  EXPECT_TRUE(is_anything_recorded());
  // In its place, so that only its time of change tells it, which has a clock's tick.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  hsm_.folder().write("user.pin", SoftHsm::kUserPin);
  EXPECT_OK(open(shimmed()));
  EXPECT_FALSE(is_anything_recorded());
}

TEST_F(Pkcs11Governor, a_refused_environment_is_not_sent_again_at_once) {
  setenv("HOLDFAST_TEST_PIN", "0000-wrong", 1);
  const std::string records = this->records();
  hal::DeviceOptions options;
  const std::string uri = shimmed();
  options.uri = uri;
  options.pin = *hal::PinSource::parse("env:HOLDFAST_TEST_PIN");
  options.failure_records = records;
  EXPECT_STATUS(hal::open_device(options), pin_incorrect);
  setenv("HOLDFAST_TEST_PIN", std::string(SoftHsm::kUserPin).c_str(), 1);
  const auto again = hal::open_device(options);
  EXPECT_STATUS(again, pin_refused_before);
  EXPECT_NE(again.error().detail.view().find("wait "), std::string_view::npos) << again.error().detail.view();
  EXPECT_EQ(logins(), 1U);
  // The right PIN from somewhere else clears it.
  EXPECT_OK(open(shimmed()));
  EXPECT_OK(hal::open_device(options));
  unsetenv("HOLDFAST_TEST_PIN");
}

TEST_F(Pkcs11Governor, an_unclear_answer_is_recorded_and_a_clear_failure_of_the_token_is_not) {
  shim_control().fail("C_Login", 1, CKR_TOKEN_NOT_PRESENT);
  EXPECT_STATUS(open(shimmed()), device_gone);
  EXPECT_FALSE(is_anything_recorded());
  shim_control().fail("C_Login", 1, CKR_FUNCTION_FAILED);
  EXPECT_STATUS(open(shimmed()), device_fault);
  EXPECT_STATUS(open(shimmed()), pin_refused_before);
  EXPECT_EQ(logins(), 2U);
}

// The token may have counted a try before it was lost, and a supervisor starts its service as often as that happens.
TEST_F(Pkcs11Governor, a_pin_whose_answer_was_lost_is_sent_again_only_if_it_was_accepted_before) {
  for (const CK_RV code : {CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED, CKR_GENERAL_ERROR}) {
    hsm_.write_pin("0000-wrong");
    shim_control().reset_counts();
    shim_control().strike("C_Login", 1, {.kind = ShimFault::Kind::lose_answer, .value = code});
    EXPECT_STATUS(open(shimmed()), device_gone);
    const auto again = open(shimmed());
    EXPECT_STATUS(again, pin_refused_before);
    EXPECT_NE(again.error().detail.view().find("cut off"), std::string_view::npos) << again.error().detail.view();
    EXPECT_EQ(logins(), 1U);
    hsm_.write_pin(SoftHsm::kUserPin);
    const auto device = open(shimmed());
    ASSERT_OK(device);
    shim_control().strike("C_Login", 1, {.kind = ShimFault::Kind::lose_answer, .value = code});
    EXPECT_STATUS((*device)->reset(kNoDeadline), device_gone);
    EXPECT_OK((*device)->reset(kNoDeadline));
    EXPECT_OK(open(shimmed()));
  }
}

TEST_F(Pkcs11Governor, what_fails_before_the_login_is_no_try) {
  shim_control().fail("C_OpenSession", 1, CKR_SESSION_COUNT);
  EXPECT_FALSE(open(shimmed()));
  EXPECT_FALSE(is_anything_recorded());
  SoftHsm::tell_lies("flags:0x20000");
  EXPECT_STATUS(open(lying()), pin_locked);
  EXPECT_FALSE(is_anything_recorded());
  EXPECT_OK(open(shimmed()));
}

TEST_F(Pkcs11Governor, two_devices_of_one_process_send_a_wrong_pin_once) {
  hsm_.write_pin("0000-wrong");
  std::array<Status, 8> statuses{};
  std::vector<std::thread> threads;
  for (Status& status : statuses) threads.emplace_back([this, &status] { status = open(shimmed()).status(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::ranges::count(statuses, Status::pin_incorrect), 1);
  EXPECT_EQ(std::ranges::count(statuses, Status::pin_refused_before), 7);
  EXPECT_EQ(logins(), 1U);
}

TEST_F(Pkcs11Governor, a_login_after_a_reset_is_recorded_as_well) {
  const auto device = open(shimmed());
  ASSERT_OK(device);
  shim_control().fail("C_Login", 1, CKR_PIN_INCORRECT);
  EXPECT_STATUS((*device)->reset(kNoDeadline), pin_incorrect);
  EXPECT_EQ(status_in_child(), Status::pin_refused_before);
}

// Two services of one user: what is in the environment of one says nothing of the other's.
TEST_F(Pkcs11Governor, a_proven_pin_outlives_the_refusal_of_another_services) {
  const std::string uri = shimmed();
  const std::string records = this->records();
  hal::DeviceOptions options;
  options.uri = uri;
  options.pin = *hal::PinSource::parse("env:HOLDFAST_TEST_PIN");
  options.failure_records = records;
  setenv("HOLDFAST_TEST_PIN", std::string(SoftHsm::kUserPin).c_str(), 1);
  const auto device = hal::open_device(options);
  ASSERT_OK(device);
  setenv("HOLDFAST_TEST_PIN", "0000-wrong", 1);
  EXPECT_EQ(run_in_child([&] { return hal::open_device(options).status() == Status::pin_incorrect; }), 0);
  unsetenv("HOLDFAST_TEST_PIN");
  EXPECT_OK((*device)->reset(kNoDeadline));
  EXPECT_OK((*device)->find_key({}, kNoDeadline));
}

TEST_F(Pkcs11Governor, a_reset_in_a_host_that_lost_the_folder_still_logs_in) {
  const auto device = open(shimmed());
  ASSERT_OK(device);
  std::filesystem::remove_all(records());
  hsm_.folder().write("records", "a file stands here now");
  EXPECT_OK((*device)->reset(kNoDeadline));
  EXPECT_STATUS(open(shimmed()), file_invalid) << "but nobody logs in anew";
}

TEST_F(Pkcs11Governor, a_damaged_record_stops_the_pin) {
  hsm_.write_pin("0000-wrong");
  EXPECT_STATUS(open(shimmed()), pin_incorrect);
  for (const auto& entry : std::filesystem::directory_iterator(records())) {
    hsm_.folder().write("records/" + entry.path().filename().string(), "damaged");
  }
  hsm_.write_pin(SoftHsm::kUserPin);
  EXPECT_STATUS(open(shimmed()), file_invalid);
  EXPECT_EQ(logins(), 1U);
}

TEST_F(Pkcs11Governor, the_record_names_token_and_key_and_holds_nothing_of_the_pin) {
  hsm_.write_pin("0000-wrong");
  EXPECT_STATUS(open(shimmed()), pin_incorrect);
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(records())) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(name.starts_with("pin.") && name.ends_with(".SoftHSM%20project.agents")) << name;
    const std::string text = read_file(entry.path().string());
    EXPECT_EQ(text.find("0000"), std::string::npos) << text;
    EXPECT_NE(text.find(" a0 "), std::string::npos) << text;
    EXPECT_NE(text.find(" agent\n"), std::string::npos) << text;
    ++count;
  }
  EXPECT_EQ(count, 1U);
}

TEST_F(Pkcs11Governor, a_security_officers_pin_is_sent_once_too) {
  const std::string uri = "pkcs11:token=agents?module-path=" + SoftHsm::shim_path();
  const std::string wrong = hsm_.folder().write("wrong-so.pin", "wrong-so-pin");
  const std::string records = this->records();
  hal::TokenInitOptions options;
  options.uri = uri;
  options.label = "agents";
  options.user_pin = *hal::PinSource::parse("file:" + hsm_.pin_file());
  options.so_pin = *hal::PinSource::parse("file:" + wrong);
  options.erase_existing = true;
  options.failure_records = records;
  EXPECT_STATUS(initialise(options), pin_incorrect);
  EXPECT_STATUS(initialise(options), pin_refused_before);
  EXPECT_EQ(shim_control().count("C_InitToken"), 1U);
  EXPECT_OK(open(shimmed())) << "the user's PIN is another matter";
  // A user's PIN that was refused may be the one the token is given now.
  hsm_.write_pin("9999-next");
  EXPECT_STATUS(open(shimmed()), pin_incorrect);
  options.so_pin = *hal::PinSource::parse("file:" + hsm_.so_pin_file());
  EXPECT_OK(initialise(options));
  EXPECT_OK(open("pkcs11:token=agents?module-path=" + SoftHsm::shim_path() + "&pin-source=file:" + hsm_.pin_file()));
  EXPECT_FALSE(is_anything_recorded());
}

// A card that is swapped while a person types PINs is neither erased nor sent the other's PIN.
TEST_F(Pkcs11Governor, another_token_in_the_slot_is_not_initialised) {
  setenv("HOLDFAST_LYING_MODULE", SoftHsm::shim_path().c_str(), 1);
  const std::string uri = "pkcs11:token=agents?module-path=" + SoftHsm::lying_path();
  const std::string records = this->records();
  hal::TokenInitOptions options;
  options.uri = uri;
  options.label = "agents";
  options.user_pin = *hal::PinSource::parse("file:" + hsm_.pin_file());
  options.so_pin = *hal::PinSource::parse("file:" + hsm_.so_pin_file());
  options.erase_existing = true;
  options.failure_records = records;
  for (const char* what : {"serial", "manufacturer"}) {
    SoftHsm::tell_lies(std::string("another:") + what);
    EXPECT_STATUS(initialise(options), device_gone) << what;
  }
  EXPECT_EQ(shim_control().count("C_InitToken"), 0U);
  EXPECT_FALSE(is_anything_recorded());
  EXPECT_OK(open(shimmed())) << "the key is there";
}

TEST_F(Pkcs11Governor, a_key_is_remembered_with_serial_and_manufacturer_of_its_token) {
  const auto device = open(shimmed());
  ASSERT_OK(device);
  const auto description = (*device)->describe(*(*device)->find_key({}, kNoDeadline));
  ASSERT_OK(description);
  EXPECT_NE(description->uri.view().find(";serial="), std::string_view::npos) << description->uri.view();
  EXPECT_NE(description->uri.view().find(";manufacturer=SoftHSM%20project"), std::string_view::npos)
      << description->uri.view();
}

TEST_F(Pkcs11Governor, another_token_in_the_slot_gets_no_pin) {
  setenv("HOLDFAST_LYING_MODULE", SoftHsm::shim_path().c_str(), 1);
  for (const char* what : {"serial", "manufacturer"}) {
    SoftHsm::tell_lies(std::string("another:") + what);
    // Chosen by its words, and looked at once more in its slot.
    EXPECT_STATUS(open(lying()), device_gone) << what;
  }
  EXPECT_EQ(logins(), 0U);
  // Provisioned with its serial and manufacturer, a key's URI fits no other token.
  const auto honest = open(shimmed());
  const std::string uri((*honest)->describe(*(*honest)->find_key({}, kNoDeadline))->uri.view());
  const std::uint64_t sent = logins();
  for (const std::string_view part : {";serial=", ";manufacturer="}) {
    std::string changed = uri;
    char& first = changed[changed.find(part) + part.size()];
    first = first == '0' || first == 'S' ? 'X' : '0';
    EXPECT_STATUS(open(changed), token_not_found) << changed;
  }
  EXPECT_EQ(logins(), sent);
}

TEST_F(Pkcs11Governor, a_pad_is_asked_again_after_a_pause_only) {
  setenv("HOLDFAST_LYING_MODULE", SoftHsm::shim_path().c_str(), 1);
  setenv("HOLDFAST_LIE_PIN", "0000-wrong", 1);
  SoftHsm::tell_lies("pad");
  hal::fake::FakeClock clock;
  const auto open_now = [&] { return open(lying(), DeviceAccess::sign, 4, &clock); };
  EXPECT_STATUS(open_now(), pin_incorrect);
  EXPECT_STATUS(open_now(), pin_refused_before);
  EXPECT_EQ(logins(), 1U);
  clock.advance(std::chrono::seconds(5));
  EXPECT_STATUS(open_now(), pin_incorrect);
  EXPECT_EQ(logins(), 2U);
}

// Each a process of its own, with the module of its own, let go at the same moment.
TEST_F(Pkcs11Governor, of_a_hundred_processes_one_sends_the_wrong_pin) {
  hsm_.write_pin("0000-wrong");
  constexpr int kSentWhatItShouldNot = 254;
  // SoftHSM notes the refused login in the token's file, and gives up the lock of the emptied file before the new
  // text is in it: who looks then finds no token, or one that cannot be read, and looks again, as a service that is
  // started again does. On a busy machine that moment may last until most of the hundred have looked.
  const auto open_when_token_is_seen = [this] {
    const hal::BootTime give_up = hal::system_clock().boot().after(std::chrono::seconds{60});
    while (true) {
      const Status status = open(shimmed()).status();
      const bool is_seen = status != Status::token_not_found && status != Status::device_gone;
      if (is_seen || logins() != 0 || hal::system_clock().boot() >= give_up) return status;
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
  };
  const Endings endings = run_crowd(100, [&] {
    const Status status = open_when_token_is_seen();
    const std::uint64_t allowed = status == Status::pin_incorrect ? 1 : 0;
    return logins() == allowed ? static_cast<int>(status) : kSentWhatItShouldNot;
  });
  EXPECT_EQ(endings[kSentWhatItShouldNot], 0);
  EXPECT_EQ(endings[static_cast<std::size_t>(Status::pin_incorrect)], 1)
      << "processes whose C_Login reached the token";
  EXPECT_EQ(endings[static_cast<std::size_t>(Status::pin_refused_before)], 99) << ::testing::PrintToString(endings);
}

}  // namespace
}  // namespace holdfast::test
