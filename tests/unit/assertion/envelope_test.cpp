// SPDX-License-Identifier: Apache-2.0
#include "src/assertion/envelope.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <array>
#include <string>

namespace holdfast {
namespace {

const TimestampText kTime("2026-04-20T00:00:00Z");

Signature counting_signature() {
  Signature signature{};
  for (std::size_t i = 0; i < signature.size(); ++i) signature[i] = static_cast<std::byte>(i * 73 + 5);
  return signature;
}

std::string sodium_base64(std::string_view bytes, int variant) {
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                    variant);
  text.pop_back();
  return text;
}

// The same form put together the plain way.
std::string expected_value(const std::string& runtime, const std::string& task, const Signature& signature) {
  const std::string_view bytes(reinterpret_cast<const char*>(signature.data()), signature.size());
  const std::string json = R"({"agent_runtime_id":")" + runtime + R"(","signature":")" +
                           sodium_base64(bytes, sodium_base64_VARIANT_ORIGINAL) + R"(","task_id":")" + task +
                           R"(","timestamp":")" + std::string(kTime.view()) + R"("})";
  return "AgentAssertion " + sodium_base64(json, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

TEST(Envelope, WritesTheFormAtEveryLengthOfIds) {
  const Signature signature = counting_signature();
  for (std::size_t runtime_size = 1; runtime_size <= 128; ++runtime_size) {
    for (const std::size_t task_size :
         std::initializer_list<std::size_t>{1, 2, 3, 64, 127, 128, 129 - runtime_size}) {
      const std::string runtime(runtime_size, 'r');
      const std::string task(task_size, '~');
      const auto runtime_id = *RuntimeId::parse(runtime);
      const auto task_id = *TaskId::parse(task);
      std::string out(kMaxAuthorizationSize + 1, '?');
      const auto size = write_authorization(runtime_id, task_id, kTime, signature, out);
      ASSERT_TRUE(size) << size.error().detail.view();
      ASSERT_EQ(*size, authorization_size(runtime_id, task_id));
      ASSERT_LE(*size, kMaxAuthorizationSize);
      ASSERT_EQ(out.substr(*size), std::string(out.size() - *size, '?')) << "bytes behind the value were touched";
      ASSERT_EQ(out.substr(0, *size), expected_value(runtime, task, signature));
    }
  }
}

TEST(Envelope, IsAtItsLimitWithTheLongestIds) {
  EXPECT_EQ(authorization_size(*RuntimeId::parse(std::string(128, 'a')), *TaskId::parse(std::string(128, 'a'))),
            kMaxAuthorizationSize);
}

TEST(Envelope, RefusesOneByteTooFewAndWritesNothing) {
  const auto runtime = *RuntimeId::parse("agent-123");
  const auto task = *TaskId::parse("task-123");
  const std::size_t size = authorization_size(runtime, task);
  EXPECT_EQ(size, 270U);
  std::string out(size, '?');
  for (const std::size_t room : {std::size_t{0}, std::size_t{15}, size - 1}) {
    const auto result = write_authorization(runtime, task, kTime, counting_signature(), std::span(out).first(room));
    EXPECT_EQ(result.status(), Status::buffer_too_small);
    EXPECT_EQ(out, std::string(size, '?'));
  }
  EXPECT_TRUE(write_authorization(runtime, task, kTime, counting_signature(), out));
}

TEST(Envelope, RefusesAnIncompleteTimestamp) {
  std::array<char, kMaxAuthorizationSize> out{};
  EXPECT_EQ(write_authorization(*RuntimeId::parse("a"), *TaskId::parse("b"), TimestampText("2026"),
                                counting_signature(), out)
                .status(),
            Status::invalid_argument);
}

TEST(Envelope, WritesASignatureInStandardPaddedBase64) {
  Signature signature{};
  signature.fill(std::byte{0xFF});
  EXPECT_EQ(signature_text(signature).view(), std::string(85, '/') + "w==");
}

}  // namespace
}  // namespace holdfast
