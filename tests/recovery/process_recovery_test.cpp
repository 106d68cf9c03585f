// SPDX-License-Identifier: Apache-2.0
//
// What happens to a process that signs: it forks, and it gets signals.
#include "hal/registry.hpp"
#include "tests/recovery/working_signer.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/softhsm.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <vector>

namespace holdfast::test {
namespace {

class ProcessRecovery : public testing::Test {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SOFTHSM();
    const auto device = open_for_test(hsm_.uri("", SoftHsm::module_path()), hal::DeviceAccess::provision);
    ASSERT_TRUE(device->key_generator()->generate({Scheme::ed25519, "agent", {}}, hal::kNoDeadline));
  }
  [[nodiscard]] std::string uri() const { return hsm_.uri("agent", SoftHsm::module_path()); }

  const SoftHsm hsm_{SoftHsm::is_installed() ? SoftHsm::kLabel : ""};
};

/// Threads that sign until told to stop; whatever they get but a header is a failure.
class SigningThreads {
 public:
  SigningThreads(WorkingSigner& signer, int count) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, &signer, i] {
        while (!is_over_.load()) {
          const Error answer = signer.ask(60s, "task-" + std::to_string(i));
          EXPECT_EQ(answer.status, Status::ok) << as_told(answer);
          headers_.fetch_add(1);
        }
      });
    }
  }
  ~SigningThreads() { stop(); }
  SigningThreads(const SigningThreads&) = delete;
  SigningThreads& operator=(const SigningThreads&) = delete;

  void stop() {
    is_over_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  [[nodiscard]] std::uint64_t headers() const { return headers_.load(); }

 private:
  std::atomic<bool> is_over_{false};
  std::atomic<std::uint64_t> headers_{0};
  std::vector<std::thread> threads_;
};

TEST_F(ProcessRecovery, AForkStormWhileSigningHarmsNeitherSide) {
  constexpr int kForks = 40;
  WorkingSigner signer(uri());
  SigningThreads threads(signer, 3);
  for (int i = 0; i < kForks; ++i) {
    // The child uses the signer at whatever point the parent's threads were; the last act of some is to destroy it.
    EXPECT_EQ(run_in_child([&] {
                std::array<char, kMaxAuthorizationSize> out{};
                const TaskId task = TaskId::parse("child").value();
                const bool is_refused = signer.signer().authorization(task, 1s, out).status() == Status::forked &&
                                        signer.signer().sign_task_registration(1s).status() == Status::forked;
                if (i % 2 == 0) signer.signer().forget_headers();
                return is_refused;
              }),
              0);
  }
  const std::uint64_t so_far = threads.headers();
  await([&] { return threads.headers() > so_far + 3; });
  threads.stop();
  EXPECT_EQ(signer.counters().device_errors, 0U);
  EXPECT_EQ(signer.counters().resets, 0U);
}

TEST_F(ProcessRecovery, AChildOpensItsOwnAndTheParentGoesOn) {
  WorkingSigner signer(uri());
  EXPECT_ASKED(signer.ask(10s), ok);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(run_in_child([&] { return WorkingSigner(uri()).ask(10s).status == Status::ok; }), 0);
    EXPECT_ASKED(signer.ask(10s), ok);
  }
  EXPECT_EQ(signer.counters().device_errors, 0U);
}

TEST_F(ProcessRecovery, AChildForkedDuringARecoveryIsRefusedAtOnce) {
  WorkingSigner signer(uri());
  const std::string elsewhere = hsm_.folder().file("elsewhere");
  std::filesystem::rename(hsm_.token_folder(), elsewhere);
  std::thread climber([&] { EXPECT_ASKED(signer.ask(100s), ok); });
  await([&] { return signer.counters().device_errors > 4; });
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(run_in_child([&] {
                std::array<char, kMaxAuthorizationSize> out{};
                return signer.signer().authorization(TaskId::parse("t").value(), 100s, out).status() ==
                       Status::forked;
              }),
              0);
  }
  std::filesystem::rename(elsewhere, hsm_.token_folder());
  climber.join();
}

std::atomic<std::uint64_t> g_signals{0};
void note_signal(int) { g_signals.fetch_add(1, std::memory_order_relaxed); }

TEST_F(ProcessRecovery, ASignalStormInterruptsNoCallAndNoWait) {
  struct sigaction action {};
  action.sa_handler = &note_signal;  // without SA_RESTART: every system call that can answers EINTR
  struct sigaction before {};
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  WorkingSigner signer(uri(), [](SignerOptions& options) { options.sessions = 1; });  // so that threads wait
  std::atomic<bool> is_over{false};
  {
    SigningThreads threads(signer, 3);
    // Not for this thread and the next one: every signal meets one that signs.
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &only, nullptr);
    std::thread storm([&] {
      while (!is_over.load()) {
        kill(getpid(), SIGUSR1);
        std::this_thread::sleep_for(200us);
      }
    });
    await([&] { return threads.headers() > 50 && g_signals.load() > 200; });
    // And in the middle of a recovery, whose waits are system calls, too.
    const std::string elsewhere = hsm_.folder().file("elsewhere");
    std::filesystem::rename(hsm_.token_folder(), elsewhere);
    await([&] { return signer.counters().device_errors > 6; });
    std::filesystem::rename(elsewhere, hsm_.token_folder());
    await([&] { return signer.counters().recoveries > 0; });
    is_over = true;
    storm.join();
    threads.stop();
    pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  }
  sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace holdfast::test
