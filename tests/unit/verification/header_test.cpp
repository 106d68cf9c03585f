// SPDX-License-Identifier: Apache-2.0
#include "holdfast/verifier.hpp"

#include "src/assertion/base64.hpp"
#include "tests/vectors/hex.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace holdfast {
namespace {

using test::from_hex;
using ::testing::HasSubstr;

// Vector 1 of protocol.md §7.
const std::string kRuntime = R"("agent_runtime_id":"agent-123")";
const std::string kSignatureText =
    "ziQYILz6O2/huX81gAJ7U8g0JL7IrASM4ebINJYXNRtf5WPkenefeXh3HrEZ3iHfY8hMiYA4CVhKl07+f9yJBA==";
const std::string kSignature = "\"signature\":\"" + kSignatureText + "\"";
const std::string kTask = R"("task_id":"task-123")";
const std::string kTimestamp = R"("timestamp":"2026-04-20T00:00:00Z")";
const std::string kJson = "{" + kRuntime + "," + kSignature + "," + kTask + "," + kTimestamp + "}";
const std::string kRegistrationSignature =
    "RrvOb9wXUGTmWxz3wQEFnWjPE0Hn2lq5khr11e0+FoVRwf01T9haqhwnj3lsAsqz72jy+obmRPu8R2HlYeNJAQ==";
constexpr std::int64_t kTime = 1776643200;

PublicKey key() {
  return *PublicKey::from_bytes(Scheme::ed25519,
                                from_hex("ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c"));
}

std::string base64(Base64 form, std::string_view bytes) {
  std::string text(base64_size(form, bytes.size()), '?');
  EXPECT_EQ(encode_base64(form, std::as_bytes(std::span(bytes)), text), text.size());
  return text;
}

std::string value_of(std::string_view json) { return "AgentAssertion " + base64(Base64::url, json); }

std::string refusal_of_value(std::string_view value) {
  const auto assertion = parse_authorization(value);
  if (assertion) return "accepted";
  EXPECT_EQ(assertion.status(), Status::header_refused);
  EXPECT_FALSE(assertion.error().detail.empty());
  return std::string(assertion.error().detail.view());
}

std::string refusal_of_json(std::string_view json) { return refusal_of_value(value_of(json)); }

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string verification(const Result<void>& result) {
  return result ? "verified" : std::string(result.error().detail.view());
}

TEST(ParseAuthorization, ReadsTheFourMembers) {
  const auto assertion = parse_authorization(value_of(kJson));
  ASSERT_TRUE(assertion) << assertion.error().detail.view();
  EXPECT_EQ(assertion->runtime_id.view(), "agent-123");
  EXPECT_EQ(assertion->task_id.view(), "task-123");
  EXPECT_EQ(assertion->time.value, kTime);
  EXPECT_EQ(assertion->timestamp.view(), "2026-04-20T00:00:00Z");
  EXPECT_EQ(assertion->signature[0], std::byte{0xCE});
  EXPECT_EQ(assertion->signature[63], std::byte{0x04});
}

TEST(ParseAuthorization, TakesAnyOrderAndWhiteSpaceBetween) {
  EXPECT_EQ(refusal_of_json("{" + kTimestamp + "," + kTask + "," + kSignature + "," + kRuntime + "}"), "accepted");
  EXPECT_EQ(refusal_of_json(" {\n" + kTask + " ,\t" + kRuntime + ",\r\n" + kTimestamp + ", " + kSignature + "}\n"),
            "accepted");
}

TEST(ParseAuthorization, RefusesOtherSchemesAndSpaces) {
  const std::string token = base64(Base64::url, kJson);
  EXPECT_EQ(refusal_of_value("AgentAssertion " + token), "accepted");
  for (const char* scheme :
       {"", " ", "agentassertion ", "AGENTASSERTION ", "agentAssertion ", "AgentAssertion\t", "AgentAssertion",
        "AgentAssertion: ", "Bearer ", " AgentAssertion ", "Authorization: AgentAssertion ", "AgentAssertion,"}) {
    EXPECT_THAT(refusal_of_value(scheme + token), HasSubstr("the scheme is not 'AgentAssertion'")) << scheme;
  }
  EXPECT_THAT(refusal_of_value("AgentAssertion  " + token), HasSubstr("more than one space"));
  EXPECT_THAT(refusal_of_value("AgentAssertion"), HasSubstr("no token"));
  EXPECT_THAT(refusal_of_value("AgentAssertion "), HasSubstr("no token"));
  for (const char* end : {" ", "\n", "\r\n", "\t", ",", " AgentAssertion"}) {
    EXPECT_THAT(refusal_of_value("AgentAssertion " + token + end), HasSubstr("token: ")) << end;
  }
  EXPECT_NE(refusal_of_value("AgentAssertion " + token + std::string(1, '\0')), "accepted");
}

TEST(ParseAuthorization, RefusesAnOuterBase64ThatIsNotUrlSafeAndUnpadded) {
  ASSERT_EQ(kJson.size(), 191U);  // so that padding would be one '='
  EXPECT_THAT(refusal_of_value(value_of(kJson) + "="), HasSubstr("padding where none belongs"));
  // The last digit carries two bits that belong to no byte.
  std::string changed = value_of(kJson);
  ASSERT_EQ(changed.back(), '0');
  for (const char last : {'1', '2', '3'}) {
    changed.back() = last;
    EXPECT_THAT(refusal_of_value(changed), HasSubstr("behind the last byte"));
  }
  std::string with_tilde = kJson;  // '~~~' encodes to "fn5-": a digit in which the alphabets differ
  with_tilde = replaced(with_tilde, "agent-123", "agent-~~~~~~");
  std::string token = base64(Base64::url, with_tilde);
  ASSERT_NE(token.find('-'), std::string::npos);
  EXPECT_EQ(refusal_of_value("AgentAssertion " + token), "accepted");
  token[token.find('-')] = '+';
  EXPECT_THAT(refusal_of_value("AgentAssertion " + token), HasSubstr("(0x2b) is not of this base64 alphabet"));
  EXPECT_THAT(refusal_of_value("AgentAssertion " + base64(Base64::url, kJson).substr(0, 253)), HasSubstr("length"));
  EXPECT_NE(refusal_of_value("AgentAssertion " + kJson), "accepted");
}

TEST(ParseAuthorization, RefusesAnInnerBase64ThatIsNotStandardAndPadded) {
  const auto with = [](std::string_view text) { return refusal_of_json(replaced(kJson, kSignatureText, text)); };
  EXPECT_THAT(with(kSignatureText.substr(0, 86)), HasSubstr("signature: it has 86 characters"));
  EXPECT_THAT(with(kSignatureText.substr(0, 87)), HasSubstr("signature: it has 87 characters"));
  EXPECT_THAT(with(kSignatureText + "="), HasSubstr("signature: it has 89 characters"));
  EXPECT_THAT(with(kSignatureText.substr(0, 84)), HasSubstr("signature: it has 84 characters"));
  EXPECT_THAT(with(""), HasSubstr("signature: it has 0 characters"));
  EXPECT_THAT(with(replaced(kSignatureText, "/", "_")), HasSubstr("signature: character 11 (0x5f)"));
  EXPECT_THAT(with(replaced(kSignatureText, "+", "-")), HasSubstr("signature: character 80 (0x2d)"));
  EXPECT_THAT(with(replaced(kSignatureText, "BA==", "BB==")), HasSubstr("signature: bits are set"));
  EXPECT_THAT(with(replaced(kSignatureText, "BA==", "BAA=")), HasSubstr("signature: the text holds 65 bytes"));
  EXPECT_THAT(with(replaced(kSignatureText, "BA==", "BA A")), HasSubstr("signature: "));
  EXPECT_THAT(with(std::string(88, '=')), HasSubstr("signature: padding"));
}

TEST(ParseAuthorization, RefusesMembersThatDoNotBelong) {
  for (const std::string& member : {kRuntime, kSignature, kTask, kTimestamp}) {
    const std::string name = member.substr(1, member.find(':') - 2);
    EXPECT_EQ(refusal_of_json(replaced(kJson, "}", "," + member + "}")), "member '" + name + "' twice");
    std::string without = replaced(kJson, member, "");
    without = without.find(",,") != std::string::npos ? replaced(without, ",,", ",") : without;
    if (without.starts_with("{,")) without.erase(1, 1);
    if (without.ends_with(",}")) without.erase(without.size() - 2, 1);
    EXPECT_EQ(refusal_of_json(without), "member '" + name + "' is missing");
  }
  EXPECT_EQ(refusal_of_json("{}"), "member 'agent_runtime_id' is missing");
  for (const char* name : {"alg", "Task_id", "task_id ", "", "taskId", "signatur", "signature2"}) {
    EXPECT_THAT(refusal_of_json(replaced(kJson, "}", std::string(",\"") + name + "\":\"x\"}")),
                HasSubstr("a member other than the four"))
        << name;
  }
}

TEST(ParseAuthorization, RefusesJsonThatReadersDisagreeOn) {
  EXPECT_THAT(refusal_of_json(replaced(kJson, "task-123", R"(task\u002d123)")), HasSubstr("an escape in a string"));
  EXPECT_THAT(refusal_of_json(replaced(kJson, "\"task_id", R"("t\u0061sk_id)")), HasSubstr("an escape in a string"));
  EXPECT_THAT(refusal_of_json(replaced(kJson, "ziQYILz6O2/", R"(ziQYILz6O2\/)")), HasSubstr("an escape in a string"));
  EXPECT_THAT(refusal_of_json(kJson + "x"), HasSubstr("nothing after the object"));
  EXPECT_THAT(refusal_of_json(kJson + kJson), HasSubstr("nothing after the object"));
  EXPECT_THAT(refusal_of_json(kJson + std::string(1, '\0')), HasSubstr("nothing after the object"));
  EXPECT_THAT(refusal_of_json("[" + kJson + "]"), HasSubstr("where '{' belongs"));
  EXPECT_THAT(refusal_of_json("\xEF\xBB\xBF" + kJson), HasSubstr("where '{' belongs"));
  EXPECT_THAT(refusal_of_json(replaced(kJson, "\"task-123\"", "123")), HasSubstr("where a string belongs"));
  EXPECT_THAT(refusal_of_json(replaced(kJson, "\"task-123\"", "null")), HasSubstr("where a string belongs"));
  EXPECT_THAT(refusal_of_json(replaced(kJson, "task-123", "t\xC3\xA4sk")), HasSubstr("printable ASCII"));
  EXPECT_THAT(refusal_of_json(replaced(kJson, "task-123", "task\n123")), HasSubstr("printable ASCII"));
}

TEST(ParseAuthorization, RefusesIdsAndTimesThatAreNone) {
  EXPECT_THAT(refusal_of_json(replaced(kJson, "agent-123", "agent:123")),
              HasSubstr("agent_runtime_id: character 6 (0x3a)"));
  EXPECT_THAT(refusal_of_json(replaced(kJson, "task-123", "..")), HasSubstr("task_id: it is '.' or '..'"));
  EXPECT_THAT(refusal_of_json(replaced(kJson, "task-123", "")), HasSubstr("task_id: it is empty"));
  EXPECT_THAT(refusal_of_json(replaced(kJson, "task-123", std::string(129, 't'))), HasSubstr("task_id: it has 129"));
  EXPECT_EQ(refusal_of_json(replaced(kJson, "task-123", std::string(128, 't'))), "accepted");
  for (const char* time :
       {"2026-04-20T00:00:00", "2026-04-20T00:00:00+00:00", "2026-04-20T00:00:00z", "2026-04-20 00:00:00Z",
        "2026-04-20T00:00:00.000Z", "2026-02-30T00:00:00Z", "1776643200"}) {
    EXPECT_THAT(refusal_of_json(replaced(kJson, "2026-04-20T00:00:00Z", time)), HasSubstr("timestamp: ")) << time;
  }
}

TEST(ParseAuthorization, RefusesEverythingAboveItsLimit) {
  std::string padded = kJson;
  while (value_of(padded).size() <= 1020) padded.insert(padded.begin(), ' ');
  EXPECT_EQ(refusal_of_json(padded), "accepted");
  padded.insert(0, 8, ' ');
  EXPECT_THAT(refusal_of_json(padded), HasSubstr("more than 1024"));
  EXPECT_THAT(refusal_of_value("AgentAssertion " + std::string(10U << 20U, 'A')), HasSubstr("more than 1024"));
  EXPECT_THAT(refusal_of_value(std::string(10U << 20U, ' ')), HasSubstr("more than 1024"));
  EXPECT_NE(refusal_of_value(""), "accepted");
}

TEST(VerifyAssertion, HoldsForEveryByteOfTheHeader) {
  const std::string good = value_of(kJson);
  const VerifyWindow window{{kTime}, 300};
  for (std::size_t position = 0; position < good.size(); ++position) {
    for (const char other : std::string_view("AQgw05-_ \"=\0\xFF", 13)) {
      std::string changed = good;
      changed[position] = other;
      const auto assertion = parse_authorization(changed);
      const bool verified = assertion && verify_assertion(*assertion, key(), window);
      ASSERT_EQ(verified, changed == good) << position << ' ' << static_cast<int>(other);
    }
    const auto cut = parse_authorization(good.substr(0, position));
    ASSERT_FALSE(cut) << position;
  }
}

TEST(VerifyAssertion, KeepsTheWindowOnBothSidesInclusive) {
  const auto assertion = parse_authorization(value_of(kJson));
  ASSERT_TRUE(assertion);
  const auto at = [&](std::int64_t now, std::int64_t seconds = 300) {
    return verification(verify_assertion(*assertion, key(), {{now}, seconds}));
  };
  EXPECT_EQ(at(kTime), "verified");
  EXPECT_EQ(at(kTime + 300), "verified");
  EXPECT_EQ(at(kTime - 300), "verified");
  EXPECT_EQ(at(kTime + 301), "the timestamp is 301 s behind, more than 300 s");
  EXPECT_EQ(at(kTime - 301), "the timestamp is 301 s ahead, more than 300 s");
  EXPECT_EQ(at(kTime + 601), "the timestamp is 601 s behind, more than 300 s");
  EXPECT_EQ(at(kTime, 0), "verified");
  EXPECT_EQ(at(kTime + 1, 0), "the timestamp is 1 s behind, more than 0 s");
  EXPECT_THAT(at(std::numeric_limits<std::int64_t>::max()), HasSubstr("behind"));
  EXPECT_THAT(at(std::numeric_limits<std::int64_t>::min()), HasSubstr("ahead"));
  EXPECT_EQ(at(0, std::numeric_limits<std::int64_t>::max()), "verified");
  EXPECT_EQ(verify_assertion(*assertion, key(), {{kTime}, -1}).status(), Status::invalid_argument);
  EXPECT_EQ(verify_assertion(*assertion, key(), {{kTime + 301}, 300}).status(), Status::header_refused);
}

TEST(VerifyAssertion, RefusesAnotherKeyAndChangedParts) {
  auto assertion = *parse_authorization(value_of(kJson));
  const VerifyWindow window{{kTime}, 300};
  const auto other_key = *PublicKey::from_bytes(
      Scheme::ed25519, from_hex("f89a9aa099652d45cc267a16e62159375c50c0194e9aa07e295e3056c47a2671"));
  EXPECT_EQ(verify_assertion(assertion, other_key, window).status(), Status::signature_mismatch);
  const auto no_key = *PublicKey::from_bytes(Scheme::ed25519, std::vector<std::byte>(32));
  EXPECT_EQ(verify_assertion(assertion, no_key, window).status(), Status::invalid_argument);

  auto changed = assertion;
  changed.task_id = *TaskId::parse("task-124");
  EXPECT_EQ(verify_assertion(changed, key(), window).status(), Status::signature_mismatch);
  changed = assertion;
  changed.runtime_id = *RuntimeId::parse("agent-124");
  EXPECT_EQ(verify_assertion(changed, key(), window).status(), Status::signature_mismatch);
  changed = assertion;
  changed.time.value += 1000000;
  EXPECT_THAT(verification(verify_assertion(changed, key(), {{kTime + 1000000}, 300})), HasSubstr("differ"));
  changed.timestamp = TimestampText();
  EXPECT_EQ(verify_assertion(changed, key(), window).status(), Status::header_refused);
}

TEST(VerifyTaskRegistration, ChecksTimeEncodingAndSignature) {
  const auto runtime = *RuntimeId::parse("agent-123");
  const auto verify = [&](std::string_view timestamp, std::string_view signature, std::int64_t now = kTime) {
    return verify_task_registration(runtime, timestamp, signature, key(), {{now}, 300});
  };
  const std::string_view time = "2026-04-20T00:00:00Z";
  EXPECT_EQ(verification(verify(time, kRegistrationSignature)), "verified");
  EXPECT_EQ(verify(time, kSignatureText).status(), Status::signature_mismatch) << "the assertion's signature";
  EXPECT_EQ(verify("2026-04-20T00:00:01Z", kRegistrationSignature).status(), Status::signature_mismatch);
  EXPECT_EQ(verification(verify(time, kRegistrationSignature, kTime + 601)),
            "the timestamp is 601 s behind, more than 300 s");
  EXPECT_THAT(verification(verify("2026-04-20T00:00:00", kRegistrationSignature)), HasSubstr("timestamp: "));
  EXPECT_THAT(verification(verify(time, kRegistrationSignature.substr(0, 86))), HasSubstr("86 characters"));
  EXPECT_THAT(verification(verify(time, "")), HasSubstr("0 characters"));
  EXPECT_THAT(verification(verify(time, std::string(100000, 'A'))), HasSubstr("100000 characters"));
  EXPECT_EQ(
      verify_task_registration(*RuntimeId::parse("agent-12"), time, kRegistrationSignature, key(), {{kTime}, 300})
          .status(),
      Status::signature_mismatch);
}

}  // namespace
}  // namespace holdfast
