// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/traced_run.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::test {

/// What a run of the built `holdfast` said and how it ended.
struct ToolRun {
  int exit_code = -1;  ///< -1 if a signal ended it
  std::string output;  ///< both streams; with `--json` one object each
};

enum class ToolSpeech : std::uint8_t { json, words };

/// The built `holdfast`, run with `--json`, or as people run it. What it writes goes to the file `output`, which each
/// run begins anew.
class ToolRunner {
 public:
  explicit ToolRunner(std::string output, ToolSpeech speech = ToolSpeech::json)
      : output_(std::move(output)), speech_(speech) {}

  /// The path of the program.
  [[nodiscard]] static std::string program();

  /// Not traced, in the usual way of a shell.
  [[nodiscard]] ToolRun run(const std::vector<std::string>& arguments) const;
  /// See `run_traced` and `run_interrupted`.
  [[nodiscard]] TracedRun killed_at(std::size_t call, const std::vector<std::string>& arguments) const;
  [[nodiscard]] TracedRun interrupted_at(std::size_t call, const std::vector<std::string>& arguments) const;

  [[nodiscard]] std::string output() const;

 private:
  [[nodiscard]] std::vector<std::string> words(std::vector<std::string> arguments) const;

  std::string output_;
  ToolSpeech speech_;
};

inline constexpr std::size_t kEach = 0;
/// `cases` of the numbers from 1 to `last`, evenly spread; with `kEach` each.
[[nodiscard]] std::vector<std::size_t> some_of(std::size_t last, std::size_t cases);

}  // namespace holdfast::test
