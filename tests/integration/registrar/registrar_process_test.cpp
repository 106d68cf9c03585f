// SPDX-License-Identifier: Apache-2.0
#include "holdfast/session.hpp"

#include "hal/fake/device.hpp"
#include "src/signer/signer_core.hpp"
#include "tests/integration/registrar/loopback_port.hpp"
#include "tests/integration/registrar/told_signer.hpp"
#include "tests/support/authority_process.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/software_key.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <future>
#include <thread>

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

bool is_alive(pid_t process) {
  const std::string state = read_file("/proc/" + std::to_string(process) + "/stat");
  const std::size_t name_end = state.rfind(") ");
  return name_end != std::string::npos && state[name_end + 2] != 'Z';
}

bool ends(pid_t process) {
  for (int i = 0; i < 3000 && is_alive(process); ++i) std::this_thread::sleep_for(10ms);
  return !is_alive(process);
}

// Accepts connections (the kernel does) and answers nothing.
class SilentListener {
 public:
  SilentListener() {
    if (listen(port_.fd(), 8) != 0) throw std::runtime_error("no listener");
  }
  [[nodiscard]] std::string url() const { return port_.url(); }
  void await_connection() const { close(accept(port_.fd(), nullptr, nullptr)); }

 private:
  LoopbackPort port_;
};

/// A signer whose key has a twin: the seed itself, in the host's memory.
class TwinSigner final : public TypedSigner, private SealedTaskOpener {
 public:
  TwinSigner(TypedSigner& signer, std::span<const std::byte, 32> seed) : signer_(signer), key_(seed) {}
  Result<std::size_t> authorization(const TaskId& task, std::chrono::nanoseconds timeout, std::span<char> out,
                                    Freshness freshness) noexcept override {
    return signer_.authorization(task, timeout, out, freshness);
  }
  Result<TaskRegistration> sign_task_registration(std::chrono::nanoseconds timeout) noexcept override {
    return signer_.sign_task_registration(timeout);
  }
  void forget_headers() noexcept override { signer_.forget_headers(); }
  SealedTaskOpener* sealed_tasks() noexcept override { return this; }
  const RuntimeId& runtime_id() const noexcept override { return signer_.runtime_id(); }
  const PublicKey& public_key() const noexcept override { return signer_.public_key(); }

 private:
  Result<TaskId> open_sealed_task(std::string_view sealed, std::chrono::nanoseconds) noexcept override {
    return TaskId::parse(key_.open_sealed(std::string(sealed)).value_or(""));
  }
  TypedSigner& signer_;
  SoftwareKey key_;
};

/// An agent with a key on a fake token, registered with a real authority over https.
class RegistrarProcessTest : public testing::Test {
 protected:
  explicit RegistrarProcessTest(std::vector<std::string> authority = {}) : authority_(std::move(authority)) {
    secret_.fill(std::byte{7});
    const PublicKey key = token_.put_key("agent", Scheme::ed25519, secret_).value();
    options_.registrar.authority_url = authority_.url();
    options_.registrar.ca_file = authority_.certificate();
    options_.start_timeout = 60s;
    const std::string bearer = authority_.bearer();
    const RuntimeId id =
        Registrar::create(options_.registrar)
            ->register_agent({.public_key = key, .access_token = bearer, .agent_version = "0.1.0"}, 60s)
            .value();
    device_.emplace(hal::fake::FakeDevice::open(token_, {.label = "agent"}).value());
    hal::Clock& clock = hal::system_clock();
    signer_.emplace(**device_, clock, SignerCore::prepare(**device_, clock, {.runtime_id = id}).value());
  }

  AuthorityProcess authority_;
  hal::fake::Secret secret_;
  hal::fake::FakeToken token_{hal::system_clock()};
  std::optional<hal::DevicePtr> device_;
  std::optional<SignerCore> signer_;
  RegistrarProcessOptions options_;
};

