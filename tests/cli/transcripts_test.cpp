// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/transcript.hpp"
#include "tests/cli/transcript_stage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace holdfast::test {
namespace {

constexpr std::string_view kFence = "```console";

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The transcripts, and the pages of the docs that have one in them.
std::vector<std::string> transcript_files() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(HOLDFAST_TRANSCRIPTS)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path().string());
  }
  for (const auto& entry : std::filesystem::directory_iterator(HOLDFAST_DOCS)) {
    const std::string path = entry.path().string();
    if (path.ends_with(".md") && text_of(path).find(kFence) != std::string::npos) files.push_back(path);
  }
  std::ranges::sort(files);
  return files;
}

// Of a page the blocks fenced as `console` are the transcript, and `<!-- needs: NAME -->` says what it stands on.
std::string transcript_text(const std::string& path) {
  constexpr std::string_view kNeeds = "<!-- needs:";
  if (!path.ends_with(".md")) return text_of(path);
  std::istringstream page(text_of(path));
  std::string text;
  bool is_inside = false;
  for (std::string line; std::getline(page, line);) {
    const bool is_fence = line.starts_with("```");
    if (is_inside && !is_fence) {
      text += "  " + line;
    } else if (line.starts_with(kNeeds)) {
      text += "needs:" + line.substr(kNeeds.size(), line.rfind("-->") - kNeeds.size());
    }
    if (is_fence) is_inside = line == kFence;
    text += "\n";
  }
  return text;
}

std::string block(std::string_view mark, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "    " + std::string(mark) + line + "\n";
  return text;
}

class Transcripts : public ::testing::TestWithParam<std::string> {};

TEST_P(Transcripts, Holds) {
  const Transcript transcript = parse_transcript(transcript_text(GetParam()));
  ASSERT_FALSE(transcript.steps.empty());
  Stage stage;
  const std::string missing = stage.set_up(transcript.needs);
  if (!missing.empty()) {
    // What a build cannot have, nobody can install.
    if (is_required(missing) && missing != "unsanitized")
      FAIL() << missing << " is missing, and HOLDFAST_REQUIRE lists it";
    GTEST_SKIP() << missing << " is missing";
  }
  for (const Step& step : transcript.steps) {
    const Outcome outcome = stage.run(step.command);
    const std::vector<std::string> output = lines_of(outcome.output);
    const std::vector<std::string> errors = lines_of(outcome.errors);
    const bool holds =
        outcome.exit_code == step.exit_code && matches(step.output, output) && matches(step.errors, errors);
    EXPECT_TRUE(holds) << GetParam() << ":" << step.line << ": $ " << step.command << "\n  expected:\n"
                       << block("", step.output) << block("2| ", step.errors) << "    [exit " << step.exit_code
                       << "]\n  got:\n"
                       << block("", output) << block("2| ", errors) << "    [exit " << outcome.exit_code << "]";
  }
}

std::string name_of(const ::testing::TestParamInfo<std::string>& file) {
  std::string name = std::filesystem::path(file.param).stem().string();
  std::ranges::replace_if(
      name, [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Cli, Transcripts, ::testing::ValuesIn(transcript_files()), name_of);

}  // namespace
}  // namespace holdfast::test
