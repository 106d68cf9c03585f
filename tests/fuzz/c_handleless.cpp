// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/c_handleless.hpp"

namespace holdfast::fuzz {
namespace {

// A process for each input would be too many: what cannot start one.
void refuse_registrar(Choices& choices) {
  holdfast_registrar_options options = HOLDFAST_REGISTRAR_OPTIONS_INIT;
  switch (choices.choice(3)) {
    case 0:
      options.struct_size = 8;
      break;
    case 1:
      options.flags = 2U << choices.choice(30);
      break;
    default:
      options.reserved = 1;
  }
  ErrorOut error(choices);
  holdfast_registrar* started = reinterpret_cast<holdfast_registrar*>(&options);
  const holdfast_status status = holdfast_registrar_start(choices.flag() ? &options : nullptr, &started, error.get());
  error.judge(status);
  promise(status == HOLDFAST_INVALID_ARGUMENT && started == nullptr, "what is wrong is refused");
  std::uint32_t state = 1;
  ErrorOut another(choices);
  const holdfast_status told = holdfast_registrar_state(nullptr, &state, another.get());
  another.judge(told);
  promise(told == HOLDFAST_INVALID_ARGUMENT, "null is no registrar");
  holdfast_registrar* attached = reinterpret_cast<holdfast_registrar*>(&options);
  ErrorOut third(choices);
  const holdfast_status refused = holdfast_registrar_attach(-1, choices.flag() ? &attached : nullptr, third.get());
  third.judge(refused);
  promise(refused == HOLDFAST_INVALID_ARGUMENT, "nothing is no socket");
  holdfast_registrar_close(nullptr);
}

void verify(const Handleless& host) {
  Choices& choices = host.choices;
  const CallNumbers numbers(choices);
  ErrorOut error(choices);
  holdfast_assertion said = HOLDFAST_ASSERTION_INIT;
  said.struct_size = numbers.size_of_structure(sizeof said);
  const std::string value = choices.flag() ? host.last_value : std::string(choices.text());
  const auto now = static_cast<std::int64_t>(choices.flag() ? choices.number() : 1'776'643'200U);
  const std::uint32_t window = choices.flag() ? 0xFFFFFFFFU : 300;
  const char* key = host.texts.draw(host.key_line.c_str());
  switch (choices.choice(3)) {
    case 0: {
      const char* runtime_id = host.texts.draw("agent-123");
      const char* timestamp = host.texts.draw("2026-04-20T00:00:00Z");
      const char* signature = host.texts.draw("AAAA");
      return error.judge(
          holdfast_verify_task_registration(runtime_id, timestamp, signature, key, now, window, error.get()));
    }
    case 1: {
      const holdfast_status status = holdfast_parse_authorization(value.data(), value.size(), &said, error.get());
      error.judge(status);
      promise((status == HOLDFAST_OK) == (said.runtime_id[0] != '\0'), "what is read, or a failure");
      return;
    }
    default: {
      const holdfast_status status =
          holdfast_verify_authorization(value.data(), value.size(), key, now, window, &said, error.get());
      error.judge(status);
      promise((status == HOLDFAST_OK) == (said.runtime_id[0] != '\0'), "what is verified, or a failure");
    }
  }
}

void ask_for_texts(Choices& choices) {
  const auto status = static_cast<holdfast_status>(static_cast<std::int16_t>(choices.pair()));
  for (const char* text : {holdfast_version(), holdfast_status_name(status), holdfast_status_text(status),
                           holdfast_status_hint(status)}) {
    promise(text != nullptr && hal::is_printable(text), "a text is there for every status");
  }
  promise(holdfast_status_remedy(status) <= HOLDFAST_REMEDY_STOP, "a remedy is one of the table");
  const std::int32_t exit_code = holdfast_status_exit_code(status);
  promise(exit_code >= 0 && exit_code <= 5 && (exit_code == 0) == (status == HOLDFAST_OK),
          "only success exits with 0");
}

}  // namespace

void call_without_handle(const Handleless& host) {
  switch (host.choices.choice(4)) {
    case 0:
      return refuse_registrar(host.choices);
    case 1:
      return ask_for_texts(host.choices);
    default:
      return verify(host);
  }
}

}  // namespace holdfast::fuzz