TEST_F(RegistrarProcessTest, CarriesRegistrationsForASession) {
  auto registrar = RegistrarProcess::start(options_);
  ASSERT_TRUE(registrar) << registrar.error().detail.view();
  EXPECT_EQ(registrar->state(), RegistrarProcessState::running);
  auto session =
      AgentSession::assemble({.signer = *signer_, .task_source = &*registrar, .task = {.rejection_interval = 1s}});
  ASSERT_TRUE(session);
  std::array<char, kMaxAuthorizationSize> out{};
  ASSERT_TRUE(session->authorization(out));
  EXPECT_EQ(session->generation(), TaskGeneration{1});
  EXPECT_TRUE(session->rejected({1}, 401));
  const auto value = session->authorization(out);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->generation, TaskGeneration{2});

  // The registrar dies: the present task goes on, and what happened is told.
  ASSERT_EQ(kill(registrar->process_id(), SIGKILL), 0);
  std::this_thread::sleep_for(1s);  // the rejection interval
  const auto rejected = session->rejected({2}, 403);
  ASSERT_EQ(rejected.status(), Status::authority_unavailable);
  EXPECT_THAT(hint_of(rejected.error()), HasSubstr("start it again"));
  EXPECT_EQ(registrar->state(), RegistrarProcessState::gone);
  EXPECT_EQ(registrar->process_id(), -1);
  EXPECT_EQ(session->authorization(out)->generation, TaskGeneration{2});

  // And a host that may fork puts another in its place.
  ASSERT_TRUE(registrar->restart());
  std::this_thread::sleep_for(1s);
  EXPECT_TRUE(session->rejected({2}, 401));
  EXPECT_EQ(session->generation(), TaskGeneration{3});
}

TEST_F(RegistrarProcessTest, TheAuthoritysErrorsArriveInFull) {
  options_.registrar.ca_file = "/nonexistent/ca.pem";
  auto registrar = RegistrarProcess::start(options_);
  ASSERT_TRUE(registrar);
  const auto own = Registrar::create(options_.registrar)->register_task(*signer_, 30s);
  const auto carried = registrar->register_task(*signer_, 30s);
  ASSERT_FALSE(carried);
  EXPECT_EQ(carried.status(), own.status());
  EXPECT_STREQ(carried.error().native_name, own.error().native_name);
  EXPECT_STREQ(carried.error().doing, own.error().doing);
  EXPECT_EQ(hint_of(carried.error()), hint_of(own.error()));
  EXPECT_EQ(carried.error().detail.view(), own.error().detail.view());
  EXPECT_EQ(registrar->state(), RegistrarProcessState::running);
}

/// The authority's certificate in a folder of its own, for a registrar's process that lives long.
class RenewedTrust : public RegistrarProcessTest {
 protected:
  RenewedTrust() {
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    options_.registrar.ca_file = folder_.write("ca.pem", certificate(), 0644);
  }
  [[nodiscard]] std::string certificate() const { return read_file(authority_.certificate()); }
  [[nodiscard]] std::string ca() const { return folder_.file("ca.pem"); }

  TemporaryFolder folder_;
};

TEST_F(RenewedTrust, ACaThatOthersMayWriteIsToldAndTheProcessGoesOn) {
  auto registrar = RegistrarProcess::start(options_);
  ASSERT_TRUE(registrar);
  ASSERT_EQ(chmod(ca().c_str(), 0664), 0);
  const auto carried = registrar->register_task(*signer_, 60s);
  const auto own = Registrar::create(options_.registrar)->register_task(*signer_, 60s);
  ASSERT_EQ(own.status(), Status::file_untrusted);
  EXPECT_EQ(carried.status(), Status::file_untrusted);
  EXPECT_STREQ(carried.error().doing, own.error().doing);
  EXPECT_EQ(hint_of(carried.error()), hint_of(own.error()));
  EXPECT_EQ(carried.error().detail.view(), own.error().detail.view());
  ASSERT_EQ(registrar->state(), RegistrarProcessState::running);
  ASSERT_EQ(chmod(ca().c_str(), 0644), 0);
  EXPECT_TRUE(registrar->register_task(*signer_, 60s));
}

TEST_F(RenewedTrust, AFilePutInItsPlaceIsReadAtTheNextRequest) {
  auto registrar = RegistrarProcess::start(options_);
  ASSERT_TRUE(registrar);
  ASSERT_TRUE(registrar->register_task(*signer_, 60s));
  for (int i = 0; i < 2; ++i) {
    std::filesystem::rename(folder_.write("new", certificate(), 0644), ca());
    const auto task = registrar->register_task(*signer_, 60s);
    EXPECT_TRUE(task) << task.error().detail.view();
  }
}

TEST_F(RenewedTrust, SoIsOneThatItsNameLeadsToAnew) {
  std::filesystem::create_directory(folder_.file("first"));
  std::filesystem::create_directory(folder_.file("second"));
  folder_.write("first/ca.pem", certificate(), 0644);
  folder_.write("second/ca.pem", certificate(), 0644);
  std::filesystem::remove(ca());
  std::filesystem::create_symlink("first/ca.pem", ca());
  auto registrar = RegistrarProcess::start(options_);
  ASSERT_TRUE(registrar);
  ASSERT_TRUE(registrar->register_task(*signer_, 60s));
  std::filesystem::create_symlink("second/ca.pem", folder_.file("new"));
  std::filesystem::rename(folder_.file("new"), ca());
  const auto task = registrar->register_task(*signer_, 60s);
  EXPECT_TRUE(task) << task.error().detail.view();
}

