// SPDX-License-Identifier: Apache-2.0
#include "holdfast/event.hpp"

#include <array>
#include <charconv>

namespace holdfast {
namespace {

struct Wording {
  EventKind kind;
  Severity severity;
  std::string_view name;
  std::string_view text;
};

constexpr std::array<Wording, 7> kWordings{{
    {EventKind::recovery_begun, Severity::warning, "recovery_begun", "the key was lost and is looked for again"},
    {EventKind::recovery_ended, Severity::info, "recovery_ended", "the key signs again"},
    {EventKind::pin_refused, Severity::error, "pin_refused", "a PIN was refused and is not sent again"},
    {EventKind::signer_stopped, Severity::error, "signer_stopped", "this signer signs no more"},
    {EventKind::task_registered, Severity::info, "task_registered", "a task was registered"},
    {EventKind::task_rejected, Severity::warning, "task_rejected", "the authority rejected the task"},
    {EventKind::registration_failed, Severity::warning, "registration_failed", "no task was registered"},
}};
constexpr Wording kUnknown{EventKind{}, Severity::error, "unknown", "something unknown happened"};

constexpr const Wording& wording_of(EventKind kind) noexcept {
  for (const Wording& wording : kWordings) {
    if (wording.kind == kind) return wording;
  }
  return kUnknown;
}

}  // namespace

Severity severity_of(const Event& event) noexcept {
  if (event.kind == EventKind::registration_failed) {
    // An authority or a token that is away comes back; an authority that refuses does not change its mind.
    const Remedy remedy = status_remedy(event.why.status);
    return remedy == Remedy::wait || remedy == Remedy::reconnect ? Severity::warning : Severity::error;
  }
  return wording_of(event.kind).severity;
}

std::string_view event_name(EventKind kind) noexcept { return wording_of(kind).name; }

std::string_view write_message(const Event& event, std::span<char> out) noexcept {
  FixedText<96> words(wording_of(event.kind).text);
  if (event.generation != 0) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), event.generation).ptr;
    words.append(", generation ");
    words.append({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  if (event.why.status != Status::ok) words.append(": ");
  std::size_t size = words.view().copy(out.data(), out.size());
  if (event.why.status != Status::ok) size += write_message(event.why, out.subspan(size)).size();
  return {out.data(), size};
}

}  // namespace holdfast
