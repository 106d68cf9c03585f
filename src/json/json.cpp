// SPDX-License-Identifier: Apache-2.0
#include "src/json/json.hpp"

#include <nlohmann/json.hpp>

#include <set>

namespace holdfast {

using Library = nlohmann::ordered_json;

struct Json::Value {
  explicit Value(Library given = nullptr) : library(std::move(given)) {}
  Library library;
};

namespace {

constexpr int kMaxDepth = 32;

// The library keeps the last of two members with one name; a reader that keeps the first would then see another
// document. So duplicates are refused while parsing.
class StrictParser {
 public:
  [[nodiscard]] bool parse(std::string_view text, Library& out) {
    const auto watch = [this](int depth, Library::parse_event_t event, Library& parsed) {
      const bool opens =
          event == Library::parse_event_t::object_start || event == Library::parse_event_t::array_start;
      if (opens && depth >= kMaxDepth) refuse("is nested deeper than 32");
      if (event == Library::parse_event_t::object_start) names_.emplace_back();
      if (event == Library::parse_event_t::object_end) names_.pop_back();
      if (event == Library::parse_event_t::key && !names_.back().insert(parsed.get<std::string>()).second) {
        refuse("has a member twice");
      }
      return true;
    };
    // The library takes a NUL byte for the end of the text and a byte order mark for white space; RFC 8259 §2 knows
    // neither, and what followed the NUL would go unread.
    if (text.find('\0') != std::string_view::npos || text.starts_with("\xEF\xBB\xBF")) {
      refuse("begins with a byte order mark, or holds a NUL byte");
      return false;
    }
    out = Library::parse(text.begin(), text.end(), watch, false);
    if (out.is_discarded()) why_ = "is not JSON, or it is cut off";
    return why_.empty();
  }
  [[nodiscard]] std::string_view why() const { return why_; }

 private:
  void refuse(std::string_view why) {
    if (why_.empty()) why_ = why;
  }
  std::vector<std::set<std::string>> names_;
  std::string_view why_;
};

}  // namespace

Json::Json() : value_(std::make_unique<Value>()) {}
Json::Json(std::unique_ptr<Value> value) noexcept : value_(std::move(value)) {}
Json::Json(const Json& other) : value_(std::make_unique<Value>(other.value_->library)) {}
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(const Json& other) {
  if (this != &other) value_ = std::make_unique<Value>(other.value_->library);
  return *this;
}
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

Json Json::object() { return Json(std::make_unique<Value>(Library::object())); }
Json Json::array() { return Json(std::make_unique<Value>(Library::array())); }
Json Json::string(std::string_view text) { return Json(std::make_unique<Value>(Library(std::string(text)))); }
Json Json::boolean(bool value) { return Json(std::make_unique<Value>(Library(value))); }
Json Json::integer(std::int64_t value) { return Json(std::make_unique<Value>(Library(value))); }

std::optional<Json> Json::parse(std::string_view text) noexcept {
  std::string_view why;
  return parse(text, why);
}

std::optional<Json> Json::parse(std::string_view text, std::string_view& why) noexcept {
  try {
    Json result;
    StrictParser parser;
    if (parser.parse(text, result.value_->library)) return result;
    why = parser.why();
    return std::nullopt;
  } catch (...) {
    why = "needs more memory than there is";
    return std::nullopt;
  }
}

std::string Json::dump(int indent) const {
  return value_->library.dump(indent, ' ', false, Library::error_handler_t::replace);
}

bool Json::is_null() const noexcept { return value_->library.is_null(); }
bool Json::is_object() const noexcept { return value_->library.is_object(); }
bool Json::is_array() const noexcept { return value_->library.is_array(); }
bool Json::is_string() const noexcept { return value_->library.is_string(); }

std::optional<std::string> Json::as_string() const {
  if (!value_->library.is_string()) return std::nullopt;
  return value_->library.get<std::string>();
}
std::optional<bool> Json::as_boolean() const noexcept {
  const auto* value = value_->library.get_ptr<const Library::boolean_t*>();
  return value != nullptr ? std::optional(*value) : std::nullopt;
}
std::optional<std::int64_t> Json::as_integer() const noexcept {
  if (const auto* value = value_->library.get_ptr<const Library::number_unsigned_t*>(); value != nullptr) {
    return *value <= INT64_MAX ? std::optional(static_cast<std::int64_t>(*value)) : std::nullopt;
  }
  const auto* value = value_->library.get_ptr<const Library::number_integer_t*>();
  return value != nullptr ? std::optional(*value) : std::nullopt;
}

std::optional<Json> Json::member(std::string_view name) const {
  if (!value_->library.is_object()) return std::nullopt;
  const auto found = value_->library.find(std::string(name));
  if (found == value_->library.end()) return std::nullopt;
  return Json(std::make_unique<Value>(*found));
}
std::vector<std::string> Json::member_names() const {
  std::vector<std::string> names;
  if (value_->library.is_object()) {
    for (const auto& item : value_->library.items()) names.push_back(item.key());
  }
  return names;
}
std::size_t Json::size() const noexcept { return value_->library.is_structured() ? value_->library.size() : 0; }
std::optional<Json> Json::element(std::size_t index) const {
  if (!value_->library.is_array() || index >= value_->library.size()) return std::nullopt;
  return Json(std::make_unique<Value>(value_->library[index]));
}

std::optional<std::string> Json::string_member(std::string_view name) const {
  const auto found = member(name);
  return found ? found->as_string() : std::nullopt;
}
std::optional<bool> Json::boolean_member(std::string_view name) const {
  const auto found = member(name);
  return found ? found->as_boolean() : std::nullopt;
}
std::optional<std::int64_t> Json::integer_member(std::string_view name) const {
  const auto found = member(name);
  return found ? found->as_integer() : std::nullopt;
}

Json& Json::set(std::string_view name, Json value) {
  // The library would throw.
  if (!value_->library.is_object()) value_->library = Library::object();
  value_->library[std::string(name)] = std::move(value.value_->library);
  return *this;
}
Json& Json::set(std::string_view name, std::string_view text) { return set(name, string(text)); }
Json& Json::set(std::string_view name, const char* text) { return set(name, string(text)); }
Json& Json::set(std::string_view name, bool value) { return set(name, boolean(value)); }
Json& Json::set(std::string_view name, std::int64_t value) { return set(name, integer(value)); }
void Json::remove(std::string_view name) {
  if (value_->library.is_object()) value_->library.erase(std::string(name));
}
Json& Json::append(Json value) {
  if (!value_->library.is_array()) value_->library = Library::array();
  value_->library.push_back(std::move(value.value_->library));
  return *this;
}

}  // namespace holdfast
