// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/cut_off/tool_run.hpp"

#include "tests/support/temporary_folder.hpp"

#include <sys/wait.h>

#include <cstdlib>

namespace holdfast::test {

std::string ToolRunner::program() { return HOLDFAST_PROGRAM; }

std::vector<std::string> ToolRunner::words(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), program());
  if (speech_ == ToolSpeech::json) arguments.emplace_back("--json");
  return arguments;
}

ToolRun ToolRunner::run(const std::vector<std::string>& arguments) const {
  std::string line;
  for (const std::string& word : words(arguments)) line += "'" + word + "' ";
  const int status = std::system((line + "> " + output_ + " 2>&1 < /dev/null").c_str());  // NOLINT
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output()};
}

TracedRun ToolRunner::killed_at(std::size_t call, const std::vector<std::string>& arguments) const {
  return run_traced(words(arguments), call, output_);
}

TracedRun ToolRunner::interrupted_at(std::size_t call, const std::vector<std::string>& arguments) const {
  return run_interrupted(words(arguments), call, output_);
}

std::string ToolRunner::output() const { return read_file(output_); }

std::vector<std::size_t> some_of(std::size_t last, std::size_t cases) {
  const std::size_t count = cases == kEach || cases > last ? last : cases;
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < count; ++i) numbers.push_back(1 + i * last / count + last / (2 * count));
  return numbers;
}

}  // namespace holdfast::test
