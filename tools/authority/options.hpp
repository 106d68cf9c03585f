// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "tools/command_line/command_line.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace holdfast::authority {

/// How a task registration is answered: one of the four spellings of protocol.md §2.
enum class AnswerForm : std::uint8_t { task_id, task_id_camel, encrypted_task_id, encrypted_task_id_camel };

/// The JSON member's name.
[[nodiscard]] std::string_view answer_member(AnswerForm form) noexcept;
/// Whether the id goes out as a sealed box.
[[nodiscard]] bool is_sealed(AnswerForm form) noexcept;

/// Where to listen; the host is numeric.
struct ListenAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8443;  ///< 0: any free one
  bool is_loopback = true;
};

/// `127.0.0.1:8443`, `[::1]:0`, `localhost:8443` (which is 127.0.0.1); `invalid_argument` for other names: what a
/// name means could change between the loopback check and the bind.
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text) noexcept;

/// What the command line asks for, checked as a whole.
struct Options {
  std::string database;
  ListenAddress listen;
  std::string base_path = "/api/accounts";
  AnswerForm answer = AnswerForm::task_id;
  std::int64_t window_seconds = 300;
  std::string certificate;  ///< empty: a self-made one beside the database
  std::string private_key;
  std::string certificate_out;
  std::string token_file;  ///< never empty
  std::string ready_file;
  bool is_plain_http = false;
  bool is_public = false;
  bool is_quiet = false;
};

/// A wrong command line: what is wrong, and what to do about it.
struct WrongUse {
  std::string error;
  std::string hint;
};

[[nodiscard]] std::variant<Options, WrongUse> read_options(const command_line::Arguments& arguments);

/// The program as the command-line table has it; `run` is what its one command does.
[[nodiscard]] command_line::Program program_table(std::function<int(const command_line::Arguments&)> run);

}  // namespace holdfast::authority
