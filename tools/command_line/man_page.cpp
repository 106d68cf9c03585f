// SPDX-License-Identifier: Apache-2.0
#include "tools/command_line/man_page.hpp"

#include <algorithm>

namespace holdfast::command_line {
namespace {

// Text for roff. `is_typed`: what a person copies must keep the characters of ASCII, which roff would set as dashes,
// quotation marks and accents.
std::string escaped(std::string_view text, bool is_typed) {
  std::string out;
  bool is_line_start = true;
  for (const char c : text) {
    if (is_line_start && (c == '.' || c == '\'')) out += "\\&";
    is_line_start = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '\'' && is_typed) {
      out += "\\(aq";
    } else if (c == '-' && is_typed) {
      out += "\\-";
    } else if (c == '`' && is_typed) {
      out += "\\(ga";
    } else if (c == '^' && is_typed) {
      out += "\\(ha";
    } else if (c == '~' && is_typed) {
      out += "\\(ti";
    } else {
      out += c;
    }
  }
  return out;
}

std::string prose(std::string_view text) { return escaped(text, false); }
std::string typed(std::string_view text) { return escaped(text, true); }
std::string bold(std::string_view text) { return "\\fB" + typed(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + typed(text) + "\\fR"; }

std::string joined_by_dashes(std::string_view program, std::string_view words) {
  std::string name(program);
  if (!words.empty()) name += "-" + std::string(words);
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string section(std::string_view title) { return ".SH " + std::string(title) + "\n"; }

std::string heading(const Program& program, std::string_view name, std::string_view summary) {
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(), [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
  return ".TH " + typed(upper) + " 1 \"\" \"Holdfast " + typed(program.version) + "\" \"Holdfast\"\n" +
         section("NAME") + typed(name) + " \\- " + prose(summary) + "\n";
}

std::string option_term(const Option& option) {
  std::string term = bold("--" + std::string(option.name));
  if (option.kind != OptionKind::flag) term += " " + italic(option.value_name);
  return term;
}

std::string synopsis(const Program& program, const Command& command) {
  std::string line = bold(std::string(program.name));
  if (!command.words.empty()) line += " " + bold(command.words);
  std::string rest;
  for (const Positional& positional : command.positionals) {
    const std::string name = italic(positional.name);
    if (positional.takes_rest) {
      rest = " " + bold("--") + " " + name + "...";
      continue;
    }
    line += positional.is_required ? " " + name : " [" + name + "]";
  }
  for (const Option& option : command.options) {
    const std::string term = option_term(option);
    line += option.is_required ? " " + term : " [" + term + "]";
    if (option.kind == OptionKind::repeated) line += "...";
  }
  return section("SYNOPSIS") + line + rest + "\n";
}

std::string described(std::string_view description) {
  if (description.empty()) return {};
  std::string out = section("DESCRIPTION");
  while (!description.empty()) {
    const std::size_t end = description.find("\n\n");
    out += prose(description.substr(0, end)) + "\n";
    if (end == std::string_view::npos) break;
    out += ".PP\n";
    description.remove_prefix(end + 2);
  }
  return out;
}

std::string options(std::string_view title, const std::vector<Option>& options, bool with_help) {
  std::vector<Option> shown = options;
  if (with_help) {
    shown.push_back({.name = "help", .value_name = "", .help = "print a help text", .kind = OptionKind::flag});
    shown.push_back({.name = "version", .value_name = "", .help = "print the version", .kind = OptionKind::flag});
  }
  if (shown.empty()) return {};
  std::string out = section(title);
  for (const Option& option : shown) {
    out += ".TP\n" + option_term(option) + "\n" + prose(option.help);
    if (option.is_required) out += " (required)";
    if (option.kind == OptionKind::repeated) out += " (may be repeated)";
    out += "\n";
  }
  return out;
}

std::string examples(const std::vector<Example>& examples) {
  if (examples.empty()) return {};
  std::string out = section("EXAMPLES");
  for (const Example& example : examples) {
    out += prose(example.purpose) + ":\n.PP\n.in +4n\n.nf\n" + typed(example.command_line) + "\n.fi\n.in\n.PP\n";
  }
  out.erase(out.size() - 4);  // no paragraph follows the last
  return out;
}

// The lines of exit codes are a table made with spaces: "  3  a person is needed".
std::string exit_status(const Program& program) {
  std::string_view rest = program.exit_codes;
  if (rest.empty()) return {};
  std::string out = section("EXIT STATUS");
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const std::size_t gap = line.find("  ");
    if (gap == std::string_view::npos) {
      out += prose(line) + "\n";
    } else {
      out += ".TP\n.B " + typed(line.substr(0, gap)) + "\n" + prose(line.substr(gap + 2)) + "\n";
    }
  }
  return out;
}

// All of them for the whole program (null), else those that matter to `command`.
std::string surroundings(std::string_view title, const std::vector<Surrounding>& all, const Command* command) {
  std::string out;
  for (const Surrounding& one : all) {
    const bool matters =
        command == nullptr || one.with_option.empty() ||
        std::ranges::find(command->options, one.with_option, &Option::name) != command->options.end();
    if (matters) out += ".TP\n" + bold(one.name) + "\n" + prose(one.help) + "\n";
  }
  return out.empty() ? out : section(title) + out;
}

std::string surroundings(const Program& program, const Command* command) {
  return surroundings("ENVIRONMENT", program.environment, command) + surroundings("FILES", program.files, command);
}

std::string reference(std::string_view name) { return ".BR " + typed(name) + " (1)"; }

std::string see_also(const std::vector<std::string>& names) {
  if (names.empty()) return {};
  std::string out = section("SEE ALSO");
  for (const std::string& name : names) out += reference(name) + (&name == &names.back() ? "\n" : ",\n");
  return out;
}

ManPage page_of(const Program& program, const Command& command) {
  ManPage page;
  page.name = joined_by_dashes(program.name, command.words);
  const std::string_view summary = command.summary.empty() ? program.summary : command.summary;
  const std::string_view description = command.words.empty() ? program.description : command.description;
  page.text = heading(program, page.name, summary) + synopsis(program, command) + described(description) +
              (command.positionals.empty() ? "" : section("ARGUMENTS"));
  for (const Positional& positional : command.positionals) {
    page.text += ".TP\n" + italic(positional.name) + "\n" + prose(positional.help) + "\n";
  }
  std::vector<Option> all = command.options;
  all.insert(all.end(), program.options.begin(), program.options.end());
  page.text += options("OPTIONS", all, true) + examples(command.examples) + exit_status(program) +
               surroundings(program, &command);
  if (!command.words.empty()) page.text += see_also({std::string(program.name)});
  return page;
}

ManPage overview(const Program& program) {
  ManPage page;
  page.name = program.name;
  page.text = heading(program, page.name, program.summary) + section("SYNOPSIS") + bold(program.name) + " " +
              italic("COMMAND") + " [" + italic("options") + "]\n" + described(program.description) +
              section("COMMANDS");
  std::vector<std::string> names;
  for (const Command& command : program.commands) {
    page.text += ".TP\n" + bold(command.words) + "\n" + prose(command.summary) + "\n";
    names.push_back(joined_by_dashes(program.name, command.words));
  }
  std::ranges::sort(names);
  page.text += options("OPTIONS OF EVERY COMMAND", program.options, true) + examples(program.examples) +
               exit_status(program) + surroundings(program, nullptr) + see_also(names);
  return page;
}

}  // namespace

std::vector<ManPage> man_pages(const Program& program) {
  std::vector<ManPage> pages;
  const bool is_single = program.commands.size() == 1 && program.commands.front().words.empty();
  if (!is_single) pages.push_back(overview(program));
  for (const Command& command : program.commands) pages.push_back(page_of(program, command));
  return pages;
}

}  // namespace holdfast::command_line
