// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/answer.hpp"

#include "src/json/json.hpp"

#include <optional>
#include <string>

namespace holdfast {
namespace {

constexpr const char* kDoing = "reading the authority's answer";

Error refusal(std::string_view why) {
  return failure(Status::authority_answer_invalid, Layer::registrar, kDoing).about(why);
}

Result<Json> read_object(std::string_view body) {
  auto answer = Json::parse(body);
  if (answer && answer->is_object()) return std::move(*answer);
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return refusal("it is empty");
  if (body[body.find_first_not_of(" \t\r\n")] == '<') {
    return refusal("it is a web page, not JSON").with_hint("check the URL: a proxy or a web site may have answered");
  }
  return refusal("it is not a JSON object");
}

// A null member is one that is not there.
std::optional<Json> present_member(const Json& answer, std::string_view name) {
  auto found = answer.member(name);
  return found && !found->is_null() ? std::move(found) : std::nullopt;
}

template <typename Id>
Result<Id> read_id(std::string_view name, const Json& value) {
  const auto text = value.as_string();
  if (!text) return refusal(std::string(name) + " is not a string");
  const auto id = Id::parse(*text);
  if (!id) return refusal(std::string(name) + " is not acceptable: " + std::string(id.error().detail.view()));
  return *id;
}

}  // namespace

Result<TaskId> read_task_answer(std::string_view body, SealedTaskOpener* opener, std::chrono::nanoseconds timeout) {
  const Json answer = HOLDFAST_TRY(read_object(body));
  for (const std::string_view name : {"task_id", "taskId"}) {
    if (const auto value = present_member(answer, name)) return read_id<TaskId>(name, *value);
  }
  for (const std::string_view name : {"encrypted_task_id", "encryptedTaskId"}) {
    const auto value = present_member(answer, name);
    if (!value) continue;
    if (opener == nullptr) return failure(Status::sealed_answer, Layer::registrar, kDoing).about(name);
    const auto sealed = value->as_string();
    if (!sealed) return refusal(std::string(name) + " is not a string");
    return opener->open_sealed_task(*sealed, timeout);
  }
  return refusal("it has no task_id");
}

Result<RuntimeId> read_agent_answer(std::string_view body) {
  const Json answer = HOLDFAST_TRY(read_object(body));
  const auto value = present_member(answer, "agent_runtime_id");
  if (!value) return refusal("it has no agent_runtime_id");
  return read_id<RuntimeId>("agent_runtime_id", *value);
}

}  // namespace holdfast