// The path of a secret beside the CA, and of the CA.
struct Neighbours {
  std::string secret;
  std::string ca;
};

bool reads_the_ca_alone(void* context) noexcept {
  const auto& neighbours = *static_cast<const Neighbours*>(context);
  return open(neighbours.ca.c_str(), O_RDONLY) >= 0 && open(neighbours.secret.c_str(), O_RDONLY) < 0;
}

bool has_landlock() { return syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1; }

TEST_F(RenewedTrust, AFolderInWhichASecretLiesStaysClosed) {
  if (!has_landlock()) GTEST_SKIP() << "landlock: this kernel has none";
  std::filesystem::create_directory(folder_.file("keys"));
  options_.enter_sandbox = reads_the_ca_alone;
  for (const char* name : {"pin", "keys/pin"}) {
    Neighbours neighbours{.secret = folder_.write(name, "1234", 0600), .ca = ca()};
    options_.sandbox_context = &neighbours;
    const auto registrar = RegistrarProcess::start(options_);
    EXPECT_TRUE(registrar) << name << ": " << registrar.error().detail.view();
    std::filesystem::remove(neighbours.secret);
  }
  std::filesystem::permissions(folder_.file("keys"), std::filesystem::perms(0744));
  Neighbours neighbours{.secret = folder_.write("keys/pin", "1234", 0644), .ca = ca()};
  options_.sandbox_context = &neighbours;
  EXPECT_TRUE(RegistrarProcess::start(options_)) << "a name is seen, and what it names is not";
}

// What lies behind a door that is shut may have any mode: a service's own folder, or one in it, whose .env is 0644.
TEST_F(RenewedTrust, AFolderThatOthersMayNotEnterStaysClosed) {
  if (!has_landlock()) GTEST_SKIP() << "landlock: this kernel has none";
  std::filesystem::create_directory(folder_.file("certificates"));
  const std::string beneath = folder_.write("certificates/ca.pem", certificate(), 0644);
  Neighbours neighbours{.secret = folder_.write(".env", "PIN=1234", 0644), .ca = ca()};
  Neighbours below{.secret = folder_.write("certificates/.env", "PIN=1234", 0644), .ca = beneath};
  options_.enter_sandbox = reads_the_ca_alone;
  for (const mode_t shut : {0700U, 0750U, 0744U, 0711U}) {
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(shut));
    options_.sandbox_context = &neighbours;
    options_.registrar.ca_file = neighbours.ca;
    EXPECT_TRUE(RegistrarProcess::start(options_)) << std::oct << shut;
    if ((shut & S_IXOTH) != 0) continue;  // those may enter that know the name of what is beneath
    options_.sandbox_context = &below;
    options_.registrar.ca_file = below.ca;
    EXPECT_TRUE(RegistrarProcess::start(options_)) << std::oct << shut << ", beneath";
  }
}

TEST_F(RegistrarProcessTest, ServesTwoHostsApart) {
  auto first = RegistrarProcess::start(options_);
  auto second = RegistrarProcess::start(options_);
  ASSERT_TRUE(first && second);
  auto in_background =
      std::async(std::launch::async, [&] { return first->register_task(*signer_, 60s).has_value(); });
  EXPECT_TRUE(second->register_task(*signer_, 60s));
  EXPECT_TRUE(in_background.get());
  // The second child was forked with the first one's socket open, and has closed it: the first ends all the same.
  const pid_t child = first->process_id();
  { const RegistrarProcess ended = std::move(*first); }
  EXPECT_FALSE(is_alive(child));
  EXPECT_TRUE(second->register_task(*signer_, 60s));
}

TEST_F(RegistrarProcessTest, AHostThatWasHandedASocketUsesIt) {
  auto parent = RegistrarProcess::start(options_);
  ASSERT_TRUE(parent);
  auto host = RegistrarProcess::attach(dup(parent->socket()));
  ASSERT_TRUE(host);
  EXPECT_TRUE(host->register_task(*signer_, 60s));
  EXPECT_EQ(host->process_id(), -1);
  EXPECT_EQ(host->restart().status(), Status::invalid_argument);

  ASSERT_EQ(kill(parent->process_id(), SIGKILL), 0);
  EXPECT_EQ(host->register_task(*signer_, 60s).status(), Status::authority_unavailable);
  ASSERT_TRUE(parent->restart());
  ASSERT_TRUE(host->reattach(dup(parent->socket())));
  EXPECT_TRUE(host->register_task(*signer_, 60s));
}

