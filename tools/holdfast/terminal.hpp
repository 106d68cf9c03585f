// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "src/json/json.hpp"
#include "tools/holdfast/signal_hold.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::tool {

/// One result of a command: rows that are printed as `label  words` to a person and as members to a program.
class Report {
 public:
  struct Row {
    std::string name;   ///< member of the JSON object; empty: for people only
    std::string label;  ///< in the left column; empty: for programs only
    std::string words;
    Json value;
  };

  Report& text(std::string_view name, std::string_view label, std::string_view value);
  /// For people the words, for programs the value.
  Report& row(std::string_view name, std::string_view label, std::string_view words, Json value);
  Report& for_programs(std::string_view name, Json value);

  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }
  [[nodiscard]] Json json() const;

 private:
  std::vector<Row> rows_;
};

/// Everything the tool says: results on standard output, messages on standard error.
///
/// Results are kept until `finish` and then written at once, so that a reader never sees half of one. Text from
/// tokens, files and authorities loses its control characters on the way to a person's terminal.
class Terminal {
 public:
  /// `--json`: results and errors are one JSON object each. `--quiet`: no notes and no progress.
  void configure(bool is_json, bool is_quiet);
  [[nodiscard]] bool is_json() const { return is_json_; }

  // Results.
  void show(const Report& report);
  /// A line as it is: a task id, a header. For programs it is the only member of the object, under `name`.
  void show_line(std::string_view name, std::string_view line);
  /// Lines for people only.
  void print(std::string_view text);
  void print_json(const Json& value);
  /// The command a person may want to run next.
  void next_step(std::string_view why, std::string_view command_line);

  // Messages.
  /// The short help for a line that asks for nothing.
  void usage(std::string_view text);
  void note(std::string_view text);
  /// The line of a note, for a moment at which only write(2) may be called; empty where no notes are said.
  [[nodiscard]] std::string note_text(std::string_view text) const;
  /// Says what takes its time; only to a person at a terminal.
  void progress(std::string_view doing);
  /// What an authority answered to the request that is about to be reported as failed.
  void remember_answer(std::string_view excerpt);
  /// What is done and stays done: said with whatever fails after it, the writing of the result included.
  void remember_done(std::string_view done) { done_ = done; }
  /// The next action for the error that is about to be reported, where it names what the command line gave; an
  /// error's own hint is a literal.
  void advise(std::string_view hint) { advice_ = hint; }
  /// Says what failed and what to do about it, and returns the exit code. To a person who pressed Ctrl-C at a
  /// question it says only what stays done.
  int fail(const Error& error);
  /// The lines that `fail` would say of `error`.
  [[nodiscard]] std::string failure_text(const Error& error) const;
  /// The signal by which the process is to end once all is said: whose key, or which itself, ended the question that
  /// the command has failed of, or that `end_by` names; 0 if there is none.
  [[nodiscard]] int interrupted_by() const { return interrupted_by_; }
  /// Keeps SIGINT, SIGTERM and SIGHUP away until all is said: from a moment on there is something that would have to
  /// be taken back, or told. The command asks it whether one came for as long as it can still give up; one that comes
  /// later takes its course in `finish`, behind the result. Put up once; more often changes nothing.
  const SignalHold& hold_signals();
  /// The process is to end by `signal`, as a command that it ran did.
  void end_by(int signal) { interrupted_by_ = signal; }
  int fail_use(std::string_view error, std::string_view hint);
  /// `invalid_argument` if there is no controlling terminal to ask on.
  [[nodiscard]] Result<void> require_person();
  /// Asks on the controlling terminal.
  [[nodiscard]] Result<bool> confirm(std::string_view question);

  /// Writes the results. Returns `exit_code`, or 1 with a message if standard output did not take all of it. Does not
  /// return if a signal came since `hold_signals`.
  [[nodiscard]] int finish(int exit_code);

 private:
  [[nodiscard]] std::string line_of(std::string_view kind, std::string_view colour, std::string_view text) const;
  [[nodiscard]] int write_results(int exit_code);

  bool is_json_ = false;
  bool is_quiet_ = false;
  bool is_coloured_ = false;
  bool is_person_watching_ = false;
  int interrupted_by_ = 0;
  std::optional<SignalHold> hold_;
  std::string results_;
  std::string answer_;
  std::string done_;
  std::string advice_;
};

/// `text` with every control character (C0, DEL, C1) and malformed UTF-8 replaced by '?', so that a hostile label
/// cannot drive the terminal. Line feeds are replaced, too.
[[nodiscard]] std::string without_controls(std::string_view text);

/// `text` quoted for a POSIX shell if it needs to be.
[[nodiscard]] std::string shell_quoted(std::string_view text);

}  // namespace holdfast::tool
