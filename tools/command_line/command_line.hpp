// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// A program's commands as one table of values: what it parses, its help, and later its man pages and completions
/// all come from that table. The parser below is CLI11, which no other folder includes.
///
/// There is no kind of option for a secret: secrets come by descriptor or file, named by a `--…-source` option.
/// May throw `std::bad_alloc`.
namespace holdfast::command_line {

enum class OptionKind : std::uint8_t {
  flag,      ///< `--json`
  value,     ///< `--label NAME`, at most once
  repeated,  ///< `--header NAME`, any number of times
};

struct Option {
  std::string_view name;        ///< without the two dashes: "pin-source"
  std::string_view value_name;  ///< "SOURCE"; empty for a flag
  std::string_view help;        ///< one phrase, lower case, no full stop
  OptionKind kind = OptionKind::value;
  bool is_required = false;
};

struct Positional {
  std::string_view name;  ///< "URI"
  std::string_view help;
  bool is_required = true;
  /// It and all that follows is another program's command line, taken word for word (`Arguments::values`): it begins
  /// after `--`, or at the first word that is no option. Then there is no other positional.
  bool takes_rest = false;
};

struct Example {
  std::string_view purpose;       ///< "Make an Ed25519 key on the token named agents"
  std::string_view command_line;  ///< the whole line, ready to paste
};

/// A variable of the environment, or a file, that a program looks at without being told.
struct Surrounding {
  std::string_view name;  ///< "XDG_CONFIG_HOME", "/etc/holdfast/identity.json"
  std::string_view help;  ///< one phrase, lower case, no full stop
  /// It matters to the commands that have this option; empty: to every command.
  std::string_view with_option = {};
};

/// What was given on the command line, checked against the table.
class Arguments {
 public:
  /// Whether the option or positional was given.
  [[nodiscard]] bool has(std::string_view name) const noexcept;
  /// The one value; empty if it was not given.
  [[nodiscard]] std::string_view value(std::string_view name) const noexcept;
  /// The value if the option was given. Of an option, it is never the empty text.
  [[nodiscard]] std::optional<std::string_view> given(std::string_view name) const noexcept;
  /// Every value of a repeated option, or word of a positional that takes the rest, in order.
  [[nodiscard]] std::vector<std::string_view> values(std::string_view name) const;

  void add(std::string_view name, std::string_view value);

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

struct Command {
  std::string_view words;        ///< "key generate"; empty for the one command of a program without nouns
  std::string_view summary;      ///< one phrase: "makes a signing key inside a token"
  std::string_view description;  ///< paragraphs, already wrapped; may be empty
  std::vector<Positional> positionals;
  std::vector<Option> options;
  std::vector<Example> examples;
  /// Does the work; its value is the exit code.
  std::function<int(const Arguments&)> run;

  [[nodiscard]] bool takes_rest() const { return !positionals.empty() && positionals.front().takes_rest; }
};

struct Program {
  std::string_view name;
  std::string_view version;
  std::string_view summary;
  std::string_view description;
  std::vector<Option> options;  ///< of every command, before or after its words; flags only
  std::vector<Command> commands;
  std::vector<Example> examples;
  std::vector<Surrounding> environment;
  std::vector<Surrounding> files;
  std::string_view exit_codes;  ///< lines for the foot of every help; may be empty
};

/// What a command line asks for.
struct Request {
  enum class Kind : std::uint8_t {
    run,        ///< `command` with `arguments`
    text,       ///< print `text` on standard output and end with 0: --help or --version
    wrong_use,  ///< say `error` and `hint`, end with 2
    no_command  ///< nothing was asked: print `text` on standard error, end with 2
  };
  Kind kind = Kind::wrong_use;
  const Command* command = nullptr;  ///< points into the program's table
  Arguments arguments;               ///< with the program's own options, also when the use is wrong
  std::string text;
  std::string error;
  std::string hint;
};

/// Reads `arguments` (without the program's name) by `program`'s table.
///
/// Nothing given as a value is repeated in an error, as it may be a secret by mistake; a word in the place of a
/// command is, if it is of small letters and dashes like one. `--` ends the options.
[[nodiscard]] Request parse(const Program& program, const std::vector<std::string>& arguments);

/// The help of one command, or of the whole program for null.
[[nodiscard]] std::string help_text(const Program& program, const Command* command);

/// For a program without messages of its own: parses, says what must be said as `<name>: error: …` and
/// `<name>: hint: …`, and runs. Returns the exit code: 2 for wrong use, else the command's.
[[nodiscard]] int run(const Program& program, int argc, const char* const* argv);

/// The name in `names` that `text` was probably meant to be; empty if none is near.
[[nodiscard]] std::string_view nearest(std::string_view text, const std::vector<std::string_view>& names);

}  // namespace holdfast::command_line
