// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/signal_watch.hpp"

#include "hal/system_error.hpp"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace holdfast::tool {
namespace {

struct Row {
  int signal;
  const char* name;
};
constexpr std::array kWatched{Row{SIGINT, "SIGINT"}, Row{SIGTERM, "SIGTERM"}, Row{SIGHUP, "SIGHUP"},
                              Row{SIGQUIT, "SIGQUIT"}};

}  // namespace

Result<SignalWatch> SignalWatch::begin() {
  sigset_t watched;
  sigemptyset(&watched);
  for (const Row& row : kWatched) {
    struct sigaction present {};
    sigaction(row.signal, nullptr, &present);
    if (present.sa_handler != SIG_IGN) sigaddset(&watched, row.signal);  // nohup(1)
  }
  SignalWatch watch;
  pthread_sigmask(SIG_BLOCK, &watched, &watch.before_);
  watch.descriptor_ = hal::FileDescriptor(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!watch.descriptor_) return hal::system_error(errno, "watching for signals", "signalfd");
  return watch;
}

std::optional<SignalWatch::Arrival> SignalWatch::next() noexcept {
  signalfd_siginfo info{};
  if (::read(descriptor_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  const auto signal = static_cast<int>(info.ssi_signo);
  // A process sends with SI_USER and codes below it (sigaction(2)); what the kernel sends is above.
  const bool is_from_kernel = info.ssi_code > SI_USER;
  return Arrival{signal, is_from_kernel && (signal == SIGINT || signal == SIGQUIT)};
}

Error interruption(int signal, const char* doing) noexcept {
  Error error = failure(Status::permission_denied, Layer::system, doing).about("it was interrupted");
  const auto* row = std::ranges::find(kWatched, signal, &Row::signal);
  error.native = static_cast<std::uint64_t>(signal);
  error.native_name = row == kWatched.end() ? nullptr : row->name;
  return error;
}

}  // namespace holdfast::tool
