// SPDX-License-Identifier: Apache-2.0
#include "tools/command_line/completion.hpp"

#include <algorithm>
#include <vector>

namespace holdfast::command_line {
namespace {

constexpr std::string_view kSources = "file: fd: credential: env: prompt";

// Folders get a slash and no blank, and names are quoted as they need it.
constexpr const char* kBashFiles = "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$word\")";

// bash ends a word at ':' and '=' as well, so that `--pin-source=file:/PATH` is five of them: before is the option,
// kind what stands before the colon, and word what is to be completed.
constexpr const char* kBashWords = R"(  local word=${COMP_WORDS[COMP_CWORD]} at=$COMP_CWORD before kind='' words='' i
  COMPREPLY=()
  if [[ $word == [:=] ]]; then word=''; else at=$((at - 1)); fi
  if [[ ${COMP_WORDS[at]} == : ]]; then kind=${COMP_WORDS[at-1]}; at=$((at - 2)); fi
  if [[ ${COMP_WORDS[at]} == = ]]; then at=$((at - 1)); fi
  before=${COMP_WORDS[at]}
  case $before in
)";

// A word of a shell: within single quotes, each of its own left and entered again.
std::string quoted(std::string_view text) {
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

// As `quoted`, for fish, where a backslash within single quotes escapes.
std::string quoted_for_fish(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string function_name(const Program& program) {
  std::string name = "_" + std::string(program.name);
  std::ranges::replace(name, '-', '_');
  return name;
}

enum class Kind : std::uint8_t { nothing, file, source };

Kind kind_of(std::string_view value_name) {
  if (value_name == "PATH" || value_name == "FILE" || value_name == "FOLDER") return Kind::file;
  return value_name == "SOURCE" ? Kind::source : Kind::nothing;
}

std::vector<Option> options_of(const Program& program, const Command& command) {
  std::vector<Option> all = command.options;
  all.insert(all.end(), program.options.begin(), program.options.end());
  all.push_back({.name = "help", .value_name = "", .help = "print a help text", .kind = OptionKind::flag});
  return all;
}

std::string joined_names(const std::vector<Option>& options) {
  std::string names;
  for (const Option& option : options) names += (names.empty() ? "--" : " --") + std::string(option.name);
  return names;
}

// What may stand where: after "" the nouns, after a noun its verbs, each once and in the table's order.
struct Step {
  std::string_view prefix;
  std::vector<std::string_view> words;
};

std::vector<Step> steps_of(const Program& program) {
  std::vector<Step> steps;
  const auto add = [&steps](std::string_view prefix, std::string_view word) {
    auto step = std::ranges::find(steps, prefix, &Step::prefix);
    if (step == steps.end()) step = steps.insert(step, Step{.prefix = prefix, .words = {}});
    if (std::ranges::find(step->words, word) == step->words.end()) step->words.push_back(word);
  };
  for (const Command& command : program.commands) {
    const std::size_t space = command.words.find(' ');
    add("", command.words.substr(0, space));
    if (space != std::string_view::npos) add(command.words.substr(0, space), command.words.substr(space + 1));
  }
  return steps;
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) text += (text.empty() ? "" : " ") + std::string(word);
  return text;
}

bool is_single(const Program& program) {
  return program.commands.size() == 1 && program.commands.front().words.empty();
}

std::string summary_of(const Program& program, std::string_view words) {
  const auto command = std::ranges::find(program.commands, words, &Command::words);
  return std::string(command == program.commands.end() ? std::string_view() : command->summary);
}

}  // namespace

std::string bash_completion(const Program& program) {
  const std::string name = function_name(program);
  std::string out = "# bash completion for " + std::string(program.name) + "\n" + name + "() {\n" + kBashWords;
  std::string files;
  std::string sources;
  std::string others;
  for (const Command& command : program.commands) {
    for (const Option& option : command.options) {
      if (option.kind == OptionKind::flag) continue;
      std::string& list = kind_of(option.value_name) == Kind::file     ? files
                          : kind_of(option.value_name) == Kind::source ? sources
                                                                       : others;
      const std::string pattern = "--" + std::string(option.name);
      if (("|" + list + "|").find("|" + pattern + "|") == std::string::npos) {
        list += (list.empty() ? "" : "|") + pattern;
      }
    }
  }
  if (!files.empty()) out += "    " + files + ") " + kBashFiles + "; return ;;\n";
  if (!sources.empty()) {
    out += "    " + sources + ")\n      if [[ $kind == file ]]; then\n        " + kBashFiles +
           "\n      elif [[ -z $kind ]]; then\n        COMPREPLY=($(compgen -W '" + std::string(kSources) +
           "' -- \"$word\"))\n"
           "        if [[ ${COMPREPLY[0]-} == *: ]]; then compopt -o nospace; fi\n"
           "      fi\n      return ;;\n";
  }
  if (!others.empty()) out += "    " + others + ") return ;;\n";
  out +=
      "  esac\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case ${COMP_WORDS[i]} in\n"
      "      -*|*:*|*/*) ;;\n"
      "      *) words=\"$words${words:+ }${COMP_WORDS[i]}\" ;;\n"
      "    esac\n"
      "  done\n"
      "  case $words in\n";
  for (const Command& command : program.commands) {
    const std::string names = quoted(joined_names(options_of(program, command)));
    if (command.takes_rest()) {  // then that program's own completion is asked, or what is like it
      out += "    " + quoted(command.words) + ") COMPREPLY=($(compgen -W " + names +
             " -- \"$word\"; [[ $word == -* ]] || compgen -c -- \"$word\")) ;;\n";
      out += "    " + quoted(std::string(command.words) + " ") + "*) " + kBashFiles + " ;;\n";
      continue;
    }
    const std::string pattern =
        is_single(program) ? "*" : quoted(command.words) + "|" + quoted(std::string(command.words) + " ") + "*";
    out.append("    ").append(pattern).append(") COMPREPLY=($(compgen -W ").append(names);
    out += " -- \"$word\")) ;;\n";
  }
  if (!is_single(program)) {
    for (const Step& step : steps_of(program)) {
      out += "    " + quoted(step.prefix) + ") COMPREPLY=($(compgen -W " + quoted(joined(step.words)) +
             " -- \"$word\")) ;;\n";
    }
  }
  return out + "  esac\n}\ncomplete -F " + name + " " + std::string(program.name) + "\n";
}

namespace {

std::string zsh_sources_name(const Program& program) { return function_name(program) + "_sources"; }

// What names a kind of source goes on behind its colon; behind that of a file there is a path.
std::string zsh_sources(const Program& program) {
  const auto is_source = [](const Option& option) { return kind_of(option.value_name) == Kind::source; };
  const bool is_needed = std::ranges::any_of(
      program.commands, [&](const Command& command) { return std::ranges::any_of(command.options, is_source); });
  if (!is_needed) return {};
  std::string names(kSources);
  const std::size_t whole = names.rfind(' ');
  return zsh_sources_name(program) +
         "() {\n  if compset -P 'file:'; then\n    _files\n  else\n    compadd -S '' -- " + names.substr(0, whole) +
         "\n    compadd -- " + names.substr(whole + 1) + "\n  fi\n}\n";
}

// One option for zsh's _arguments: '--name[help]:VALUE:action'.
std::string zsh_option(const Option& option, const std::string& sources_function) {
  std::string help;
  for (const char c : option.help) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') help += '\\';
    help += c;
  }
  std::string text =
      (option.kind == OptionKind::repeated ? "*--" : "--") + std::string(option.name) + "[" + help + "]";
  if (option.kind == OptionKind::flag) return quoted(text);
  text += ":" + std::string(option.value_name) + ":";
  if (kind_of(option.value_name) == Kind::file) text += "_files";
  if (kind_of(option.value_name) == Kind::source) text += sources_function;
  return quoted(text);
}

std::string zsh_arguments(const Program& program, const Command& command) {
  std::string out = command.takes_rest() ? "_arguments -S" : "_arguments";
  for (const Option& option : options_of(program, command)) {
    out += " \\\n        " + zsh_option(option, zsh_sources_name(program));
  }
  for (const Positional& positional : command.positionals) {
    const std::string name(positional.name);
    if (positional.takes_rest) {
      out += " \\\n        " + quoted("(-)1:" + name + ":_command_names -e");
      out += " \\\n        " + quoted("*::" + name + ":_normal");
    } else {
      out += " \\\n        " + quoted(":" + name + ":");
    }
  }
  return out;
}

}  // namespace

