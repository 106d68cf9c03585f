// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/check_sheet.hpp"

#include "tools/holdfast/key_report.hpp"
#include "tools/holdfast/terminal.hpp"

#include <algorithm>

namespace holdfast::tool {
namespace {

constexpr std::array kColumns{Scheme::ed25519, Scheme::es256};

std::size_t column_of(Scheme scheme) { return scheme == kColumns[0] ? 0 : 1; }

// A module's own words must not become table cells, links or emphasis of whoever pastes them.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : without_controls(text)) {
    if (std::string_view("\\`*[]<>|#").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// By the standard's names, as the module was asked for them.
std::string mechanisms_in_words(const hal::TokenDescription& token, hal::BackendKind backend) {
  if (backend != hal::BackendKind::pkcs11) return schemes_in_words(token);
  if (token.can_ed25519 && token.can_es256) return "CKM_EDDSA, CKM_ECDSA";
  if (token.can_ed25519) return "CKM_EDDSA";
  return token.can_es256 ? "CKM_ECDSA" : "none of ours";
}

std::string_view words_of(hal::BackendKind backend) { return backend == hal::BackendKind::tpm2 ? "TPM" : "module"; }

}  // namespace

CheckSheet::CheckSheet(const hal::TokenDescription& token, hal::BackendKind backend)
    : token_(token), backend_(backend) {
  findings_.begin("token");
  findings_.good(std::string(words_of(backend)) + " " + std::string(token.library.view()));
  findings_.good("token " + std::string(token.label.view()) + ", " + std::string(token.manufacturer.view()) + " " +
                 std::string(token.model.view()) +
                 (token.serial.empty() ? "" : ", serial " + std::string(token.serial.view())) + ": " +
                 flags_in_words(token));
  findings_.good("it signs by " + mechanisms_in_words(token, backend));
  if (token.is_software) findings_.note(kSoftwareTokenNote);
}

void CheckSheet::begin(Scheme scheme) {
  scheme_ = scheme;
  findings_.begin(scheme_name(scheme));
}

void CheckSheet::passed(std::string_view check, std::string_view words, std::string_view cell) {
  findings_.good(std::string(check) + ": " + std::string(words));
  set(checks_, check, cell);
}

void CheckSheet::failed(std::string_view check, const Error& error) {
  findings_.problem(error, check);
  set(checks_, check, status_name(error.status));
}

void CheckSheet::skipped(std::string_view check, std::string_view why) {
  findings_.skip(std::string(check) + ": " + std::string(why));
  set(checks_, check, why);
}

void CheckSheet::state(const hal::KeyAttributes& attributes) {
  for (const auto& [name, value] : attribute_snapshot(attributes)) set(attributes_, name, value ? "yes" : "no");
}

void CheckSheet::state(const hal::ExportReport& report) {
  for (std::size_t i = 0; i < report.count; ++i) {
    const hal::ExportAttempt& attempt = report.attempts[i];
    std::string cell(outcome_words(attempt.outcome));
    if (attempt.native_name != nullptr) cell += " (" + std::string(attempt.native_name) + ")";
    set(attempts_, attempt.name, cell);
  }
}

void CheckSheet::set(Table& table, std::string_view name, std::string_view cell) const {
  auto row = std::ranges::find(table, name, &Row::name);
  if (row == table.end()) row = table.insert(row, {std::string(name), {}});
  row->cells.at(column_of(scheme_)) = cell;
}

std::string CheckSheet::text() const {
  std::string text = findings_.text();
  const auto append = [&](const Table& table, std::string_view heading) {
    if (table.empty()) return;
    std::size_t width = 0;
    std::size_t first = scheme_name(kColumns[0]).size();
    for (const Row& row : table) {
      width = std::max(width, row.name.size());
      first = std::max(first, row.cells[0].size());
    }
    const auto line = [&](std::string_view name, std::string_view a, std::string_view b) {
      std::string out = "  " + std::string(name) + std::string(width + 2 - name.size(), ' ') + std::string(a) +
                        std::string(first + 2 - a.size(), ' ') + std::string(b);
      out.erase(out.find_last_not_of(' ') + 1);
      text += out + "\n";
    };
    text += "\n" + std::string(heading) + "\n";
    line("", scheme_name(kColumns[0]), scheme_name(kColumns[1]));
    for (const Row& row : table) line(row.name, row.cells[0], row.cells[1]);
  };
  append(attributes_, "What the token says of a key it made:");
  append(attempts_, "How a disposable key of the same kind was asked to leave:");
  return text;
}

Json CheckSheet::json_of(const Table& table, char between_words) {
  Json object = Json::object();
  for (const Row& row : table) {
    Json cells = Json::object();
    for (std::size_t i = 0; i < kSchemes; ++i) {
      if (!row.cells.at(i).empty()) cells.set(scheme_name(kColumns.at(i)), row.cells.at(i));
    }
    std::string name = row.name;
    std::ranges::replace(name, ' ', between_words);
    object.set(name, std::move(cells));
  }
  return object;
}

Json CheckSheet::json() const {
  Json object = Json::object();
  object.set("token", token_report(token_).json())
      .set("checks", json_of(checks_, '_'))
      .set("attributes", json_of(attributes_))
      .set("export_attempts", json_of(attempts_));
  const Json findings = findings_.json();
  for (const char* name : {"findings", "problems"}) object.set(name, findings.member(name).value_or(Json()));
  return object;
}

std::string CheckSheet::markdown_of(const Table& table, std::string_view heading) {
  if (table.empty()) return {};
  std::string text = "\n| " + std::string(heading) + " |";
  for (const Scheme scheme : kColumns) text += " " + std::string(scheme_name(scheme)) + " |";
  text += "\n| --- | --- | --- |\n";
  for (const Row& row : table) {
    text += "| " + plain(row.name) + " |";
    for (const std::string& cell : row.cells) text += " " + (cell.empty() ? "—" : plain(cell)) + " |";
    text += "\n";
  }
  return text;
}

std::string CheckSheet::markdown() const {
  std::string text = "### " + plain(token_.model.empty() ? token_.label.view() : token_.model.view()) + ", " +
                     plain(token_.manufacturer.view()) + "\n\n";
  text += "- " + std::string(words_of(backend_)) + ": " + plain(token_.library.view()) + "\n";
  text += "- signs by: " + mechanisms_in_words(token_, backend_) + "\n";
  if (token_.is_software) text += "- " + std::string(kSoftwareTokenNote) + "\n";
  text += "- checked with: holdfast " HOLDFAST_VERSION "\n";
  text += markdown_of(checks_, "check");
  text += markdown_of(attributes_, "attribute of a key it made");
  text += markdown_of(attempts_, "how a disposable key was asked to leave");
  return text;
}

}  // namespace holdfast::tool
