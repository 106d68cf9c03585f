// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/terminal.hpp"

#include "hal/terminal_prompt.hpp"
#include "hal/trusted_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace holdfast::tool {
namespace {

constexpr std::string_view kName = "holdfast";

// False, with errno, if `fd` did not take all of it.
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// The length of the well-formed UTF-8 sequence at the front (RFC 3629 §4); 0 if there is none.
std::size_t sequence_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0U) == 0x80U; };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    const bool is_overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool is_surrogate = first == 0xED && byte(1) > 0x9F;
    return is_overlong || is_surrogate ? 0 : 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    const bool is_out_of_range = (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F);
    return is_out_of_range ? 0 : 4;
  }
  return 0;
}

bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  return sequence.size() == 2 && first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;  // C1
}

Json error_json(std::string_view status, std::string_view message, std::string_view hint) {
  Json body = Json::object();
  body.set("status", status).set("message", message).set("hint", hint);
  return body;
}

hal::FileDescriptor open_terminal() { return hal::FileDescriptor(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)); }

Error no_terminal() {
  return failure(Status::invalid_argument, Layer::system, "asking for consent")
      .about("there is no terminal to ask on")
      .with_hint("say it on the command line with --yes");
}

std::string lines_of(const Report& report) {
  std::size_t column = 0;
  for (const Report::Row& row : report.rows()) column = std::max(column, row.label.size());
  std::string text;
  for (const Report::Row& row : report.rows()) {
    if (row.label.empty()) continue;
    text += row.label + std::string(column + 2 - row.label.size(), ' ') + without_controls(row.words) + "\n";
  }
  return text;
}

}  // namespace

Report& Report::text(std::string_view name, std::string_view label, std::string_view value) {
  return row(name, label, value, Json::string(value));
}

Report& Report::row(std::string_view name, std::string_view label, std::string_view words, Json value) {
  rows_.push_back({std::string(name), std::string(label), std::string(words), std::move(value)});
  return *this;
}

Report& Report::for_programs(std::string_view name, Json value) { return row(name, "", "", std::move(value)); }

Json Report::json() const {
  Json object = Json::object();
  for (const Row& row : rows_) {
    if (!row.name.empty()) object.set(row.name, row.value);
  }
  return object;
}

void Terminal::configure(bool is_json, bool is_quiet) {
  is_json_ = is_json;
  is_quiet_ = is_quiet;
  const bool is_terminal = isatty(STDERR_FILENO) == 1;
  // There is one thread here. https://no-color.org: set and not empty.
  const char* no_colour = ::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  const char* kind = ::getenv("TERM");           // NOLINT(concurrency-mt-unsafe)
  const bool is_plain =
      (no_colour != nullptr && *no_colour != '\0') || kind == nullptr || std::string_view(kind) == "dumb";
  is_coloured_ = is_terminal && !is_plain && !is_json;
  is_person_watching_ = is_terminal && !is_quiet && !is_json;
}

void Terminal::show(const Report& report) {
  if (is_json_) {
    print_json(report.json());
  } else {
    print(lines_of(report));
  }
}

void Terminal::show_line(std::string_view name, std::string_view line) {
  if (is_json_) {
    print_json(Json::object().set(name, line));
  } else {
    print(line);
    print("\n");
  }
}

void Terminal::print(std::string_view text) {
  if (!is_json_) results_ += text;
}

void Terminal::print_json(const Json& value) {
  if (is_json_) results_ += value.dump() + "\n";
}

void Terminal::next_step(std::string_view why, std::string_view command_line) {
  if (is_json_ || is_quiet_) return;
  print("\n" + std::string(why) + ":\n  " + without_controls(command_line) + "\n");
}

void Terminal::usage(std::string_view text) { write_all(STDERR_FILENO, text); }

void Terminal::note(std::string_view text) { write_all(STDERR_FILENO, note_text(text)); }

std::string Terminal::note_text(std::string_view text) const {
  return is_quiet_ || is_json_ ? std::string() : line_of("note", "", text);
}

void Terminal::progress(std::string_view doing) {
  if (is_person_watching_) write_all(STDERR_FILENO, std::string(kName) + ": " + std::string(doing) + " ...\n");
}

