// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "src/json/json.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::tool {

/// What was found where, in the order of the looking: each finding with its remedy, if it needs one.
class Findings {
 public:
  /// From now on findings are about this: "token", "key".
  void begin(std::string_view area) { area_ = area; }

  void good(std::string_view words);
  /// Works, but a person should know; `remedy` may be empty.
  void note(std::string_view words, std::string_view remedy = {});
  /// Does not work; the error's hint is the remedy. `about` says of what in the area it is; may be empty.
  void problem(const Error& error, std::string_view about = {});
  void skip(std::string_view why);

  /// The status of the first problem: later ones often come of it. `Status::ok` if there is none.
  [[nodiscard]] Status first_problem() const { return first_problem_; }
  /// The highest exit code that a problem has: a device's (4) is worse than a person's (3). 0 if there is none.
  [[nodiscard]] int worst_exit_code() const;
  /// For a person: one line each, under the name of what it is about.
  [[nodiscard]] std::string text() const;
  /// For a program: `{"findings":[{"area","state","words","remedy","status"}],"problems":N}`.
  [[nodiscard]] Json json() const;

 private:
  enum class State : std::uint8_t { good, note, problem, skipped };
  struct Finding {
    std::string area;
    State state = State::good;
    std::string words;
    std::string remedy;
    Status status = Status::ok;
  };
  [[nodiscard]] static std::string_view name_of(State state);
  void add(State state, std::string_view words, std::string_view remedy = {}, Status status = Status::ok);

  std::string area_;
  std::vector<Finding> findings_;
  Status first_problem_ = Status::ok;
};

}  // namespace holdfast::tool
