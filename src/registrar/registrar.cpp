// SPDX-License-Identifier: Apache-2.0
#include "holdfast/registrar.hpp"

#include "src/registrar/authority_url.hpp"
#include "src/registrar/curl_library.hpp"
#include "src/registrar/curl_transport.hpp"
#include "src/registrar/registrar_core.hpp"

#include <sys/random.h>

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

constexpr unsigned kMostAttempts = 10;

Error refusal(std::string_view why) {
  return failure(Status::invalid_argument, Layer::registrar, "making a registrar").about(why);
}

// Each of these is handed to C or becomes part of a header line.
Result<void> check_text(std::string_view name, std::string_view text) {
  const bool is_plain =
      std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (!is_plain) return refusal(std::string(name) + " holds a control character");
  return {};
}

Result<void> check_options(const RegistrarOptions& options) {
  HOLDFAST_TRY(check_text("ca_file", options.ca_file));
  HOLDFAST_TRY(check_text("ca_directory", options.ca_directory));
  HOLDFAST_TRY(check_text("client_certificate", options.client_certificate));
  HOLDFAST_TRY(check_text("client_key", options.client_key));
  HOLDFAST_TRY(check_text("proxy", options.proxy));
  HOLDFAST_TRY(check_text("originator", options.originator));
  if (options.attempts < 1 || options.attempts > kMostAttempts) return refusal("attempts is none of 1 to 10");
  if (options.connect_timeout.count() <= 0 || options.connect_timeout > std::chrono::hours(24)) {
    return refusal("connect_timeout is not between 1 ms and a day");
  }
  return {};
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  // Only spreads waiting times: without entropy the boot time does.
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed) {
    seed = static_cast<std::uint64_t>(hal::system_clock().boot().ns);
  }
  return seed;
}

Error out_of_memory(const char* doing) noexcept {
  return failure(Status::resource_exhausted, Layer::registrar, doing).about("memory");
}

}  // namespace

struct Registrar::State {
  State(AuthorityUrl authority, unsigned attempts, RegistrarOptions options)
      : transport(std::move(options), curl_library, hal::system_clock()),
        core(std::move(authority), attempts, transport, hal::system_clock(), random_seed()) {}

  CurlTransport transport;
  RegistrarCore core;
};

Registrar::Registrar(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Registrar::Registrar(Registrar&&) noexcept = default;
Registrar& Registrar::operator=(Registrar&&) noexcept = default;
Registrar::~Registrar() = default;

Result<Registrar> Registrar::create(RegistrarOptions options) noexcept {
  try {
    AuthorityUrl authority = HOLDFAST_TRY(AuthorityUrl::parse(options.authority_url));
    HOLDFAST_TRY(check_options(options));
    const unsigned attempts = options.attempts;
    return Registrar(std::make_unique<State>(std::move(authority), attempts, std::move(options)));
  } catch (...) {
    return out_of_memory("making a registrar");
  }
}

Result<TaskId> Registrar::register_task(TypedSigner& signer, std::chrono::milliseconds timeout,
                                        AnswerExcerpt* excerpt) noexcept {
  AnswerExcerpt unwanted;
  try {
    return state_->core.register_task(signer, timeout, excerpt != nullptr ? *excerpt : unwanted);
  } catch (...) {
    return out_of_memory("registering a task");
  }
}

Result<RuntimeId> Registrar::register_agent(const AgentRegistration& registration, std::chrono::milliseconds timeout,
                                            AnswerExcerpt* excerpt) noexcept {
  AnswerExcerpt unwanted;
  try {
    return state_->core.register_agent(registration, timeout, excerpt != nullptr ? *excerpt : unwanted);
  } catch (...) {
    return out_of_memory("registering an agent");
  }
}

bool Registrar::may_have_registered() const noexcept { return state_->core.may_have_acted(); }

}  // namespace holdfast