TEST_F(RegistrarProcessTest, OneThatHangsIsGivenUpAtTheDeadlineAndMayComeBack) {
  auto registrar = RegistrarProcess::start(options_);
  ASSERT_TRUE(registrar);
  ASSERT_EQ(kill(registrar->process_id(), SIGSTOP), 0);
  EXPECT_EQ(registrar->register_task(*signer_, 200ms).status(), Status::deadline_exceeded);
  EXPECT_EQ(registrar->register_task(*signer_, 200ms).status(), Status::deadline_exceeded);
  EXPECT_EQ(registrar->state(), RegistrarProcessState::running);
  ASSERT_EQ(kill(registrar->process_id(), SIGCONT), 0);
  EXPECT_TRUE(registrar->register_task(*signer_, 60s))
      << "what it says of the requests given up is not taken for ours";
}

class SealedRegistrarProcess : public RegistrarProcessTest, public testing::WithParamInterface<const char*> {
 protected:
  SealedRegistrarProcess() : RegistrarProcessTest({"--answer", GetParam()}) {}
};
INSTANTIATE_TEST_SUITE_P(Spellings, SealedRegistrarProcess, testing::Values("encrypted_task_id", "encryptedTaskId"),
                         [](const auto& spelling) { return std::string(spelling.param); });

TEST_P(SealedRegistrarProcess, AnAnswerIsOpenedOnTheHostsSide) {
  auto registrar = RegistrarProcess::start(options_);
  ASSERT_TRUE(registrar);
  TwinSigner signer(*signer_, secret_);
  const auto task = registrar->register_task(signer, 60s);
  ASSERT_TRUE(task) << task.error().detail.view();
  const auto other = registrar->register_task(signer, 60s);
  ASSERT_TRUE(other) << "nothing of the first exchange is left";
  EXPECT_NE(task->view(), other->view());
  // The authority knows it: a header for it is good.
  std::array<char, kMaxAuthorizationSize> out{};
  EXPECT_TRUE(signer.authorization(*task, 60s, out, Freshness::reuse));
  EXPECT_EQ(registrar->state(), RegistrarProcessState::running);
}

TEST_P(SealedRegistrarProcess, WithoutATwinItIsToldAsWithoutAProcess) {
  auto registrar = RegistrarProcess::start(options_);
  ASSERT_TRUE(registrar);
  const auto carried = registrar->register_task(*signer_, 60s);
  const auto own = Registrar::create(options_.registrar)->register_task(*signer_, 60s);
  ASSERT_EQ(carried.status(), Status::sealed_answer);
  EXPECT_EQ(carried.error().detail.view(), own.error().detail.view());
  EXPECT_EQ(carried.error().layer, own.error().layer);
  EXPECT_EQ(registrar->state(), RegistrarProcessState::running);
}

class LoneRegistrarProcess : public testing::Test {
 protected:
  LoneRegistrarProcess() {
    options_.registrar.authority_url = listener_.url();
    options_.start_timeout = 60s;
  }
  SilentListener listener_;
  RegistrarProcessOptions options_;
  ToldSigner signer_;
};

TEST_F(LoneRegistrarProcess, KilledInTheMiddleOfARegistrationIsTold) {
  auto registrar = RegistrarProcess::start(options_);
  ASSERT_TRUE(registrar) << registrar.error().detail.view();
  auto outcome = std::async(std::launch::async, [&] { return registrar->register_task(signer_, 60s).status(); });
  listener_.await_connection();
  ASSERT_EQ(kill(registrar->process_id(), SIGKILL), 0);
  EXPECT_EQ(outcome.get(), Status::authority_unavailable);
  EXPECT_EQ(registrar->state(), RegistrarProcessState::gone);
  EXPECT_EQ(registrar->register_task(signer_, 1s).status(), Status::authority_unavailable);
}

TEST_F(LoneRegistrarProcess, ASignerThatFailsIsHeardOnTheHostsSide) {
  signer_.stub().fails_with = Status::device_gone;
  auto registrar = RegistrarProcess::start(options_);
  ASSERT_TRUE(registrar);
  EXPECT_EQ(registrar->register_task(signer_, 60s).status(), Status::device_gone);
  EXPECT_EQ(registrar->state(), RegistrarProcessState::running);
}

TEST_F(LoneRegistrarProcess, WrongOptionsAreRefusedBeforeAnythingIsForked) {
  options_.registrar.authority_url = "http://authority.example";
  EXPECT_EQ(RegistrarProcess::start(options_).status(), Status::invalid_argument);
}

