// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/temporary_folder.hpp"

#include <signal.h>
#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::test {

/// The built `holdfast-authority` as a process of its own, on a free loopback port. It is killed with the thread
/// that started it, so that a test that dies leaves nothing behind.
class AuthorityProcess {
 public:
  /// Starts it with `--database`, `--listen 127.0.0.1:0` and `--ready-file` in `folder` (a fresh one of its own if
  /// empty), then `arguments`; an option given there takes the place of ours. Returns when it listens or has ended.
  explicit AuthorityProcess(std::vector<std::string> arguments = {}, std::string folder = {});
  AuthorityProcess(const AuthorityProcess&) = delete;
  AuthorityProcess& operator=(const AuthorityProcess&) = delete;
  ~AuthorityProcess();

  /// False if it ended instead of listening; `exit_code`, `output` and `log` say why.
  [[nodiscard]] bool is_ready() const { return is_ready_; }

  [[nodiscard]] const std::string& url() const { return url_; }  ///< with the base path: an `--authority` value
  [[nodiscard]] const std::string& verify_url() const { return verify_url_; }
  [[nodiscard]] std::string origin() const;                                      ///< `https://127.0.0.1:PORT`
  [[nodiscard]] const std::string& certificate() const { return certificate_; }  ///< for `--ca-file`; empty with http
  [[nodiscard]] const std::string& token_file() const { return token_file_; }
  [[nodiscard]] std::string bearer() const;  ///< without the newline
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }
  [[nodiscard]] std::string ready_file() const { return file("ready.json"); }
  [[nodiscard]] std::string database() const { return file("authority.db"); }
  [[nodiscard]] pid_t pid() const { return pid_; }

  /// Everything written so far to standard output and to standard error (the log).
  [[nodiscard]] std::string output() const;
  [[nodiscard]] std::string log() const;
  /// How often the log says `what`. It is written after the answer that it tells of, so `least` of them are waited
  /// for, up to half a minute.
  [[nodiscard]] std::size_t times_logged(std::string_view what, std::size_t least) const;

  /// Sends `signal` to the process and waits for its end: its exit code, or 128 and the number of the signal it
  /// died of. Afterwards, or when it ended by itself, only tells the code again.
  int stop(int signal = SIGTERM);

 private:
  void start(const std::vector<std::string>& arguments);
  void wait_until_ready();

  std::optional<TemporaryFolder> own_folder_;
  std::string folder_;
  std::string run_name_;
  pid_t pid_ = -1;
  bool is_ready_ = false;
  std::optional<int> exit_code_;
  std::string url_;
  std::string verify_url_;
  std::string certificate_;
  std::string token_file_;
};

/// A `--listen` value for an authority that is to stop and to be started again at the same place: port 0 gets a port
/// that another program may be given while it is free.
[[nodiscard]] std::string lasting_address();

}  // namespace holdfast::test