std::string zsh_completion(const Program& program) {
  const std::string name = function_name(program);
  std::string out = "#compdef " + std::string(program.name) + "\n" + zsh_sources(program) + name + "() {\n";
  if (is_single(program)) {
    return out + "  " + zsh_arguments(program, program.commands.front()) + "\n}\n" + name + " \"$@\"\n";
  }
  out +=
      "  local noun=${words[2]} verb=${words[3]}\n"
      "  if (( CURRENT == 2 )); then\n"
      "    compadd -- " +
      joined(steps_of(program).front().words) +
      "\n    return\n  fi\n"
      "  case $noun in\n";
  for (const Step& step : steps_of(program)) {
    if (step.prefix.empty()) continue;
    out += "    " + std::string(step.prefix) + ") if (( CURRENT == 3 )); then compadd -- " + joined(step.words) +
           "; return; fi ;;\n";
  }
  out += "    *) verb='' ;;\n  esac\n  case \"$noun${verb:+ }$verb\" in\n";
  for (const Command& command : program.commands) {
    const bool has_verb = command.words.find(' ') != std::string_view::npos;
    // _arguments counts from the command's own words.
    out += "    " + quoted(command.words) + ")\n      shift " + (has_verb ? "2" : "1") +
           " words; (( CURRENT -= " + (has_verb ? "2" : "1") + " ))\n      " + zsh_arguments(program, command) +
           " ;;\n";
  }
  return out + "  esac\n}\n" + name + " \"$@\"\n";
}

