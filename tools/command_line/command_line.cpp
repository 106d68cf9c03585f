// SPDX-License-Identifier: Apache-2.0
#include "tools/command_line/command_line.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>

namespace holdfast::command_line {
namespace {

bool is_option(std::string_view text) { return text.size() > 1 && text.front() == '-'; }

// `--pin=1234` without its value, which is never repeated.
std::string_view name_part(std::string_view text) { return text.substr(0, text.find('=')); }

std::string_view bare_name(std::string_view text) {
  text = name_part(text);
  const std::size_t start = text.find_first_not_of('-');
  return start == std::string_view::npos ? std::string_view{} : text.substr(start);
}

const Option* find_option(const std::vector<Option>& options, std::string_view text) {
  text = name_part(text);
  if (!text.starts_with("--")) return nullptr;
  const auto found = std::ranges::find(options, text.substr(2), &Option::name);
  return found == options.end() ? nullptr : &*found;
}

// A command's words are of small letters and dashes. What has anything else may be a secret in the wrong place.
bool could_be_command(std::string_view word) {
  constexpr std::size_t kLongest = 20;
  return word.size() <= kLongest &&
         std::ranges::all_of(word, [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
}

bool begins_with_words(std::string_view words, std::string_view prefix) {
  return prefix.empty() ||
         (words.starts_with(prefix) && (words.size() == prefix.size() || words[prefix.size()] == ' '));
}

std::string joined(std::string_view first, std::string_view second) {
  if (first.empty() || second.empty()) return std::string(first.empty() ? second : first);
  return std::string(first) + " " + std::string(second);
}

// The next word of each command that begins with `prefix`, each once.
std::vector<std::string_view> next_words(const Program& program, std::string_view prefix) {
  std::vector<std::string_view> words;
  for (const Command& command : program.commands) {
    if (!begins_with_words(command.words, prefix) || command.words.size() <= prefix.size()) continue;
    std::string_view rest = command.words.substr(prefix.empty() ? 0 : prefix.size() + 1);
    rest = rest.substr(0, rest.find(' '));
    if (std::ranges::find(words, rest) == words.end()) words.push_back(rest);
  }
  return words;
}

std::string listed(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

std::string help_hint(const Program& program, std::string_view words) {
  return "see: " + joined(program.name, words) + " --help";
}

// Reads one command line; every step records the first thing that is wrong and goes on, so that --help and --json
// are honoured wherever they stand.
class Reader {
 public:
  Reader(const Program& program, const std::vector<std::string>& arguments) : program_(program), given_(arguments) {}

  Request read() {
    if (given_.empty() && !takes_no_words()) {
      request_.kind = Request::Kind::no_command;
      request_.text = help_text(program_, nullptr);
      return std::move(request_);
    }
    find_command();
    if (request_.command != nullptr) look_at_options();
    if (is_help_asked_) return text(group_or_command_help());
    if (is_version_asked_) return text(joined(program_.name, program_.version) + "\n");
    if (request_.command == nullptr && request_.error.empty()) say_what_is_missing();
    if (request_.error.empty()) bind();
    request_.kind = request_.error.empty() ? Request::Kind::run : Request::Kind::wrong_use;
    return std::move(request_);
  }

 private:
  [[nodiscard]] bool takes_no_words() const {
    return program_.commands.size() == 1 && program_.commands.front().words.empty();
  }

  Request text(std::string text) {
    request_.kind = Request::Kind::text;
    request_.text = std::move(text);
    return std::move(request_);
  }

  void wrong(std::string error, std::string hint) {
    if (!request_.error.empty()) return;
    request_.error = std::move(error);
    request_.hint = std::move(hint);
  }

  // True if `argument` is an option that every command has.
  bool take_program_option(std::string_view argument) {
    if (argument == "--help" || argument == "-h") {
      is_help_asked_ = true;
    } else if (argument == "--version") {
      is_version_asked_ = true;
    } else if (const Option* option = find_option(program_.options, argument); option != nullptr) {
      if (argument.find('=') != std::string_view::npos) {
        wrong("--" + std::string(option->name) + " takes no value", help_hint(program_, words_));
      }
      if (!request_.arguments.has(option->name)) request_.arguments.add(option->name, "");
    } else {
      return false;
    }
    return true;
  }

  void find_command() {
    if (takes_no_words()) {
      request_.command = &program_.commands.front();
      return;
    }
    for (; next_ < given_.size(); ++next_) {
      const std::string_view argument = given_[next_];
      if (take_program_option(argument)) continue;
      if (is_option(argument)) {
        wrong("unknown option before a command: " + std::string(name_part(argument)),
              "write the command first, then its options: " + std::string(program_.name) + " COMMAND [options]");
        continue;
      }
      // `holdfast help key list` is `holdfast key list --help`.
      if (argument == "help" && words_.empty() && !is_help_asked_) {
        is_help_asked_ = true;
        continue;
      }
      if (!take_word(argument)) return;
      if (request_.command != nullptr) {
        ++next_;
        return;
      }
    }
  }

  bool take_word(std::string_view word) {
    const std::string longer = joined(words_, word);
    bool is_begun = false;
    for (const Command& command : program_.commands) {
      if (command.words == longer) request_.command = &command;
      is_begun = is_begun || begins_with_words(command.words, longer);
    }
    if (is_begun) {
      words_ = longer;
      return true;
    }
    const std::vector<std::string_view> names = next_words(program_, words_);
    const std::string_view meant = nearest(word, names);
    const std::string shown = could_be_command(word) ? " '" + std::string(word) + "'" : "";
    const std::string place = words_.empty() ? "" : " after '" + words_ + "'";
    wrong("unknown command" + shown + place, meant.empty()
                                                 ? "choose one of: " + listed(names)
                                                 : "did you mean: " + joined(program_.name, joined(words_, meant)));
    rest_for_program_options();
    return false;
  }

  void rest_for_program_options() {
    for (++next_; next_ < given_.size() && given_[next_] != "--"; ++next_) take_program_option(given_[next_]);
  }

  void say_what_is_missing() {
    const std::vector<std::string_view> names = next_words(program_, words_);
    wrong(words_.empty() ? "no command was given" : "'" + words_ + "' is not a whole command",
          "choose one of: " + listed(names));
  }

  std::string group_or_command_help() {
    if (request_.command != nullptr || words_.empty()) return help_text(program_, request_.command);
    Program group = program_;
    std::erase_if(group.commands, [this](const Command& c) { return !begins_with_words(c.words, words_); });
    group.examples.clear();
    return help_text(group, nullptr);
  }

  // CLI11 2.1.2 takes whatever follows as an option's value, another option included, and for `--name=` the argument
  // after it; and it files unknown options and surplus arguments alike. So these are told apart here.
  void look_at_options() {
    const Command& command = *request_.command;
    for (; next_ < given_.size(); ++next_) {
      const std::string& argument = given_[next_];
      if (command.takes_rest() && (argument == "--" || !is_option(argument))) {
        const std::size_t first = next_ + (argument == "--" ? 1 : 0);
        foreign_.assign(given_.begin() + static_cast<std::ptrdiff_t>(first), given_.end());
        return;
      }
      if (argument == "--") {
        rest_.insert(rest_.end(), given_.begin() + static_cast<std::ptrdiff_t>(next_), given_.end());
        return;
      }
      if (take_program_option(argument)) continue;
      if (!is_option(argument)) {
        rest_.push_back(argument);
        continue;
      }
      const Option* option = find_option(command.options, argument);
      if (option == nullptr) {
        unknown_option(argument);
        continue;
      }
      rest_.push_back(argument);
      const std::size_t equals = argument.find('=');
      if (option->kind == OptionKind::flag) {
        if (equals != std::string::npos) wrong("--" + std::string(option->name) + " takes no value", hint());
        continue;
      }
      if (equals != std::string::npos) {
        if (equals + 1 == argument.size()) empty_value(*option);
        continue;
      }
      const bool has_next = next_ + 1 < given_.size() && !given_[next_ + 1].starts_with("--");
      if (!has_next) {
        wrong("--" + std::string(option->name) + " needs a value: " + std::string(option->value_name), hint());
        continue;
      }
      rest_.push_back(given_[++next_]);
      if (rest_.back().empty()) empty_value(*option);
    }
  }

  // Never taken for an option that was left out, whose default is another file, key or trust than the one meant.
  void empty_value(const Option& option) {
    wrong("--" + std::string(option.name) + " needs a value: " + std::string(option.value_name) +
              "; it was given the empty text",
          "a variable in its place may be unset; " + hint());
  }

  void unknown_option(std::string_view argument) {
    std::vector<std::string_view> names;
    for (const Option& option : request_.command->options) names.push_back(option.name);
    for (const Option& option : program_.options) names.push_back(option.name);
    names.emplace_back("help");
    const std::string error =
        "unknown option of '" + joined(program_.name, words_) + "': " +
        (argument.starts_with("--") ? std::string(name_part(argument)) : "-" + std::string(argument.substr(1, 1)));
    const std::string_view name = bare_name(argument);
    const std::string as_source = std::string(name) + "-source";
    if (std::ranges::find(names, as_source) != names.end()) {
      wrong(error,
            "a secret is never an argument, which other users can see: name where it comes from with --" + as_source);
      return;
    }
    const std::string_view meant = nearest(name, names);
    wrong(error, meant.empty() ? hint() : "did you mean: --" + std::string(meant));
  }

  void bind() {
    const Command& command = *request_.command;
    CLI::App app;
    app.set_help_flag();
    std::vector<std::vector<std::string>> option_values(command.options.size());
    std::vector<std::string> positional_values;
    std::vector<CLI::Option*> bound;
    for (std::size_t i = 0; i < command.options.size(); ++i) {
      const std::string name = "--" + std::string(command.options[i].name);
      if (command.options[i].kind == OptionKind::flag) {
        bound.push_back(app.add_flag(name)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast));
      } else {
        bound.push_back(app.add_option(name, option_values[i])
                            ->expected(1)
                            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll));
        bound.back()->allow_extra_args(false);
      }
    }
    app.add_option("positionals", positional_values);  // any number: counted below, with an error of our own
    std::vector<std::string> reversed(rest_.rbegin(), rest_.rend());  // what App::parse(vector) takes
    try {
      app.parse(reversed);
    } catch (const CLI::Error&) {  // its texts repeat values, and its exit codes (106, 109) are its own
      wrong("the arguments of '" + joined(program_.name, words_) + "' cannot be read", hint());
      return;
    }
    for (std::size_t i = 0; i < command.options.size(); ++i) {
      take(command.options[i], bound[i]->count(), option_values[i]);
    }
    take_positionals(positional_values);
  }

  void take(const Option& option, std::size_t count, const std::vector<std::string>& values) {
    const std::string name = "--" + std::string(option.name);
    if (count == 0 && option.is_required) {
      wrong("'" + joined(program_.name, words_) + "' needs " + name + " " + std::string(option.value_name), hint());
    } else if (option.kind == OptionKind::flag) {
      if (count > 0) request_.arguments.add(option.name, "");
    } else if (option.kind == OptionKind::value && values.size() > 1) {
      wrong(name + " was given " + std::to_string(values.size()) + " times", "give it once");
    } else {
      for (const std::string& value : values) request_.arguments.add(option.name, value);
    }
  }

  void take_positionals(const std::vector<std::string>& values) {
    const std::vector<Positional>& positionals = request_.command->positionals;
    for (const std::string& word : foreign_) request_.arguments.add(positionals.front().name, word);
    if (!foreign_.empty()) return;
    if (values.size() > positionals.size()) {
      wrong("too many arguments for '" + joined(program_.name, words_) + "'",
            positionals.empty() ? "it takes options only; " + hint() : "quote what holds spaces or ';'; " + hint());
      return;
    }
    for (std::size_t i = 0; i < positionals.size(); ++i) {
      if (i < values.size()) {
        request_.arguments.add(positionals[i].name, values[i]);
      } else if (positionals[i].is_required) {
        wrong("'" + joined(program_.name, words_) + "' needs " + std::string(positionals[i].name) + ": " +
                  std::string(positionals[i].help),
              hint());
      }
    }
  }

  [[nodiscard]] std::string hint() const { return help_hint(program_, words_); }

  const Program& program_;
  const std::vector<std::string>& given_;
  std::size_t next_ = 0;
  std::string words_;
  std::vector<std::string> rest_;
  std::vector<std::string> foreign_;  // CLI11 would take [a,b] in it for two words
  bool is_help_asked_ = false;
  bool is_version_asked_ = false;
  Request request_;
};

void say(const Program& program, std::string_view kind, std::string_view text) {
  const std::string line = std::string(program.name) + ": " + std::string(kind) + ": " + std::string(text) + "\n";
  std::fputs(line.c_str(), stderr);
}

}  // namespace

bool Arguments::has(std::string_view name) const noexcept { return values_.find(name) != values_.end(); }

std::string_view Arguments::value(std::string_view name) const noexcept { return given(name).value_or(""); }

std::optional<std::string_view> Arguments::given(std::string_view name) const noexcept {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second.front();
}

std::vector<std::string_view> Arguments::values(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

void Arguments::add(std::string_view name, std::string_view value) { values_[std::string(name)].emplace_back(value); }

Request parse(const Program& program, const std::vector<std::string>& arguments) {
  return Reader(program, arguments).read();
}

int run(const Program& program, int argc, const char* const* argv) {
  constexpr int kFailed = 1;
  constexpr int kWrongUse = 2;
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const Request request = parse(program, arguments);
  switch (request.kind) {
    case Request::Kind::text:
      std::fputs(request.text.c_str(), stdout);
      return std::fflush(stdout) == 0 ? 0 : kFailed;
    case Request::Kind::no_command:
      std::fputs(request.text.c_str(), stderr);
      return kWrongUse;
    case Request::Kind::wrong_use:
      say(program, "error", request.error);
      say(program, "hint", request.hint);
      return kWrongUse;
    case Request::Kind::run:
      break;
  }
  try {
    return request.command->run(request.arguments);
  } catch (const std::exception& exception) {
    say(program, "error", exception.what());
    return kFailed;
  }
}

}  // namespace holdfast::command_line
