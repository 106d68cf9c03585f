// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/findings.hpp"

#include "tools/holdfast/terminal.hpp"

#include <algorithm>
#include <array>

namespace holdfast::tool {
namespace {

constexpr std::size_t kColumn = 9;  // as wide as the longest name and a space

}  // namespace

std::string_view Findings::name_of(State state) {
  switch (state) {
    case State::good:
      return "ok";
    case State::note:
      return "note";
    case State::problem:
      return "problem";
    case State::skipped:
      return "skipped";
  }
  return "";
}

void Findings::add(State state, std::string_view words, std::string_view remedy, Status status) {
  findings_.push_back({area_, state, std::string(words), std::string(remedy), status});
}

void Findings::good(std::string_view words) { add(State::good, words); }
void Findings::note(std::string_view words, std::string_view remedy) { add(State::note, words, remedy); }
void Findings::skip(std::string_view why) { add(State::skipped, why); }

void Findings::problem(const Error& error, std::string_view about) {
  std::array<char, 1024> buffer{};
  std::string words(about);
  if (!words.empty()) words += ": ";
  words += write_message(error, buffer);
  add(State::problem, words, hint_of(error), error.status);
  if (first_problem_ == Status::ok) first_problem_ = error.status;
}

int Findings::worst_exit_code() const {
  int worst = 0;
  for (const Finding& finding : findings_) {
    if (finding.state == State::problem) worst = std::max(worst, status_exit_code(finding.status));
  }
  return worst;
}

std::string Findings::text() const {
  std::string text;
  std::string_view area;
  for (const Finding& finding : findings_) {
    if (finding.area != area) {
      area = finding.area;
      text += std::string(text.empty() ? "" : "\n") + std::string(area) + "\n";
    }
    std::string label(name_of(finding.state));
    label.resize(kColumn, ' ');
    text += "  " + label + without_controls(finding.words) + "\n";
    if (!finding.remedy.empty())
      text += std::string(2 + kColumn, ' ') + "-> " + without_controls(finding.remedy) + "\n";
  }
  return text;
}

Json Findings::json() const {
  Json list = Json::array();
  for (const Finding& finding : findings_) {
    Json entry = Json::object();
    entry.set("area", finding.area)
        .set("state", name_of(finding.state))
        .set("words", finding.words)
        .set("remedy", finding.remedy.empty() ? Json() : Json::string(finding.remedy))
        .set("status", finding.state == State::problem ? Json::string(status_name(finding.status)) : Json());
    list.append(std::move(entry));
  }
  const auto problems = std::ranges::count(findings_, State::problem, &Finding::state);
  Json object = Json::object();
  object.set("findings", std::move(list)).set("problems", Json::integer(static_cast<std::int64_t>(problems)));
  return object;
}

}  // namespace holdfast::tool
