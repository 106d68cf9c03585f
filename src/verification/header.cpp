// SPDX-License-Identifier: Apache-2.0
#include "holdfast/verifier.hpp"

#include "src/assertion/base64.hpp"
#include "src/assertion/detail_text.hpp"
#include "src/assertion/message.hpp"
#include "src/verification/flat_json.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace holdfast {
namespace {

constexpr std::string_view kScheme = "AgentAssertion";

// Room for members in another order with white space between them; a value of our own has at most 589.
constexpr std::size_t kMaxValueSize = 1024;
constexpr std::size_t kMaxJsonSize = kMaxValueSize / 4 * 3;

enum Member : std::size_t { kRuntimeId, kSignature, kTaskId, kTimestamp, kMemberCount };
constexpr std::array<std::string_view, kMemberCount> kMemberNames{"agent_runtime_id", "signature", "task_id",
                                                                  "timestamp"};
using MemberValues = std::array<std::string_view, kMemberCount>;

constexpr const char* kReading = "reading an assertion";
constexpr const char* kReadingRegistration = "reading a task registration";

Error refusal(const char* doing, std::string_view rule) noexcept {
  return failure(Status::header_refused, Layer::verification, doing).about(rule);
}

// What is wrong with one part, told with the part's name.
Error refusal_of(const char* doing, std::string_view part, const Error& error) noexcept {
  return refusal(doing, (DetailText() << part << ": " << error.detail.view()).view());
}

Result<std::string_view> token_of(std::string_view value) noexcept {
  if (value.size() > kMaxValueSize) {
    return refusal(kReading,
                   (DetailText() << "it has " << value.size() << " bytes, more than " << kMaxValueSize).view());
  }
  const std::size_t space = value.find(' ');
  if (value.substr(0, space) != kScheme) return refusal(kReading, "the scheme is not 'AgentAssertion'");
  if (space == std::string_view::npos || space + 1 == value.size()) {
    return refusal(kReading, "no token follows the scheme");
  }
  const std::string_view token = value.substr(space + 1);
  if (token.front() == ' ') return refusal(kReading, "more than one space after the scheme");
  return token;
}

Result<MemberValues> read_members(std::string_view json) noexcept {
  std::array<std::optional<std::string_view>, kMemberCount> found;
  FlatJsonReader reader(json);
  while (const auto member = HOLDFAST_TRY(reader.next())) {
    const auto index = static_cast<std::size_t>(std::ranges::find(kMemberNames, member->name) - kMemberNames.begin());
    if (index == kMemberCount) return refusal(kReading, "a member other than the four that belong in an assertion");
    if (found[index]) return refusal(kReading, (DetailText() << "member '" << member->name << "' twice").view());
    found[index] = member->value;
  }
  MemberValues values;
  for (std::size_t i = 0; i < kMemberCount; ++i) {
    if (!found[i]) return refusal(kReading, (DetailText() << "member '" << kMemberNames[i] << "' is missing").view());
    values[i] = *found[i];
  }
  return values;
}

Result<Signature> read_signature(const char* doing, std::string_view text) noexcept {
  Signature signature{};
  if (text.size() != kSignatureTextSize) {
    return refusal(doing, (DetailText() << "signature: it has " << text.size() << " characters instead of "
                                        << kSignatureTextSize << " of padded base64")
                              .view());
  }
  const auto size = decode_base64(Base64::standard, text, signature);
  if (!size) return refusal_of(doing, "signature", size.error());
  if (*size != kSignatureSize) {
    return refusal(doing, (DetailText() << "signature: it has " << *size << " bytes instead of 64").view());
  }
  return signature;
}

Result<void> check_window(const char* doing, WallSeconds time, const VerifyWindow& window) noexcept {
  if (window.seconds < 0) {
    return failure(Status::invalid_argument, Layer::verification, doing).about("the window is negative");
  }
  const bool is_behind = time < window.now;
  const auto unsigned_time = static_cast<std::uint64_t>(time.value);
  const auto unsigned_now = static_cast<std::uint64_t>(window.now.value);
  // Modulo 2^64, so exact for any two moments.
  const std::uint64_t distance = is_behind ? unsigned_now - unsigned_time : unsigned_time - unsigned_now;
  if (distance <= static_cast<std::uint64_t>(window.seconds)) return {};
  return refusal(doing, (DetailText() << "the timestamp is " << distance << " s " << (is_behind ? "behind" : "ahead")
                                      << ", more than " << window.seconds << " s")
                            .view())
      .with_hint(
          "set the clock of the machine that is wrong, or have a fresh header made; to check an old one, say as of "
          "when with --now, or allow more with --window");
}

}  // namespace

Result<UnverifiedAssertion> parse_authorization(std::string_view value) noexcept {
  const std::string_view token = HOLDFAST_TRY(token_of(value));
  std::array<std::byte, kMaxJsonSize> json;  // NOLINT: only what was decoded is read
  const auto json_size = decode_base64(Base64::url, token, json);
  if (!json_size) return refusal_of(kReading, "token", json_size.error());
  const auto members = HOLDFAST_TRY(read_members({reinterpret_cast<const char*>(json.data()), *json_size}));

  const auto runtime_id = RuntimeId::parse(members[kRuntimeId]);
  if (!runtime_id) return refusal_of(kReading, kMemberNames[kRuntimeId], runtime_id.error());
  const auto task_id = TaskId::parse(members[kTaskId]);
  if (!task_id) return refusal_of(kReading, kMemberNames[kTaskId], task_id.error());
  const auto time = parse_timestamp(members[kTimestamp]);
  if (!time) return refusal_of(kReading, kMemberNames[kTimestamp], time.error());
  const Signature signature = HOLDFAST_TRY(read_signature(kReading, members[kSignature]));
  return UnverifiedAssertion{*runtime_id, *task_id, *time, TimestampText(members[kTimestamp]), signature};
}

Result<void> verify_assertion(const UnverifiedAssertion& assertion, const PublicKey& key,
                              const VerifyWindow& window) noexcept {
  constexpr const char* doing = "verifying an assertion";
  // The signature covers the text and the window is about the time: they must be one, whoever filled the struct.
  const auto signed_time = parse_timestamp(assertion.timestamp.view());
  if (!signed_time) return refusal_of(doing, kMemberNames[kTimestamp], signed_time.error());
  if (*signed_time != assertion.time) return refusal(doing, "time and timestamp differ");
  (void)HOLDFAST_TRY(check_window(doing, *signed_time, window));
  const auto message = build_assertion_message(assertion.runtime_id, assertion.task_id, assertion.timestamp);
  return verify_signature(key, message.bytes(), assertion.signature);
}

Result<void> verify_task_registration(const RuntimeId& runtime_id, std::string_view timestamp,
                                      std::string_view signature_text, const PublicKey& key,
                                      const VerifyWindow& window) noexcept {
  const auto time = parse_timestamp(timestamp);
  if (!time) return refusal_of(kReadingRegistration, kMemberNames[kTimestamp], time.error());
  const Signature signature = HOLDFAST_TRY(read_signature(kReadingRegistration, signature_text));
  (void)HOLDFAST_TRY(check_window("verifying a task registration", *time, window));
  const auto message = build_registration_message(runtime_id, TimestampText(timestamp));
  return verify_signature(key, message.bytes(), signature);
}

}  // namespace holdfast
