// SPDX-License-Identifier: Apache-2.0
#include "hal/terminal_prompt.hpp"

#include "hal/trusted_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace holdfast::hal {
namespace {

struct HeldSignal {
  int number;
  const char* name;
};
constexpr std::array kHeldSignals{HeldSignal{SIGINT, "SIGINT"}, HeldSignal{SIGTERM, "SIGTERM"},
                                  HeldSignal{SIGHUP, "SIGHUP"}, HeldSignal{SIGQUIT, "SIGQUIT"},
                                  HeldSignal{SIGTSTP, "SIGTSTP"}};

constexpr const char* name_of(int signal) noexcept {
  for (const HeldSignal& held : kHeldSignals) {
    if (held.number == signal) return held.name;
  }
  return nullptr;
}

// Turns echo and line editing off and back on, and holds back the signals that would leave the terminal so.
class QuietTerminal {
 public:
  explicit QuietTerminal(int fd) noexcept : fd_(fd) {
    sigset_t held;
    sigemptyset(&held);
    for (const HeldSignal& signal : kHeldSignals) sigaddset(&held, signal.number);
    pthread_sigmask(SIG_BLOCK, &held, &mask_before_);
    is_quiet_ = tcgetattr(fd_, &before_) == 0;
    if (is_quiet_) {
      termios quiet = before_;
      quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
      quiet.c_cc[VMIN] = 1;
      quiet.c_cc[VTIME] = 0;
      is_quiet_ = tcsetattr(fd_, TCSAFLUSH, &quiet) == 0;
    }
  }
  ~QuietTerminal() {
    if (is_quiet_) tcsetattr(fd_, TCSAFLUSH, &before_);
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;

  [[nodiscard]] bool is_quiet() const noexcept { return is_quiet_; }

  enum class Event : std::uint8_t { key, signal, gone };

  // Waits for a key, for one of the held signals (which is then `signal()`), or for the terminal to go away.
  [[nodiscard]] Event wait() noexcept {
    constexpr int kLookForSignalsMs = 200;
    while (true) {
      sigset_t pending;
      sigpending(&pending);
      for (const HeldSignal& held : kHeldSignals) {
        if (sigismember(&pending, held.number) != 1) continue;
        signal_ = held.number;
        return Event::signal;
      }
      pollfd terminal{.fd = fd_, .events = POLLIN, .revents = 0};
      const int ready = poll(&terminal, 1, kLookForSignalsMs);
      if (ready > 0) return (terminal.revents & POLLIN) != 0 ? Event::key : Event::gone;
      if (ready < 0 && errno != EINTR) return Event::gone;
    }
  }
  [[nodiscard]] int signal() const noexcept { return signal_; }

  // The signal for which `key` stands by the terminal's own settings; 0 for any other key.
  [[nodiscard]] int signal_for(std::byte key) const noexcept {
    constexpr std::pair<int, int> kKeys[] = {{VINTR, SIGINT}, {VQUIT, SIGQUIT}, {VSUSP, SIGTSTP}};
    for (const auto& [control, signal] : kKeys) {
      if (before_.c_cc[control] != _POSIX_VDISABLE && std::byte{before_.c_cc[control]} == key) return signal;
    }
    return 0;
  }

 private:
  int fd_;
  bool is_quiet_ = false;
  int signal_ = 0;
  termios before_{};
  sigset_t mask_before_{};
};

void write_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

Error nothing(const SecretWording& wording, std::string_view why) noexcept {
  return failure(wording.missing, Layer::system, wording.doing).about(why).with_hint(wording.hint);
}

Error interrupted(const SecretWording& wording, int signal) noexcept {
  Error error = nothing(wording, "interrupted");
  error.native = static_cast<std::uint64_t>(signal);
  error.native_name = name_of(signal);
  return error;
}

Result<std::size_t> read_line(QuietTerminal& terminal, int fd, const SecretWording& wording,
                              std::span<std::byte> line) noexcept {
  constexpr std::byte kEndOfInput{0x04};  // Ctrl-D
  constexpr std::byte kBackspace{0x08};
  constexpr std::byte kKillLine{0x15};  // Ctrl-U
  constexpr std::byte kDelete{0x7f};
  std::size_t used = 0;
  while (true) {
    std::byte key{};
    const QuietTerminal::Event event = terminal.wait();
    if (event == QuietTerminal::Event::signal) return interrupted(wording, terminal.signal());
    if (event == QuietTerminal::Event::gone || read(fd, &key, 1) != 1) {
      return nothing(wording, "the terminal went away");
    }
    if (const int signal = terminal.signal_for(key); signal != 0) {
      // It is held back like any other; it takes its course once the terminal is restored.
      if (signal == SIGTSTP) raise(signal);
      return interrupted(wording, signal);
    }
    if (key == std::byte{'\n'} || key == std::byte{'\r'} || key == kEndOfInput) break;
    if (key == kBackspace || key == kDelete) {
      used -= used > 0 ? 1 : 0;
    } else if (key == kKillLine) {
      used = 0;
    } else if (used == line.size()) {
      // What is still to be read of a pasted text is thrown away with the settings (TCSAFLUSH).
      Error error = failure(Status::file_invalid, Layer::system, wording.doing);
      error.detail.append(wording.name);
      error.detail.append(" typed is too long");
      return error;
    } else {
      line[used++] = key;
    }
  }
  if (used == 0) return nothing(wording, "nothing was typed");
  return used;
}

}  // namespace

Result<std::size_t> ask_on_terminal(std::string_view question, const SecretWording& wording,
                                    std::span<std::byte> out) noexcept {
  const FileDescriptor terminal(open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal) {
    return nothing(wording, "there is no terminal to ask on")
        .with_hint("without a terminal use fd:N, file:/PATH or credential:NAME");
  }
  while (true) {
    QuietTerminal quiet(terminal.get());
    if (!quiet.is_quiet()) return nothing(wording, "the terminal's echo cannot be turned off");
    write_all(terminal.get(), question);
    write_all(terminal.get(), ": ");
    Result<std::size_t> size = read_line(quiet, terminal.get(), wording, out);
    write_all(terminal.get(), "\n");
    if (size || interrupting_signal(size.error()) != SIGTSTP) return size;
  }
}

int interrupting_signal(const Error& error) noexcept {
  const bool is_signal = error.layer == Layer::system && error.native_name != nullptr;
  const int signal = is_signal ? static_cast<int>(error.native) : 0;
  const char* name = name_of(signal);
  return name != nullptr && std::string_view(name) == error.native_name ? signal : 0;
}

}  // namespace holdfast::hal
