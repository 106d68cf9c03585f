// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include "hal/key_device.hpp"
#include "src/json/json.hpp"
#include "tools/holdfast/findings.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::tool {

/// What the checks of a token found, for each scheme: for a person in the order of the looking, for a program, and as
/// a block of Markdown to be shown to others, which names the kind of token and not this one: no label, serial
/// number, URI or key.
class CheckSheet {
 public:
  /// Begins with what the token says of itself.
  explicit CheckSheet(const hal::TokenDescription& token, hal::BackendKind backend);

  /// From now on it is about keys of `scheme`.
  void begin(Scheme scheme);
  /// `cell` is the word for the table, `words` the sentence for the list.
  void passed(std::string_view check, std::string_view words, std::string_view cell = "ok");
  void failed(std::string_view check, const Error& error);
  void skipped(std::string_view check, std::string_view why);
  /// What a person should know besides.
  void note(std::string_view words, std::string_view remedy = {}) { findings_.note(words, remedy); }
  /// The attributes of the key as it was made.
  void state(const hal::KeyAttributes& attributes);
  /// Each way a disposable key was asked to leave.
  void state(const hal::ExportReport& report);

  /// 0, or the exit code of the worst problem: a device's is worse than a person's.
  [[nodiscard]] int exit_code() const { return findings_.worst_exit_code(); }
  [[nodiscard]] std::string text() const;
  [[nodiscard]] Json json() const;
  [[nodiscard]] std::string markdown() const;

 private:
  static constexpr std::size_t kSchemes = 2;
  struct Row {
    std::string name;
    std::array<std::string, kSchemes> cells;
  };
  using Table = std::vector<Row>;
  void set(Table& table, std::string_view name, std::string_view cell) const;
  [[nodiscard]] static Json json_of(const Table& table, char between_words = ' ');
  [[nodiscard]] static std::string markdown_of(const Table& table, std::string_view heading);

  hal::TokenDescription token_;
  hal::BackendKind backend_;
  Findings findings_;
  Scheme scheme_ = Scheme::ed25519;
  Table checks_;
  Table attributes_;
  Table attempts_;
};

}  // namespace holdfast::tool