namespace {

// What fish offers after words that are not the foreign command's: the program's name and the command's own, and the
// values of its options.
std::string fish_subcommand(const Command& command) {
  const auto words = 2 + std::ranges::count(command.words, ' ');
  std::string call = "(__fish_complete_subcommand --fcs-skip=" + std::to_string(words);
  for (const Option& option : command.options) {
    if (option.kind != OptionKind::flag) call += " --" + std::string(option.name);
  }
  return quoted_for_fish(call + ")");
}

}  // namespace

std::string fish_completion(const Program& program) {
  const std::string begin = "complete -c " + std::string(program.name);
  std::string out = "# fish completion for " + std::string(program.name) + "\n" + begin + " -f\n";
  const auto option_line = [&](const std::string& condition, const Option& option) {
    std::string line = begin + condition + " -l " + std::string(option.name) + " -d " + quoted_for_fish(option.help);
    if (option.kind == OptionKind::flag) return line + "\n";
    switch (kind_of(option.value_name)) {
      case Kind::file:
        return line + " -r -F\n";
      case Kind::source:
        return line + " -x -a " + quoted_for_fish(kSources) + "\n";
      case Kind::nothing:
        break;
    }
    return line + " -x\n";
  };
  for (const Step& step : steps_of(program)) {
    if (is_single(program)) break;
    std::string condition = " -n ";
    if (step.prefix.empty()) {
      condition += "__fish_use_subcommand";
    } else {
      condition += quoted_for_fish("__fish_seen_subcommand_from " + std::string(step.prefix) +
                                   "; and not __fish_seen_subcommand_from " + joined(step.words));
    }
    for (const std::string_view word : step.words) {
      const std::string words =
          step.prefix.empty() ? std::string(word) : std::string(step.prefix) + " " + std::string(word);
      out += begin + condition + " -a " + std::string(word) + " -d " + quoted_for_fish(summary_of(program, words)) +
             "\n";
    }
  }
  for (const Command& command : program.commands) {
    std::string condition;
    if (!command.words.empty()) {
      const std::size_t space = command.words.find(' ');
      std::string test = "__fish_seen_subcommand_from " + std::string(command.words.substr(0, space));
      if (space != std::string_view::npos) {
        test += "; and __fish_seen_subcommand_from " + std::string(command.words.substr(space + 1));
      }
      condition = " -n " + quoted_for_fish(test);
    }
    for (const Option& option : options_of(program, command)) out += option_line(condition, option);
    if (command.takes_rest()) out += begin + condition + " -a " + fish_subcommand(command) + "\n";
  }
  return out;
}

}  // namespace holdfast::command_line
