// SPDX-License-Identifier: Apache-2.0
#include "holdfast/registrar.hpp"

#include "hal/fork_guard.hpp"
#include "src/registrar/registrar_channel.hpp"
#include "src/registrar/registrar_child.hpp"
#include "src/signer/clock_lock.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace holdfast {
namespace {

using Kind = RegistrarFrame::Kind;
using std::chrono::milliseconds;

constexpr const char* kStarting = "starting the registrar's process";
constexpr const char* kRegistering = "registering through the registrar's process";
// `RegistrarOptions::attempts` is not more, and each attempt needs one signature.
constexpr unsigned kMostSignatures = 10;
constexpr int kPatienceWithAChildMs = 2'000;
// Frames of requests that were given up are few. A child that goes on sending them is not ours any more.
constexpr unsigned kMostLateFrames = 64;

Error system_error(Status status, const char* doing) noexcept {
  Error error = failure(status, Layer::system, doing);
  error.native = static_cast<std::uint64_t>(errno);
  return error;
}

Error gone(std::string_view why) noexcept {
  return failure(Status::authority_unavailable, Layer::registrar, kRegistering)
      .about(why)
      .with_hint("the registrar's process is gone: start it again; the present task can be used until then");
}

// The child's own deadline comes a little earlier, so that it is the one to say what took so long.
milliseconds childs_share(std::int64_t left_ns) noexcept {
  const std::int64_t left = left_ns / 1'000'000;
  return milliseconds(std::max<std::int64_t>(left - std::min<std::int64_t>(left / 10, 250), 1));
}

Result<void> check_socket(int socket) noexcept {
  int type = 0;
  int domain = 0;
  socklen_t size = sizeof type;
  const bool is_ours = getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
                       getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && type == SOCK_SEQPACKET &&
                       domain == AF_UNIX && fcntl(socket, F_SETFD, FD_CLOEXEC) == 0;
  if (is_ours) return {};
  return failure(Status::invalid_argument, Layer::registrar, "attaching a registrar's process")
      .about("the descriptor is no sequenced-packet unix socket");
}

// A socket and, of a child of ours, the process behind it.
struct Connection {
  int socket = -1;
  int process = -1;  // a pidfd: a process id could be another's by the time it is signalled
  pid_t id = -1;
};

void end(Connection& connection) noexcept {
  if (connection.socket >= 0) close(connection.socket);
  if (connection.process >= 0) {
    const bool is_killed = syscall(SYS_pidfd_send_signal, connection.process, SIGKILL, nullptr, 0) == 0;
    // A host that gave up root meanwhile may not kill it, and neither does the host's own death. It ends by itself,
    // as its socket is closed; one that hangs is left behind until it comes back to that.
    pollfd exit{.fd = connection.process, .events = POLLIN, .revents = 0};
    if (is_killed || poll(&exit, 1, kPatienceWithAChildMs) == 1) {
      siginfo_t ignored{};
      while (waitid(P_PIDFD, static_cast<id_t>(connection.process), &ignored, WEXITED) < 0 && errno == EINTR) {
      }
    }
    close(connection.process);
  }
  connection = Connection{};
}

Result<Connection> fork_child(Registrar& registrar, const RegistrarProcessOptions& options) noexcept {
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return system_error(Status::resource_exhausted, kStarting);
  }
  const pid_t host = getpid();
  const pid_t child = fork();
  if (child == 0) serve_as_registrar(ends[1], host, registrar, options);
  const int fork_errno = errno;
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    errno = fork_errno;
    return system_error(Status::resource_exhausted, kStarting);
  }
  const auto process = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  if (process < 0) {
    Error error = system_error(Status::resource_exhausted, kStarting);
    close(ends[0]);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    return error;
  }
  return Connection{ends[0], process, child};
}

}  // namespace

struct RegistrarProcess::State {
  explicit State(hal::ForkGuard guard) noexcept : fork_guard(std::move(guard)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (!fork_guard.is_forked()) {
      end(connection);
    } else {
      // The registrar is the parent's child, not ours.
      if (connection.socket >= 0) close(connection.socket);
      if (connection.process >= 0) close(connection.process);
    }
  }

