// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/task_registration.hpp"

#include "holdfast/verifier.hpp"

#include "src/assertion/base64.hpp"
#include "tools/authority/agent_registration.hpp"

#include <sodium.h>

#include <array>
#include <vector>

namespace holdfast::authority {
namespace {

constexpr std::string_view kChallenge = "AgentAssertion";

struct SignedTime {
  std::string timestamp;
  std::string signature;
};

std::variant<SignedTime, Answer> read_body(const Request& request) {
  auto parsed = read_json_object(request);
  if (Answer* refusal = std::get_if<Answer>(&parsed)) return std::move(*refusal);
  const Json& body = std::get<Json>(parsed);
  if (const std::string wrong = compare_members(body, {"timestamp", "signature"}); !wrong.empty()) {
    return refuse(400, "body_invalid", wrong);
  }
  const auto timestamp = body.string_member("timestamp");
  const auto signature = body.string_member("signature");
  if (!timestamp || !signature) return refuse(400, "body_invalid", "timestamp and signature must be strings");
  if (!parse_timestamp(*timestamp)) {
    return refuse(400, "timestamp_malformed", "timestamp must be written as 2026-04-20T00:00:00Z");
  }
  // Here, so that what verification refuses afterwards is the time or the signature, never its form.
  Signature decoded{};
  const Result<std::size_t> size = decode_base64(Base64::standard, *signature, decoded);
  if (!size || *size != kSignatureSize) {
    return refuse(400, "signature_malformed", "signature must be 64 bytes in standard base64 with padding");
  }
  return SignedTime{*timestamp, *signature};
}

}  // namespace

std::optional<std::string> seal(std::string_view text, const PublicKey& key) {
  if (key.scheme() != Scheme::ed25519) return std::nullopt;
  std::array<unsigned char, crypto_box_PUBLICKEYBYTES> recipient{};
  if (crypto_sign_ed25519_pk_to_curve25519(recipient.data(),
                                           reinterpret_cast<const unsigned char*>(key.bytes().data())) != 0) {
    return std::nullopt;
  }
  std::vector<unsigned char> box(text.size() + crypto_box_SEALBYTES);
  if (crypto_box_seal(box.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                      recipient.data()) != 0) {
    return std::nullopt;
  }
  std::string encoded(sodium_base64_encoded_len(box.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(encoded.data(), encoded.size(), box.data(), box.size(), sodium_base64_VARIANT_ORIGINAL);
  encoded.pop_back();  // the NUL that sodium writes
  return encoded;
}

Answer register_task(const Request& request, std::string_view runtime_id, Store& store, const Rules& rules,
                     WallSeconds now) {
  const Result<RuntimeId> id = RuntimeId::parse(runtime_id);
  if (!id) return refuse(400, "runtime_id_invalid", id.error().detail.view());
  const auto with_id = [runtime_id](Answer answer) {
    answer.runtime_id = runtime_id;
    return answer;
  };
  const auto body = read_body(request);
  if (const Answer* refusal = std::get_if<Answer>(&body)) return with_id(*refusal);
  const auto& [timestamp, signature] = std::get<SignedTime>(body);

  const auto agent = store.find_agent(runtime_id);
  if (!agent) return with_id(refuse_store(agent.error()));
  if (!*agent) return with_id(refuse_unauthorized(kChallenge, "agent_unknown", "no such agent is registered here"));
  if (const auto expiry = find_expiry(**agent, now)) {
    return with_id(refuse_unauthorized(kChallenge, "agent_expired", *expiry));
  }
  const Result<PublicKey> key = parse_ssh_public_key((*agent)->public_key);
  if (!key) return with_id(refuse_store(key.error()));
  const Result<void> verdict =
      verify_task_registration(*id, timestamp, signature, *key, VerifyWindow{now, rules.window_seconds});
  if (!verdict) return with_id(refuse_verdict(verdict.error()));

  const std::string task_id = random_id("task-");
  std::string told = task_id;
  if (is_sealed(rules.answer)) {
    std::optional<std::string> sealed = seal(task_id, *key);
    if (!sealed) {
      return with_id(refuse(422, "sealing_unsupported",
                            "this authority seals task ids, which takes an Ed25519 key; the agent's is another"));
    }
    told = *std::move(sealed);
  }
  if (const auto stored = store.add_task(task_id, runtime_id, now); !stored) {
    return with_id(refuse_store(stored.error()));
  }
  Answer answer;
  answer.body.set(answer_member(rules.answer), told);
  answer.reason = "task_registered";
  return with_id(std::move(answer));
}

}  // namespace holdfast::authority
