// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/transcript.hpp"

#include <algorithm>

namespace holdfast::test {
namespace {

constexpr std::string_view kAnything = "\u2026";
constexpr std::string_view kIndent = "  ";
constexpr std::string_view kNeeds = "needs:";

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

bool line_matches(std::string_view pattern, std::string_view line) {
  const std::size_t wild = pattern.find(kAnything);
  if (wild == std::string_view::npos) return pattern == line;
  if (!line.starts_with(pattern.substr(0, wild))) return false;
  line.remove_prefix(wild);
  pattern.remove_prefix(wild + kAnything.size());
  for (std::size_t skip = 0; skip <= line.size(); ++skip) {
    if (line_matches(pattern, line.substr(skip))) return true;
  }
  return false;
}

bool lines_match(const std::vector<std::string>& patterns, std::size_t p, const std::vector<std::string>& lines,
                 std::size_t l) {
  if (p == patterns.size()) return l == lines.size();
  if (patterns[p] == kAnything) {
    for (std::size_t skipped = l; skipped <= lines.size(); ++skipped) {
      if (lines_match(patterns, p + 1, lines, skipped)) return true;
    }
    return false;
  }
  return l < lines.size() && line_matches(patterns[p], lines[l]) && lines_match(patterns, p + 1, lines, l + 1);
}

void take_needs(std::string_view names, std::vector<std::string>& needs) {
  while (!is_blank(names)) {
    names.remove_prefix(names.find_first_not_of(' '));
    const std::string_view name = names.substr(0, names.find(' '));
    needs.emplace_back(name);
    names.remove_prefix(name.size());
  }
}

void take_line(std::string_view line, int number, std::vector<Step>& steps) {
  if (line.starts_with("$ ")) {
    steps.push_back(
        {.command = std::string(line.substr(2)), .output = {}, .errors = {}, .exit_code = 0, .line = number});
    return;
  }
  if (steps.empty()) return;
  Step& step = steps.back();
  if (line.starts_with("> ")) {
    step.command += "\n" + std::string(line.substr(2));
  } else if (line.starts_with("2| ")) {
    step.errors.emplace_back(line.substr(3));
  } else if (line.starts_with("[exit ") && line.ends_with("]")) {
    step.exit_code = std::stoi(std::string(line.substr(6)));
  } else {
    step.output.emplace_back(line);
  }
}

}  // namespace

Transcript parse_transcript(std::string_view text) {
  Transcript transcript;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.starts_with(kNeeds)) {
      take_needs(line.substr(kNeeds.size()), transcript.needs);
    } else if (line.starts_with(kIndent) && !is_blank(line)) {
      take_line(line.substr(kIndent.size()), number, transcript.steps);
    }
  }
  return transcript;
}

bool matches(const std::vector<std::string>& patterns, const std::vector<std::string>& lines) {
  return lines_match(patterns, 0, lines, 0);
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!is_blank(line)) lines.emplace_back(line);
  }
  return lines;
}

}  // namespace holdfast::test