  // With the lock held, or before anybody else can know this object.
  [[nodiscard]] Result<void> launch() noexcept;
  [[nodiscard]] Result<TaskId> exchange_frames(TypedSigner& signer, hal::BootTime deadline) noexcept;
  [[nodiscard]] Result<TaskId> converse(TypedSigner& signer, hal::BootTime deadline) noexcept;
  [[nodiscard]] Error put_down(std::string_view why) noexcept;
  void publish() noexcept {
    visible_socket.store(connection.socket, std::memory_order_relaxed);
    visible_id.store(connection.id, std::memory_order_relaxed);
  }

  hal::ForkGuard fork_guard;
  hal::Clock& clock = hal::system_clock();
  RegistrarProcessOptions options{};
  std::optional<Registrar> registrar;  // what a child is forked with; none: attached
  ClockLock lock;
  Connection connection;
  std::uint32_t exchange = 0;
  std::atomic<int> visible_socket{-1};
  std::atomic<int> visible_id{-1};
};

Result<void> RegistrarProcess::State::launch() noexcept {
  connection = HOLDFAST_TRY(fork_child(*registrar, options));
  RegistrarChannel channel(connection.socket, clock);
  const auto ready = channel.receive(clock.boot().after(options.start_timeout));
  Error error;
  if (!ready) {
    error = ready.error();
    error.doing = kStarting;
  } else if (ready->kind != Kind::ready) {
    error =
        failure(Status::authority_unavailable, Layer::registrar, kStarting).about("it does not begin as it should");
  } else {
    error = ready->error;
  }
  if (error.status == Status::ok) {
    publish();
    return {};
  }
  end(connection);
  publish();
  return error;
}

Error RegistrarProcess::State::put_down(std::string_view why) noexcept {
  end(connection);
  publish();
  return gone(why);
}

Result<TaskId> RegistrarProcess::State::exchange_frames(TypedSigner& signer, hal::BootTime deadline) noexcept {
  if (connection.socket < 0) return gone("it ended before");
  const std::int64_t left = deadline.ns - clock.boot().ns;
  if (left <= 0) return failure(Status::deadline_exceeded, Layer::registrar, kRegistering);
  ++exchange;
  RegistrarFrame request{.kind = Kind::task_wanted, .exchange = exchange, .time_left = childs_share(left)};
  request.id = signer.runtime_id().view();
  request.opens_sealed = signer.sealed_tasks() != nullptr;
  RegistrarChannel channel(connection.socket, clock);
  if (!channel.send(request)) return put_down("it does not take requests");
  return converse(signer, deadline);
}

Result<TaskId> RegistrarProcess::State::converse(TypedSigner& signer, hal::BootTime deadline) noexcept {
  RegistrarChannel channel(connection.socket, clock);
  unsigned signatures = 0;
  unsigned late_frames = 0;
  while (true) {
    auto frame = channel.receive(deadline);
    if (!frame) {
      if (frame.status() == Status::deadline_exceeded) {
        return failure(Status::deadline_exceeded, Layer::registrar, kRegistering)
            .about("the registrar's process did not answer");
      }
      return put_down(frame.status() == Status::invalid_argument ? "what it sent is no frame" : "it ended");
    }
    if (frame->exchange != exchange) {
      if (++late_frames > kMostLateFrames || frame->exchange > exchange) return put_down("it lost the thread");
      continue;
    }
    switch (frame->kind) {
      case Kind::signature_wanted: {
        if (++signatures > kMostSignatures) return put_down("it asks for more signatures than it can use");
        const auto signed_now = signer.sign_task_registration(
            std::chrono::nanoseconds(std::max<std::int64_t>(deadline.ns - clock.boot().ns, 0)));
        RegistrarFrame answer{.kind = signed_now ? Kind::signature : Kind::signing_failed, .exchange = exchange};
        if (signed_now) answer.registration = *signed_now;
        const bool is_sent = channel.send(answer);
        if (!signed_now) return signed_now.error();
        if (!is_sent) return put_down("it ended");
        break;
      }
      case Kind::task: {
        auto task = TaskId::parse(frame->id.view());
        if (!task) return put_down("the task id it brought is none");
        return task;
      }
      case Kind::sealed_task: {
        SealedTaskOpener* opener = signer.sealed_tasks();
        if (opener == nullptr) return put_down("it brought a sealed task id that was not asked for");
        return opener->open_sealed_task(
            frame->sealed.view(), std::chrono::nanoseconds(std::max<std::int64_t>(deadline.ns - clock.boot().ns, 0)));
      }
      case Kind::failed:
        if (frame->error.status == Status::ok) return put_down("it failed without an error");
        return frame->error;
      default:
        return put_down("it sent a frame that is the host's to send");
    }
  }
}

