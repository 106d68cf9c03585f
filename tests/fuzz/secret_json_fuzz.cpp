// SPDX-License-Identifier: Apache-2.0
// JSON with secrets in it (src/identity/secret_json.cpp) beside JSON without (src/json/json.cpp): our own reader
// takes an object if the other one does, and finds the same texts in it.
#include "src/identity/secret_json.hpp"
#include "src/json/json.hpp"
#include "tests/fuzz/refusal.hpp"

#include <array>
#include <string>

using namespace holdfast;
using fuzz::promise;

namespace {

using Kind = SecretJsonValue::Kind;

void compare(const WantedMember& mine, const Json& document) {
  const auto other = document.member(mine.name);
  promise(other.has_value() == (mine.value.kind != Kind::absent), "a member is there, or not");
  if (!other) return;
  promise(other->is_null() == (mine.value.kind == Kind::null), "null is null");
  promise(other->is_object() == (mine.value.kind == Kind::object), "an object is an object");
  promise(other->is_array() == (mine.value.kind == Kind::array), "an array is an array");
  promise(other->is_string() == (mine.value.kind == Kind::string), "a string is a string");
  if (mine.value.kind == Kind::string) promise(other->as_string() == mine.value.view(), "its text is the same");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string given(fuzz::text_of(data, size));
  std::string text = given;
  std::array wanted{WantedMember{"a"}, WantedMember{"agent_identity"}};
  const auto read = read_json_members(text, wanted);
  const auto document = Json::parse(given);
  const bool is_object = document && document->is_object();
  if (!fuzz::is_taken(read, Status::file_invalid)) {
    // Numbers that the library cannot hold are the one thing it may refuse and we need not; never the reverse.
    promise(!is_object, "what the library takes we take");
    return 0;
  }
  for (const WantedMember& member : wanted) {
    if (is_object) compare(member, *document);
    if (member.value.kind == Kind::array) (void)json_array_holds(member.value.text, "codex-app-server");
  }
  const char* begin = text.data();
  for (const WantedMember& member : wanted) {
    promise(member.value.text.empty() || (member.value.text.data() >= begin &&
                                          member.value.text.data() + member.value.text.size() <= begin + text.size()),
            "a value stands in the text");
  }
  return 0;
}
