// SPDX-License-Identifier: Apache-2.0
#include "src/assertion/envelope.hpp"

#include "src/assertion/base64.hpp"
#include "src/assertion/detail_text.hpp"

#include <array>
#include <cstring>

namespace holdfast {
namespace {

// Ids, base64 and timestamps hold nothing that JSON escapes, so the token is its fixed parts with four texts between.
// The members stand in alphabetical order, as upstream writes them.
constexpr std::string_view kBeforeRuntimeId = R"({"agent_runtime_id":")";
constexpr std::string_view kBeforeSignature = R"(","signature":")";
constexpr std::string_view kBeforeTaskId = R"(","task_id":")";
constexpr std::string_view kBeforeTimestamp = R"(","timestamp":")";
constexpr std::string_view kEnd = R"("})";
constexpr std::string_view kSchemeAndSpace = "AgentAssertion ";

constexpr std::size_t json_size(std::size_t runtime_size, std::size_t task_size) noexcept {
  return kBeforeRuntimeId.size() + runtime_size + kBeforeSignature.size() + kSignatureTextSize +
         kBeforeTaskId.size() + task_size + kBeforeTimestamp.size() + kTimestampSize + kEnd.size();
}

constexpr std::size_t value_size(std::size_t runtime_size, std::size_t task_size) noexcept {
  return kSchemeAndSpace.size() + base64_size(Base64::url, json_size(runtime_size, task_size));
}

static_assert(value_size(kMaxIdentifierSize, kMaxIdentifierSize) == kMaxAuthorizationSize);
static_assert(base64_size(Base64::standard, kSignatureSize) == kSignatureTextSize);

}  // namespace

std::size_t authorization_size(const RuntimeId& runtime, const TaskId& task) noexcept {
  return value_size(runtime.view().size(), task.view().size());
}

Result<std::size_t> write_authorization(const RuntimeId& runtime, const TaskId& task, const TimestampText& timestamp,
                                        const Signature& signature, std::span<char> out) noexcept {
  const std::size_t size = authorization_size(runtime, task);
  if (out.size() < size) {
    return failure(Status::buffer_too_small, Layer::core, "writing an assertion")
        .about((DetailText() << "the value has " << size << " bytes, room is for " << out.size()).view());
  }
  if (timestamp.size() != kTimestampSize) {
    return failure(Status::invalid_argument, Layer::core, "writing an assertion")
        .about("the timestamp is incomplete");
  }

  std::array<char, json_size(kMaxIdentifierSize, kMaxIdentifierSize)> json;  // NOLINT: written before it is read
  char* to = json.data();
  const auto put = [&to](std::string_view text) {
    std::memcpy(to, text.data(), text.size());
    to += text.size();
  };
  put(kBeforeRuntimeId);
  put(runtime.view());
  put(kBeforeSignature);
  to += encode_base64(Base64::standard, signature, {to, kSignatureTextSize});
  put(kBeforeTaskId);
  put(task.view());
  put(kBeforeTimestamp);
  put(timestamp.view());
  put(kEnd);

  std::memcpy(out.data(), kSchemeAndSpace.data(), kSchemeAndSpace.size());
  const std::span<const char> token(json.data(), to);
  (void)encode_base64(Base64::url, std::as_bytes(token), out.subspan(kSchemeAndSpace.size()));
  return size;
}

FixedText<kSignatureTextSize> signature_text(const Signature& signature) noexcept {
  std::array<char, kSignatureTextSize> text{};
  (void)encode_base64(Base64::standard, signature, text);
  return FixedText<kSignatureTextSize>(std::string_view(text.data(), text.size()));
}

}  // namespace holdfast
