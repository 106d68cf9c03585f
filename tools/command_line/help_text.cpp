// SPDX-License-Identifier: Apache-2.0
#include "tools/command_line/command_line.hpp"

#include <algorithm>

namespace holdfast::command_line {
namespace {

constexpr std::size_t kWidth = 100;

// `name` in a column of `column` characters, then `text` wrapped beside it.
std::string row(std::string_view name, std::string_view text, std::size_t column) {
  std::string out = "  " + std::string(name);
  std::size_t used = out.size();
  const std::string indent(column + 2, ' ');
  if (used + 2 > indent.size()) {
    out += "\n" + indent;
  } else {
    out.append(indent.size() - used, ' ');
  }
  used = indent.size();
  bool is_first = true;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!is_first && used + 1 + word.size() > kWidth) {
      out += "\n" + indent;
      used = indent.size();
      is_first = true;
    }
    out += (is_first ? "" : " ") + std::string(word);
    used += word.size() + (is_first ? 0 : 1);
    is_first = false;
  }
  return out + "\n";
}

std::string option_label(const Option& option) {
  std::string label = "--" + std::string(option.name);
  if (option.kind != OptionKind::flag) label += " " + std::string(option.value_name);
  return label;
}

std::string usage(const Program& program, const Command& command) {
  std::string line = std::string(program.name);
  if (!command.words.empty()) line += " " + std::string(command.words);
  std::string rest;
  for (const Positional& positional : command.positionals) {
    if (positional.takes_rest) {
      rest = " -- " + std::string(positional.name) + "...";
      continue;
    }
    line += positional.is_required ? " " + std::string(positional.name) : " [" + std::string(positional.name) + "]";
  }
  bool has_more = false;
  for (const Option& option : command.options) {
    if (option.is_required) line += " " + option_label(option);
    has_more = has_more || !option.is_required;
  }
  return line + (has_more || !program.options.empty() ? " [options]" : "") + rest;
}

std::string options_section(std::string_view title, const std::vector<Option>& options, bool with_help) {
  std::vector<Option> shown = options;
  if (with_help) {
    shown.push_back({.name = "help", .value_name = "", .help = "print this help", .kind = OptionKind::flag});
    shown.push_back({.name = "version", .value_name = "", .help = "print the version", .kind = OptionKind::flag});
  }
  if (shown.empty()) return {};
  constexpr std::size_t kColumn = 32;
  std::string out = "\n" + std::string(title) + ":\n";
  for (const Option& option : shown) {
    std::string help(option.help);
    if (option.is_required) help += " (required)";
    if (option.kind == OptionKind::repeated) help += " (may be repeated)";
    out += row(option_label(option), help, kColumn);
  }
  return out;
}

std::string examples_section(const std::vector<Example>& examples) {
  if (examples.empty()) return {};
  std::string out = "\nExamples:\n";
  for (const Example& example : examples) {
    out += "  " + std::string(example.purpose) + ":\n    " + std::string(example.command_line) + "\n";
  }
  return out;
}

std::string commands_section(const Program& program) {
  std::size_t column = 0;
  for (const Command& command : program.commands) column = std::max(column, command.words.size() + 2);
  std::string out = "\nCommands:\n";
  for (const Command& command : program.commands) out += row(command.words, command.summary, column);
  return out;
}

}  // namespace

std::string help_text(const Program& program, const Command* command) {
  const bool is_single = program.commands.size() == 1 && program.commands.front().words.empty();
  if (command == nullptr && is_single) command = &program.commands.front();
  std::string out = std::string(program.name);
  if (command == nullptr) {
    out += ": " + std::string(program.summary) + "\n\nUsage: " + std::string(program.name) + " COMMAND [options]\n";
    if (!program.description.empty()) out += "\n" + std::string(program.description) + "\n";
    out += commands_section(program) + options_section("Options of every command", program.options, true) +
           examples_section(program.examples);
  } else {
    const std::string_view summary = command->summary.empty() ? program.summary : command->summary;
    if (!command->words.empty()) out += " " + std::string(command->words);
    out += ": " + std::string(summary) + "\n\nUsage: " + usage(program, *command) + "\n";
    if (!command->description.empty()) out += "\n" + std::string(command->description) + "\n";
    if (!command->positionals.empty()) {
      constexpr std::size_t kColumn = 32;
      out += "\nArguments:\n";
      for (const Positional& positional : command->positionals) out += row(positional.name, positional.help, kColumn);
    }
    out += options_section("Options", command->options, false) +
           options_section(is_single ? "Other options" : "Options of every command", program.options, true) +
           examples_section(command->examples);
  }
  if (!program.exit_codes.empty()) out += "\nExit codes:\n" + std::string(program.exit_codes) + "\n";
  return out;
}

}  // namespace holdfast::command_line
