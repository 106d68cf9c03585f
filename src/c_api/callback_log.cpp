// SPDX-License-Identifier: Apache-2.0
#include "src/c_api/callback_log.hpp"

#include <array>

namespace holdfast::c_api {

void CallbackLog::record(const Event& event) noexcept {
  std::array<char, 512> message;
  const std::string_view text = write_message(event, std::span(message).first(message.size() - 1));
  message[text.size()] = '\0';
  const bool has_failed = event.why.status != Status::ok;
  const holdfast_event told{
      .struct_size = sizeof(holdfast_event),
      .kind = static_cast<std::uint32_t>(event.kind),
      .severity = static_cast<std::uint32_t>(severity_of(event)),
      .status = static_cast<holdfast_status>(event.why.status),
      .layer = static_cast<std::uint32_t>(event.why.layer),
      .remedy = static_cast<std::uint32_t>(status_remedy(event.why.status)),
      .native = event.why.native,
      .generation = event.generation,
      .message = message.data(),
      .hint = has_failed ? hint_of(event.why).data() : "",  // a literal, so a NUL follows
  };
  function_(context_, &told);
}

}  // namespace holdfast::c_api
