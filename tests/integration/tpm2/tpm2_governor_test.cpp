// SPDX-License-Identifier: Apache-2.0
//
// The PIN rule for auth values of TPM keys, across processes: the TPM's own counter is the judge.
#include "hal/registry.hpp"
#include "hal/trusted_file.hpp"
#include "tests/integration/tpm2/on_tpm.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/crowd.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <filesystem>

namespace holdfast::test {
namespace {

using hal::DeviceAccess;

class Tpm2Governor : public OnTpm {
 protected:
  void SetUp() override {
    OnTpm::SetUp();
    if (IsSkipped()) return;
    const hal::DevicePtr device =
        OnTpm::open(tpm_->file_uri("agent"), DeviceAccess::provision, pin_file("the right"));
    key_ = *generate(*device).description.public_key;
  }
  /// One signature by a device of its own.
  [[nodiscard]] Status sign_with(const std::string& pin_source) const {
    const std::string uri = tpm_->file_uri("agent");
    const std::string records = this->records();
    hal::DeviceOptions options;
    options.uri = uri;
    options.pin = *hal::PinSource::parse(pin_source);
    options.failure_records = records;
    const auto device = hal::open_device(options);
    if (!device) return device.status();
    const auto handle = (*device)->find_key({}, hal::kNoDeadline);
    if (!handle) return handle.status();
    return sign(**device, *handle, key_).status();
  }
  [[nodiscard]] std::string records() const { return tpm_->folder().file("records"); }
  [[nodiscard]] std::uint32_t lockout_counter() const {
    std::string out;
    constexpr std::string_view kName = "TPM2_PT_LOCKOUT_COUNTER: ";
    EXPECT_EQ(tpm_->run("tpm2_getcap properties-variable", &out), 0);
    const std::size_t at = out.find(kName);
    return at == std::string::npos
               ? 99
               : static_cast<std::uint32_t>(std::stoul(out.substr(at + kName.size()), nullptr, 0));
  }
  PublicKey key_;
};

TEST_F(Tpm2Governor, a_refused_auth_value_is_counted_once_however_often_it_is_tried) {
  const std::string wrong = pin_file("a wrong one", "wrong");
  EXPECT_EQ(sign_with(wrong), Status::pin_incorrect);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sign_with(wrong), Status::pin_refused_before);
  EXPECT_EQ(run_in_child([&] { return sign_with(wrong) == Status::pin_refused_before; }), 0);
  EXPECT_EQ(lockout_counter(), 1U);
  // A success does not take the TPM's count back, so it does not make the wrong one worth another try.
  EXPECT_EQ(sign_with(pin_file("the right", "right")), Status::ok);
  EXPECT_EQ(sign_with(wrong), Status::pin_refused_before);
  EXPECT_EQ(lockout_counter(), 1U);
  EXPECT_EQ(sign_with(pin_file("the right", "wrong")), Status::ok);
  EXPECT_TRUE(std::filesystem::is_empty(records())) << "the corrected file clears the record";
}

TEST_F(Tpm2Governor, after_a_refusal_a_search_for_the_key_leaves_the_tpm_alone) {
  const auto device = OnTpm::open(
      "tpm2:file=" + tpm_->folder().file("agent.pem") + "?tcti=" + HOLDFAST_TEST_TCTI_SHIM + ":plain," + tpm_->tcti(),
      DeviceAccess::sign, pin_file("a wrong one", "wrong"));
  EXPECT_EQ(sign(*device, find(*device), key_).status(), Status::pin_incorrect);
  const std::uint64_t sent = tcti_shim().commands;
  EXPECT_EQ(device->find_key({}, hal::kNoDeadline).status(), Status::pin_incorrect);
  EXPECT_EQ(tcti_shim().commands, sent);
}

TEST_F(Tpm2Governor, a_full_counter_is_no_try) {
  EXPECT_EQ(sign_with(pin_file("wrong 1", "one")), Status::pin_incorrect);
  EXPECT_EQ(sign_with(pin_file("wrong 2", "two")), Status::pin_incorrect);
  // One is left, which a program does not spend; the file it comes from has nothing to do with that.
  const std::string right = pin_file("the right", "right");
  EXPECT_EQ(sign_with(right), Status::pin_locked);
  EXPECT_EQ(lockout_counter(), 2U);
  EXPECT_EQ(tpm_->run("tpm2_dictionarylockout -c"), 0);
  EXPECT_EQ(sign_with(right), Status::ok);
}

TEST_F(Tpm2Governor, of_a_hundred_processes_one_is_counted) {
  const std::string wrong = pin_file("a wrong one", "wrong");
  const std::string turns = tpm_->folder().file("turns");
  const Endings endings = run_crowd(100, [&] {
    // Three objects fit into the TPM, and no resource manager stands between it and a hundred clients: they take
    // turns.
    const hal::FileDescriptor turn(::open(turns.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (flock(turn.get(), LOCK_EX) != 0) return 99;
    const Status status = sign_with(wrong);
    if (status == Status::pin_incorrect) return 1;
    return status == Status::pin_refused_before ? 0 : 100 + static_cast<int>(status);
  });
  EXPECT_EQ(endings[1], 1);
  EXPECT_EQ(endings[0], 99);
  for (std::size_t i = 100; i < endings.size(); ++i) {
    EXPECT_EQ(endings[i], 0) << (i == 255 ? "ended by a signal" : status_name(static_cast<Status>(i - 100)));
  }
  EXPECT_EQ(lockout_counter(), 1U);
}

}  // namespace
}  // namespace holdfast::test
