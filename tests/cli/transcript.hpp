// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

/// Transcripts of the command line in plain text, which are documentation as much as tests.
///
/// A line that begins at the margin is prose, except `needs: NAME …`, which names what the transcript stands on. A
/// line indented by two spaces belongs to the transcript:
///
///       $ holdfast header            a command for sh; `> ` continues it
///       Authorization: …             what it prints on standard output; `…` stands for any characters
///       2| holdfast: note: …         what it prints on standard error
///       …                            any number of lines
///       [exit 2]                     its exit code, if it is not 0
///
/// Blank lines of the output are not compared.
namespace holdfast::test {

struct Step {
  std::string command;
  std::vector<std::string> output;  ///< patterns
  std::vector<std::string> errors;  ///< patterns, without their mark
  int exit_code = 0;
  int line = 0;  ///< where the command stands
};

struct Transcript {
  std::vector<std::string> needs;
  std::vector<Step> steps;
};

[[nodiscard]] Transcript parse_transcript(std::string_view text);

/// Whether `lines` are what `patterns` say.
[[nodiscard]] bool matches(const std::vector<std::string>& patterns, const std::vector<std::string>& lines);

/// The lines of `text` that are not blank.
[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);

}  // namespace holdfast::test
