// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/registrar.hpp"

#include "hal/clock.hpp"
#include "src/registrar/authority_url.hpp"
#include "src/registrar/http_transport.hpp"

#include <chrono>
#include <cstdint>

namespace holdfast {

/// What one task registration request may take (protocol.md §2).
inline constexpr std::chrono::seconds kTaskRequestTimeout{30};
/// What one agent registration request may take (protocol.md §3).
inline constexpr std::chrono::seconds kAgentRequestTimeout{15};
/// A clock difference from here on is worth naming to a person, in seconds.
inline constexpr std::int64_t kNotableClockDifference = 60;

/// What a registrar says and how it retries, over any transport and in any clock's time. Contract as `Registrar`, but
/// may throw `std::bad_alloc`.
class RegistrarCore {
 public:
  /// `transport` and `clock` outlive it; `seed` chooses the jitter of the back-off.
  RegistrarCore(AuthorityUrl authority, unsigned attempts, HttpTransport& transport, hal::Clock& clock,
                std::uint64_t seed)
      : authority_(std::move(authority)), attempts_(attempts), transport_(transport), clock_(clock), seed_(seed) {}

  [[nodiscard]] Result<TaskId> register_task(TypedSigner& signer, std::chrono::milliseconds timeout,
                                             AnswerExcerpt& excerpt);
  [[nodiscard]] Result<RuntimeId> register_agent(const AgentRegistration& registration,
                                                 std::chrono::milliseconds timeout, AnswerExcerpt& excerpt);
  /// Whether the authority may have done what the last call asked for: any of its attempts may have arrived.
  [[nodiscard]] bool may_have_acted() const noexcept { return may_have_acted_; }

 private:
  template <typename Source, typename Reader>
  auto exchange(Source& source, Reader read_answer, hal::BootTime deadline, AnswerExcerpt& excerpt)
      -> decltype(read_answer(std::string_view()));
  [[nodiscard]] hal::BootTime deadline_of(std::chrono::milliseconds timeout) noexcept;

  AuthorityUrl authority_;
  unsigned attempts_;
  HttpTransport& transport_;
  hal::Clock& clock_;
  std::uint64_t seed_;
  bool may_have_acted_ = false;
};

}  // namespace holdfast
