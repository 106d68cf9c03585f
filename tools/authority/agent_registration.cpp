// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/agent_registration.hpp"

#include "holdfast/public_key.hpp"
#include "holdfast/verifier.hpp"

#include <sodium.h>

#include <array>

namespace holdfast::authority {
namespace {

constexpr std::size_t kMaxTextSize = 256;
constexpr std::size_t kMaxCapabilities = 32;
constexpr std::int64_t kMaxTtl = 100LL * 366 * 86'400;
constexpr std::string_view kScheme = "Bearer ";

using Sha256 = std::array<unsigned char, crypto_hash_sha256_BYTES>;

Sha256 hash(std::string_view text) {
  Sha256 digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return digest;
}

Answer refuse_body(std::string_view message) { return refuse(400, "body_invalid", message); }

bool is_short_text(const std::optional<std::string>& text) {
  return text && !text->empty() && text->size() <= kMaxTextSize;
}

// The members of `abom` into `agent`; what is wrong as a sentence.
std::string read_abom(const Json& body, Agent& agent) {
  const std::optional<Json> abom = body.member("abom");
  if (!abom || !abom->is_object()) return "abom must be an object";
  std::string wrong = compare_members(*abom, {"agent_version", "agent_harness_id", "running_location"});
  if (!wrong.empty()) return "abom: " + wrong;
  const auto version = abom->string_member("agent_version");
  const auto harness = abom->string_member("agent_harness_id");
  const auto location = abom->string_member("running_location");
  if (!is_short_text(version) || !is_short_text(harness) || !is_short_text(location)) {
    return "the members of abom must be strings of 1 to 256 bytes";
  }
  agent.agent_version = *version;
  agent.harness_id = *harness;
  agent.running_location = *location;
  return {};
}

std::string read_capabilities(const Json& body, Agent& agent) {
  const std::optional<Json> capabilities = body.member("capabilities");
  if (!capabilities || !capabilities->is_array() || capabilities->size() > kMaxCapabilities) {
    return "capabilities must be an array of at most 32 strings";
  }
  for (std::size_t i = 0; i < capabilities->size(); ++i) {
    const std::optional<Json> element = capabilities->element(i);
    if (!element || !is_short_text(element->as_string())) {
      return "each of capabilities must be a string of 1 to 256 bytes";
    }
  }
  agent.capabilities = capabilities->dump();
  return {};
}

std::string read_ttl(const Json& body, Agent& agent) {
  const std::optional<Json> ttl = body.member("ttl");
  if (ttl && ttl->is_null()) return {};
  agent.ttl = body.integer_member("ttl");
  if (!agent.ttl || *agent.ttl <= 0 || *agent.ttl > kMaxTtl) {
    return "ttl must be null or a positive number of seconds, at most 100 years";
  }
  return {};
}

}  // namespace

bool is_bearer(const std::vector<std::string>& authorization, std::string_view bearer) {
  if (authorization.size() != 1) return false;
  const std::string_view value = authorization.front();
  if (!value.starts_with(kScheme)) return false;
  // Over the digests the comparison tells nothing of a common beginning, nor of the length.
  const Sha256 given = hash(value.substr(kScheme.size()));
  const Sha256 expected = hash(bearer);
  return sodium_memcmp(given.data(), expected.data(), expected.size()) == 0;
}

Answer register_agent(const Request& request, Store& store, WallSeconds now) {
  if (request.authorization.empty()) {
    return refuse_unauthorized("Bearer", "bearer_missing", "send the bearer: Authorization: Bearer TOKEN");
  }
  if (!is_bearer(request.authorization, store.bearer())) {
    return refuse_unauthorized("Bearer error=\"invalid_token\"", "bearer_refused",
                               "the bearer is not this database's; it stands in its token file");
  }
  const auto parsed = read_json_object(request);
  if (const Answer* refusal = std::get_if<Answer>(&parsed)) return *refusal;
  const Json& body = std::get<Json>(parsed);

  Agent agent;
  for (const std::string& wrong : {compare_members(body, {"abom", "agent_public_key", "capabilities", "ttl"}),
                                   read_abom(body, agent), read_capabilities(body, agent), read_ttl(body, agent)}) {
    if (!wrong.empty()) return refuse_body(wrong);
  }
  const auto line = body.string_member("agent_public_key");
  if (!line) return refuse_body("agent_public_key must be a string");
  const Result<PublicKey> key = parse_ssh_public_key(*line);
  if (!key) return refuse(400, "public_key_invalid", "agent_public_key: " + std::string(key.error().detail.view()));
  if (const Result<void> usable = check_public_key(*key); !usable) {
    return refuse(400, "public_key_invalid", "agent_public_key: " + std::string(usable.error().detail.view()));
  }

  agent.public_key = *line;
  agent.runtime_id = random_id("agent-");
  agent.registered_at = now;
  if (const Result<void> stored = store.add_agent(agent); !stored) return refuse_store(stored.error());
  Answer answer;
  answer.body.set("agent_runtime_id", agent.runtime_id);
  answer.reason = "agent_registered";
  answer.runtime_id = agent.runtime_id;
  return answer;
}

std::optional<std::string> find_expiry(const Agent& agent, WallSeconds now) {
  if (!agent.ttl || now.value < agent.registered_at.value + *agent.ttl) return std::nullopt;
  return "the agent was registered for " + std::to_string(*agent.ttl) + " s, which have passed";
}

}  // namespace holdfast::authority
