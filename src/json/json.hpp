// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

/// A JSON value (RFC 8259). The only file that includes the JSON library is json.cpp, which catches everything
/// it throws. Members keep the order in which they were set. Not for secrets.
class Json {
 public:
  Json();  ///< null
  Json(const Json&);
  Json(Json&&) noexcept;
  Json& operator=(const Json&);
  Json& operator=(Json&&) noexcept;
  ~Json();

  [[nodiscard]] static Json object();
  [[nodiscard]] static Json array();
  [[nodiscard]] static Json string(std::string_view text);
  [[nodiscard]] static Json boolean(bool value);
  [[nodiscard]] static Json integer(std::int64_t value);

  /// Reads one JSON text; `nullopt` for anything else: trailing bytes, duplicate members, invalid UTF-8, nesting
  /// deeper than 32.
  [[nodiscard]] static std::optional<Json> parse(std::string_view text) noexcept;
  /// The same, with the reason for a refusal: words that follow "the text …", a literal.
  [[nodiscard]] static std::optional<Json> parse(std::string_view text, std::string_view& why) noexcept;
  /// `indent` spaces per level; negative: one line without white space. Invalid UTF-8 is replaced.
  [[nodiscard]] std::string dump(int indent = -1) const;

  [[nodiscard]] bool is_null() const noexcept;
  [[nodiscard]] bool is_object() const noexcept;
  [[nodiscard]] bool is_array() const noexcept;
  [[nodiscard]] bool is_string() const noexcept;

  /// The value if it is of that kind.
  [[nodiscard]] std::optional<std::string> as_string() const;
  [[nodiscard]] std::optional<bool> as_boolean() const noexcept;
  [[nodiscard]] std::optional<std::int64_t> as_integer() const noexcept;

  /// The member or element, if there is one.
  [[nodiscard]] std::optional<Json> member(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> member_names() const;
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::optional<Json> element(std::size_t index) const;

  /// The member `name` if it is a string (bool, integer).
  [[nodiscard]] std::optional<std::string> string_member(std::string_view name) const;
  [[nodiscard]] std::optional<bool> boolean_member(std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> integer_member(std::string_view name) const;

  /// Sets a member (null, or a value of any other kind, gives way to an object); returns itself, to chain.
  Json& set(std::string_view name, Json value);
  Json& set(std::string_view name, std::string_view text);
  Json& set(std::string_view name, const char* text);
  Json& set(std::string_view name, bool value);
  Json& set(std::string_view name, std::int64_t value);
  void remove(std::string_view name);
  /// Appends an element (null, or a value of any other kind, gives way to an array).
  Json& append(Json value);

 private:
  struct Value;
  explicit Json(std::unique_ptr<Value> value) noexcept;
  std::unique_ptr<Value> value_;
};

}  // namespace holdfast
