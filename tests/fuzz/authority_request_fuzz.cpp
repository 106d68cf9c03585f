// SPDX-License-Identifier: Apache-2.0
// A request to the reference authority (tools/authority) from anybody. Every request has an answer of its own making
// (never a 500), in JSON; nothing is registered without the bearer, and a header passes only if its agent signed it.
#include "holdfast/verifier.hpp"

#include "hal/fake/clock.hpp"
#include "hal/fake/key_material.hpp"
#include "src/assertion/envelope.hpp"
#include "src/assertion/message.hpp"
#include "tests/fuzz/refusal.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tools/authority/authority.hpp"
#include "tools/authority/store.hpp"

#include <array>
#include <memory>
#include <string>

using namespace holdfast;
using namespace holdfast::authority;
using fuzz::Choices;
using fuzz::promise;

namespace {

constexpr int kMostRequests = 4;
// Every request may add a row: now and then the database begins anew.
constexpr int kRequestsOfOneStore = 20'000;

// An agent with its key, and what it would send.
struct AgentKey {
  hal::fake::Secret secret{std::byte{7}, std::byte{7}};
  PublicKey key = hal::fake::derive_public(Scheme::ed25519, secret).value();

  [[nodiscard]] Signature sign(std::span<const std::byte> message) const {
    return hal::fake::sign_with(secret, key, message);
  }
  [[nodiscard]] std::string header(std::string_view runtime_id, std::string_view task_id, WallSeconds time) const {
    const auto runtime = RuntimeId::parse(runtime_id).value();
    const auto task = TaskId::parse(task_id).value();
    const auto timestamp = format_timestamp(time).value();
    std::string value(kMaxAuthorizationSize, '\0');
    const auto message = build_assertion_message(runtime, task, timestamp);
    value.resize(write_authorization(runtime, task, timestamp, sign(message.bytes()), value).value());
    return value;
  }
  [[nodiscard]] std::string task_body(std::string_view runtime_id, WallSeconds time) const {
    const auto timestamp = format_timestamp(time).value();
    const auto message = build_registration_message(RuntimeId::parse(runtime_id).value(), timestamp);
    return R"({"timestamp":")" + std::string(timestamp.view()) + R"(","signature":")" +
           std::string(signature_text(sign(message.bytes())).view()) + R"("})";
  }
  [[nodiscard]] std::string agent_body() const {
    return R"({"abom":{"agent_version":"1","agent_harness_id":"holdfast","running_location":"cli-linux"},)"
           R"("agent_public_key":")" +
           std::string(to_ssh_public_key(key).view()) + R"(","capabilities":["responsesapi"],"ttl":null})";
  }
};

// One database, in which one agent has one task.
class Place {
 public:
  Place() : store_(Store::open(folder_.file("authority.db")).value()) {
    const WallSeconds now = hal::fake::kVectorTime;
    const Agent agent{.runtime_id = "agent-123",
                      .public_key = std::string(to_ssh_public_key(key.key).view()),
                      .agent_version = "1",
                      .harness_id = "holdfast",
                      .running_location = "cli-linux",
                      .capabilities = "[]",
                      .ttl = {},
                      .registered_at = now};
    promise(store_.add_agent(agent).has_value() && store_.add_task("task-123", "agent-123", now).has_value(),
            "there is an agent and its task");
  }
  AgentKey key;
  [[nodiscard]] Store& store() { return store_; }

 private:
  test::TemporaryFolder folder_;
  Store store_;
};

class Visit {
 public:
  Visit(Choices& choices, Place& place) : choices_(choices), place_(place) {
    rules_.answer = static_cast<AnswerForm>(choices_.choice(4));
    rules_.window_seconds = choices_.octet();
  }