TEST_F(LoneRegistrarProcess, IsOfNoUseInAForkedHostAndSurvivesIt) {
  auto registrar = RegistrarProcess::start(options_);
  ASSERT_TRUE(registrar);
  EXPECT_EQ(run_in_child([&] {
              const bool is_refused = registrar->register_task(signer_, 1s).status() == Status::forked &&
                                      registrar->restart().status() == Status::forked;
              { const RegistrarProcess dropped = std::move(*registrar); }
              return is_refused;
            }),
            0);
  EXPECT_EQ(registrar->state(), RegistrarProcessState::running);
}

TEST_F(LoneRegistrarProcess, OneThatHangsAndMayNotBeKilledIsLeftBehind) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give up being root";
  int told[2];
  ASSERT_EQ(pipe2(told, O_CLOEXEC), 0);
  EXPECT_EQ(run_in_child([&] {
              auto registrar = RegistrarProcess::start(options_);
              if (!registrar) return false;
              const pid_t process = registrar->process_id();
              constexpr uid_t kNobody = 65534;
              if (write(told[1], &process, sizeof process) != sizeof process || kill(process, SIGSTOP) != 0 ||
                  setresuid(kNobody, kNobody, kNobody) != 0) {
                return false;
              }
              { const RegistrarProcess ended = std::move(*registrar); }
              return is_alive(process);
            }),
            0);
  // Even the host's death did not end it: a dying parent's signal needs the parent's rights.
  close(told[1]);
  pid_t left = 0;
  ASSERT_EQ(read(told[0], &left, sizeof left), static_cast<ssize_t>(sizeof left));
  EXPECT_EQ(kill(left, SIGKILL), 0);
  close(told[0]);
}

TEST_F(LoneRegistrarProcess, DiesWithItsHost) {
  int ends_of_pipe[2];
  ASSERT_EQ(pipe2(ends_of_pipe, O_CLOEXEC), 0);
  EXPECT_EQ(run_in_child([&] {
              auto registrar = RegistrarProcess::start(options_);
              const pid_t child = registrar ? registrar->process_id() : -1;
              const bool is_told = write(ends_of_pipe[1], &child, sizeof child) == sizeof child;
              if (registrar) new RegistrarProcess(std::move(*registrar));  // the host ends without ceremony
              _exit(is_told ? 0 : 1);
              return true;
            }),
            0);
  pid_t child = -1;
  ASSERT_EQ(read(ends_of_pipe[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  close(ends_of_pipe[0]);
  close(ends_of_pipe[1]);
  ASSERT_GT(child, 0);
  EXPECT_TRUE(ends(child));
}

// What the child may not do, asked in the child.
bool is_locked_in(void*) noexcept {
  if (open("/etc/passwd", O_RDONLY) >= 0 || open("/proc/self/environ", O_RDONLY) >= 0) return false;
  if (open("/tmp", O_RDWR | O_TMPFILE, 0600) >= 0 || mkdir("/tmp/registrar-was-here", 0700) == 0) return false;
  if (prctl(PR_GET_DUMPABLE) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return false;
  for (int fd = 4; fd < 256; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) return false;
  }
  return true;
}

TEST_F(LoneRegistrarProcess, KeepsNothingAndReachesNothing) {
  if (syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1) {
    GTEST_SKIP() << "landlock: this kernel has none";
  }
  const int held = open("/etc/passwd", O_RDONLY);
  options_.enter_sandbox = is_locked_in;
  options_.requires_landlock = true;
  const auto registrar = RegistrarProcess::start(options_);
  EXPECT_TRUE(registrar) << registrar.error().detail.view();
  close(held);
}

TEST_F(LoneRegistrarProcess, AHostsSandboxThatRefusesIsTold) {
  options_.enter_sandbox = [](void*) noexcept { return false; };
  const auto registrar = RegistrarProcess::start(options_);
  ASSERT_EQ(registrar.status(), Status::permission_denied);
  EXPECT_EQ(registrar.error().detail.view(), "the host's own sandbox refused");
}

TEST(AttachedRegistrar, NeedsASocketOfItsKind) {
  EXPECT_EQ(RegistrarProcess::attach(-1).status(), Status::invalid_argument);
  EXPECT_EQ(RegistrarProcess::attach(open("/dev/null", O_RDWR | O_CLOEXEC)).status(), Status::invalid_argument);
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  EXPECT_EQ(RegistrarProcess::attach(pair[0]).status(), Status::invalid_argument);
  EXPECT_EQ(fcntl(pair[0], F_GETFD), -1) << "it was taken over, and closed";
  close(pair[1]);
}

}  // namespace
}  // namespace holdfast::test