void Terminal::remember_answer(std::string_view excerpt) {
  const std::size_t last = excerpt.find_last_not_of(" \r\n\t");
  answer_ = excerpt.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

int Terminal::fail(const Error& error) {
  interrupted_by_ = hal::interrupting_signal(error);
  write_all(STDERR_FILENO, failure_text(error));
  return status_exit_code(error.status);
}

std::string Terminal::failure_text(const Error& error) const {
  std::array<char, 1024> buffer{};
  const std::string_view message = write_message(error, buffer);
  const std::string_view hint = advice_.empty() ? hint_of(error) : std::string_view(advice_);
  if (is_json_) {
    Json body = error_json(status_name(error.status), message, hint);
    body.set("layer", layer_name(error.layer));
    body.set("native", Json::integer(static_cast<std::int64_t>(error.native)));
    body.set("native_name", error.native_name == nullptr ? Json() : Json::string(error.native_name));
    body.set("doing", error.doing);
    body.set("detail", error.detail.view());
    if (!answer_.empty()) body.set("answer", answer_);
    if (!done_.empty()) body.set("done", done_);
    return Json::object().set("error", body).dump() + "\n";
  }
  if (hal::interrupting_signal(error) != 0) {
    return done_.empty() ? std::string() : line_of("note", "", "done before it was interrupted: " + done_);
  }
  std::string text = line_of("error", "\x1b[1;31m", message);
  if (!answer_.empty()) text += line_of("note", "", "the authority answered: " + answer_);
  if (!done_.empty()) text += line_of("note", "", "done before it failed: " + done_);
  if (!hint.empty()) text += line_of("hint", "\x1b[1m", hint);
  return text;
}

int Terminal::fail_use(std::string_view error, std::string_view hint) {
  if (is_json_) {
    Json body = error_json(status_name(Status::invalid_argument), error, hint);
    body.set("layer", layer_name(Layer::core)).set("native", std::int64_t{0}).set("native_name", Json());
    body.set("doing", "reading the command line").set("detail", error);
    write_all(STDERR_FILENO, Json::object().set("error", body).dump() + "\n");
  } else {
    write_all(STDERR_FILENO, line_of("error", "\x1b[1;31m", error));
    if (!hint.empty()) write_all(STDERR_FILENO, line_of("hint", "\x1b[1m", hint));
  }
  return status_exit_code(Status::invalid_argument);
}

Result<void> Terminal::require_person() {
  const hal::FileDescriptor terminal = open_terminal();
  if (terminal) return {};
  return no_terminal();
}

Result<bool> Terminal::confirm(std::string_view question) {
  const hal::FileDescriptor terminal = open_terminal();
  if (!terminal) return no_terminal();
  write_all(terminal.get(), without_controls(question) + " [y/N] ");
  std::string answer;
  char key = 0;
  while (::read(terminal.get(), &key, 1) == 1 && key != '\n' && answer.size() < 16) answer += key;
  return answer == "y" || answer == "Y" || answer == "yes";
}

const SignalHold& Terminal::hold_signals() { return hold_ ? *hold_ : hold_.emplace(); }

int Terminal::finish(int exit_code) {
  const int code = write_results(exit_code);
  hold_.reset();
  return code;
}

int Terminal::write_results(int exit_code) {
  // close() reports what a network file system could not store; the descriptor is of no more use.
  const bool is_written = write_all(STDOUT_FILENO, results_) && (results_.empty() || ::close(STDOUT_FILENO) == 0);
  if (is_written) return exit_code;
  const int code = errno;
  Error error = failure(code == ENOSPC ? Status::resource_exhausted : Status::file_invalid, Layer::system,
                        "writing to standard output")
                    .about("standard output did not take the result")
                    .with_hint("check where standard output goes: a full disk, or a reader that ended early");
  error.native = static_cast<std::uint64_t>(code);
  error.native_name = ::strerrorname_np(code);
  const int failed = fail(error);
  return exit_code == 0 ? failed : exit_code;
}

std::string Terminal::line_of(std::string_view kind, std::string_view colour, std::string_view text) const {
  std::string line = std::string(kName) + ": ";
  if (is_coloured_ && !colour.empty()) {
    line += std::string(colour) + std::string(kind) + ":\x1b[0m ";
  } else {
    line += std::string(kind) + ": ";
  }
  return line + without_controls(text) + "\n";
}

std::string without_controls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = sequence_size(text);
    const std::string_view sequence = text.substr(0, std::max<std::size_t>(size, 1));
    if (size == 0 || is_control(sequence)) {
      out += '?';
    } else {
      out += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return out;
}

std::string shell_quoted(std::string_view text) {
  const bool is_plain = !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._/:,@%+=").find(c) != std::string_view::npos;
  });
  if (is_plain) return std::string(text);
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace holdfast::tool
