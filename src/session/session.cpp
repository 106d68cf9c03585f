// SPDX-License-Identifier: Apache-2.0
#include "holdfast/session.hpp"

#include "holdfast/registrar.hpp"

#include "src/session/run_task.hpp"
#include "src/signer/key_policy.hpp"

#include <algorithm>
#include <exception>
#include <string>

namespace holdfast {
namespace {

constexpr const char* kOpening = "opening a session";

// A token answers in milliseconds, a slow TPM in fractions of a second: whoever waits this long waits for a device
// that hangs, or behind a queue no request should stand in.
constexpr std::chrono::seconds kSigningTimeout{30};

class AuthorityTasks final : public TaskSource {
 public:
  explicit AuthorityTasks(Registrar registrar) noexcept : registrar_(std::move(registrar)) {}
  Result<TaskId> register_task(TypedSigner& signer, std::chrono::milliseconds timeout) noexcept override {
    return registrar_.register_task(signer, timeout);
  }

 private:
  Registrar registrar_;
};

Result<Identity> load(const SessionOptions& options) {
  if (!options.identity_file.empty()) return load_identity(options.identity_file);
  const std::string path = HOLDFAST_TRY(find_identity_file());
  return load_identity(path);
}

Result<void> check_identity(const Identity& identity, const SessionOptions& options) {
  if (is_weaker(identity.profile, options.minimum_profile)) {
    const std::string detail = "the identity file's profile is " + std::string(profile_name(identity.profile)) +
                               ", this program takes " + std::string(profile_name(options.minimum_profile)) +
                               " or stricter";
    return failure(Status::key_refused, Layer::identity, kOpening)
        .about(detail)
        .with_hint("provision a key made on the device, or set a weaker minimum profile in the program");
  }
  if (options.expected_key && *options.expected_key != identity.public_key) {
    return failure(Status::key_changed, Layer::identity, kOpening)
        .about("the identity file names another public key than this program expects");
  }
  return {};
}

SignerOptions signer_options(const Identity& identity, const SessionOptions& options) {
  SignerOptions signer;
  signer.runtime_id = identity.runtime_id.view();
  signer.key_uri = identity.key_uri;
  signer.twin_uri = identity.twin_uri;
  signer.expected_key = identity.public_key;
  signer.scheme = identity.public_key.scheme();
  signer.profile = identity.profile;  // not weaker than the minimum, so the stricter of the two
  signer.pin_source = options.pin_source;
  signer.module_path = options.module_path;
  signer.max_age = options.max_age;
  return signer;
}

RegistrarOptions registrar_options(const Identity& identity) {
  RegistrarOptions registrar;
  registrar.authority_url = identity.authority_url;
  registrar.ca_file = identity.authority_ca_file;
  return registrar;
}

}  // namespace

struct AgentSession::State {
  State(Identity read, Signer opened, Registrar registrar, std::chrono::milliseconds timeout)
      : identity(std::move(read)),
        signer(std::move(opened)),
        tasks(std::move(registrar)),
        task(signer, tasks, hal::system_clock()),
        registration_timeout(timeout) {}

  Identity identity;
  Signer signer;
  AuthorityTasks tasks;
  RunTask task;
  std::chrono::milliseconds registration_timeout;
};

Result<AgentSession> AgentSession::open(const SessionOptions& options) noexcept try {
  if (options.registration_timeout.count() <= 0) {
    return failure(Status::invalid_argument, Layer::core, kOpening).about("registration_timeout is not positive");
  }
  Identity identity = HOLDFAST_TRY(load(options));
  if (auto checked = check_identity(identity, options); !checked) return checked.error();
  // Before the token is opened: an authority that cannot be used is no reason to send a PIN.
  Registrar registrar = HOLDFAST_TRY(Registrar::create(registrar_options(identity)));
  Signer signer = HOLDFAST_TRY(Signer::open(signer_options(identity, options)));
  return AgentSession(std::make_unique<State>(std::move(identity), std::move(signer), std::move(registrar),
                                              options.registration_timeout));
} catch (const std::exception&) {
  return failure(Status::resource_exhausted, Layer::core, kOpening);
}

AgentSession::AgentSession(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
AgentSession::AgentSession(AgentSession&&) noexcept = default;
AgentSession& AgentSession::operator=(AgentSession&&) noexcept = default;
AgentSession::~AgentSession() = default;

Result<void> AgentSession::register_task() noexcept {
  auto task = state_->task.get(state_->registration_timeout);
  if (!task) return task.error();
  return {};
}

Result<std::string_view> AgentSession::authorization(std::span<char> out, Freshness freshness) noexcept {
  const auto task = state_->task.get(state_->registration_timeout);
  if (!task) {
    std::ranges::fill(out, '\0');
    return task.error();
  }
  const std::size_t size = HOLDFAST_TRY(state_->signer.authorization(**task, kSigningTimeout, out, freshness));
  return std::string_view(out.data(), size);
}

const Identity& AgentSession::identity() const noexcept { return state_->identity; }

}  // namespace holdfast