RegistrarProcess::RegistrarProcess(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
RegistrarProcess::RegistrarProcess(RegistrarProcess&&) noexcept = default;
RegistrarProcess& RegistrarProcess::operator=(RegistrarProcess&&) noexcept = default;
RegistrarProcess::~RegistrarProcess() = default;

Result<RegistrarProcess> RegistrarProcess::start(const RegistrarProcessOptions& options) noexcept try {
  Registrar registrar = HOLDFAST_TRY(Registrar::create(options.registrar));
  auto state = std::make_unique<State>(HOLDFAST_TRY(hal::ForkGuard::create()));
  state->options = options;
  state->registrar.emplace(std::move(registrar));
  if (const auto launched = state->launch(); !launched) return launched.error();
  return RegistrarProcess(std::move(state));
} catch (const std::exception&) {
  return failure(Status::resource_exhausted, Layer::registrar, kStarting).about("memory");
}

Result<RegistrarProcess> RegistrarProcess::attach(int socket) noexcept try {
  auto guard = hal::ForkGuard::create();
  const auto checked = check_socket(socket);
  if (!guard || !checked) {
    if (socket >= 0) close(socket);
    return guard ? checked.error() : guard.error();
  }
  auto state = std::make_unique<State>(std::move(guard).value());
  state->connection.socket = socket;
  state->publish();
  return RegistrarProcess(std::move(state));
} catch (const std::exception&) {
  close(socket);
  return failure(Status::resource_exhausted, Layer::registrar, kStarting).about("memory");
}

Result<TaskId> RegistrarProcess::register_task(TypedSigner& signer, milliseconds timeout) noexcept {
  if (state_->fork_guard.is_forked()) return failure(Status::forked, Layer::registrar, kRegistering);
  constexpr milliseconds kLongest = std::chrono::hours(24);
  const hal::BootTime deadline = state_->clock.boot().after(std::clamp(timeout, milliseconds(0), kLongest));
  if (!state_->lock.take(state_->clock, deadline)) {
    return failure(Status::deadline_exceeded, Layer::registrar, kRegistering)
        .about("another registration is under way");
  }
  auto task = state_->exchange_frames(signer, deadline);
  state_->lock.release(state_->clock);
  return task;
}

RegistrarProcessState RegistrarProcess::state() noexcept {
  // Who holds the lock is talking to it, and will find out.
  if (state_->fork_guard.is_forked()) return RegistrarProcessState::gone;
  if (!state_->lock.take(state_->clock, hal::BootTime{0})) return RegistrarProcessState::running;
  if (state_->connection.socket >= 0) {
    pollfd look{.fd = state_->connection.socket, .events = POLLRDHUP, .revents = 0};
    if (poll(&look, 1, 0) > 0 && (look.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0) {
      (void)state_->put_down("it ended");
    }
  }
  const bool is_gone = state_->connection.socket < 0;
  state_->lock.release(state_->clock);
  return is_gone ? RegistrarProcessState::gone : RegistrarProcessState::running;
}

Result<void> RegistrarProcess::restart() noexcept {
  if (state_->fork_guard.is_forked()) return failure(Status::forked, Layer::registrar, kStarting);
  if (!state_->registrar) {
    return failure(Status::invalid_argument, Layer::registrar, kStarting)
        .about("this registrar was attached: who started it can start another");
  }
  (void)state_->lock.take(state_->clock, hal::kNoDeadline);
  (void)state_->put_down("it is replaced");
  const auto launched = state_->launch();
  state_->lock.release(state_->clock);
  return launched;
}

Result<void> RegistrarProcess::reattach(int socket) noexcept {
  const auto checked = check_socket(socket);
  if (!checked || state_->fork_guard.is_forked()) {
    if (socket >= 0) close(socket);
    return checked ? failure(Status::forked, Layer::registrar, kStarting) : checked.error();
  }
  (void)state_->lock.take(state_->clock, hal::kNoDeadline);
  (void)state_->put_down("it is replaced");
  state_->connection.socket = socket;
  state_->publish();
  state_->lock.release(state_->clock);
  return {};
}

int RegistrarProcess::socket() const noexcept { return state_->visible_socket.load(std::memory_order_relaxed); }
int RegistrarProcess::process_id() const noexcept { return state_->visible_id.load(std::memory_order_relaxed); }

}  // namespace holdfast
