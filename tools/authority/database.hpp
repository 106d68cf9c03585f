// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::authority {

/// One prepared statement, used again and again. Not for several threads at once.
class Statement {
 public:
  Statement() noexcept = default;
  explicit Statement(sqlite3_stmt* statement) noexcept : statement_(statement) {}

  /// Forgets the last run and its values; parameters count from 1.
  Statement& begin() noexcept;
  Statement& bind(int parameter, std::string_view text) noexcept;
  Statement& bind(int parameter, std::optional<std::int64_t> number) noexcept;

  /// Runs to the next row: true if there is one, false at the end.
  [[nodiscard]] Result<bool> step(const char* doing) noexcept;

  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::optional<std::int64_t> number(int column) const noexcept;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bind_code_ = SQLITE_OK;
};

/// A connection to one SQLite file that this process holds alone.
class Database {
 public:
  /// Opens the file at `path`, or makes it with mode 0600; `file_untrusted` if others may read it.
  [[nodiscard]] static Result<Database> open(const std::string& path) noexcept;

  /// Runs statements without parameters and drops their rows.
  [[nodiscard]] Result<void> execute(const char* statements, const char* doing) noexcept;
  [[nodiscard]] Result<Statement> prepare(std::string_view statement) noexcept;
  /// The first column of the first row of `statement`.
  [[nodiscard]] Result<std::string> scalar(std::string_view statement) noexcept;

 private:
  struct Close {
    void operator()(sqlite3* connection) const noexcept { sqlite3_close_v2(connection); }
  };
  std::unique_ptr<sqlite3, Close> connection_;
};

}  // namespace holdfast::authority