  void ask() {
    const Request request = make_request();
    Authority authority("/api/accounts", rules_, place_.store(), clock_);
    const Answer answer = authority.answer(request);
    promise(answer.status >= 200 && answer.status < 500, "a request is answered, not suffered");
    promise(hal::is_printable(answer.reason) && hal::is_printable(answer.runtime_id), "the log is printable");
    for (const auto& [name, value] : answer.headers) {
      promise(hal::is_printable(name) && hal::is_printable(value), "a header is one line");
    }
    promise(Json::parse(answer.body.dump()).has_value(), "a body is JSON");
    if (answer.status < 300) judge_success(request, answer);
  }

 private:
  Request make_request() {
    static constexpr std::array kMethods{"GET", "POST", "HEAD", "PUT", ""};
    Request request;
    request.method = kMethods[choices_.choice(kMethods.size())];
    request.path = make_path();
    for (std::size_t i = choices_.choice(3); i > 0; --i) request.authorization.push_back(make_authorization());
    request.content_type = choices_.choice(4) == 3 ? std::string(choices_.text()) : "application/json";
    if (choices_.choice(8) == 7) request.content_encoding = choices_.text();
    request.body = make_body();
    return request;
  }
  std::string make_path() {
    switch (choices_.choice(7)) {
      case 0:
        return "/verify";
      case 1:
        return "/api/accounts/v1/agent/register";
      case 2:
        return "/api/accounts/v1/agent/agent-123/task/register";
      case 3:
        return "/api/accounts/v1/agent/" + std::string(choices_.text()) + "/task/register";
      case 4:
        return "/api/accounts/verify";
      case 5:
        return "/healthz";
      default:
        return std::string(choices_.text());
    }
  }
  std::string make_authorization() {
    switch (choices_.choice(5)) {
      case 0:
        return "Bearer " + place_.store().bearer();
      case 1:
        return place_.key.header("agent-123", "task-123", moment());
      case 2:
        return changed(place_.key.header("agent-123", "task-123", moment()));
      case 3:
        return "AgentAssertion " + std::string(choices_.text());
      default:
        return std::string(choices_.text());
    }
  }
  std::string make_body() {
    switch (choices_.choice(5)) {
      case 0:
        return place_.key.agent_body();
      case 1:
        return place_.key.task_body("agent-123", moment());
      case 2:
        return changed(place_.key.agent_body());
      case 3:
        return changed(place_.key.task_body("agent-123", moment()));
      default:
        return std::string(choices_.text());
    }
  }
  WallSeconds moment() { return {clock_.wall().value - 128 + choices_.octet()}; }
  // Something else stands at one place of it.
  std::string changed(std::string text) {
    const std::size_t place = choices_.pair() % (text.size() + 1);
    const std::size_t size = choices_.octet();
    return text.replace(place, size, choices_.text());
  }

  void judge_success(const Request& request, const Answer& answer) {
    if (request.path.ends_with("/verify")) {
      promise(request.authorization.size() == 1, "one header was checked");
      const auto said = parse_authorization(request.authorization[0]);
      promise(said && said->runtime_id.view() == "agent-123", "it is of the agent that there is");
      promise(verify_assertion(*said, place_.key.key, {.now = clock_.wall(), .seconds = rules_.window_seconds})
                  .has_value(),
              "its agent signed it, in the window");
    } else if (request.path.ends_with("/agent/register")) {
      promise(request.authorization.size() == 1 && request.authorization[0] == "Bearer " + place_.store().bearer(),
              "an agent is registered with the bearer only");
      promise(RuntimeId::parse(answer.body.string_member("agent_runtime_id").value_or("")).has_value(),
              "an agent gets an id");
    }
  }

  Choices& choices_;
  Place& place_;
  hal::fake::FakeClock clock_;
  Rules rules_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::unique_ptr<Place> place;
  static int requests = 0;
  if (place == nullptr || requests > kRequestsOfOneStore) {
    place.reset();
    place = std::make_unique<Place>();
    requests = 0;
  }
  Choices choices(data, size);
  Visit visit(choices, *place);
  for (int i = 0; i < kMostRequests && !choices.is_empty(); ++i, ++requests) visit.ask();
  return 0;
}
