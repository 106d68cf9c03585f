// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/agent_link.hpp"

#include "tools/holdfast/module_advice.hpp"

namespace holdfast::tool {

Result<Signer> open_signer(const Identity& identity, std::string_view pin_source) {
  SignerOptions options;
  options.runtime_id = identity.runtime_id.view();
  options.key_uri = identity.key_uri;
  options.twin_uri = identity.twin_uri;
  options.expected_key = identity.public_key;
  options.scheme = identity.public_key.scheme();
  options.profile = identity.profile;
  options.pin_source = pin_source;
  options.max_tasks = 1;
  options.sessions = 1;
  Result<Signer> signer = Signer::open(options);
  if (!signer) return with_module_advice(signer.error(), identity.key_uri, {});
  return signer;
}

Result<Registrar> registrar_for(const Identity& identity) {
  RegistrarOptions options;
  options.authority_url = identity.authority_url;
  options.ca_file = identity.authority_ca_file;
  return Registrar::create(std::move(options));
}

Result<RuntimeId> register_public_key(Terminal& terminal, Registrar& registrar, const PublicKey& key, bool is_fedramp,
                                      const hal::SecretBytes& access_token) {
  const std::span<const std::byte> bytes = access_token.reveal({});
  AgentRegistration registration;
  registration.public_key = key;
  registration.access_token = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};  // NOLINT: bytes are text
  registration.agent_version = HOLDFAST_VERSION;
  registration.is_fedramp = is_fedramp;
  AnswerExcerpt excerpt;
  Result<RuntimeId> runtime = registrar.register_agent(registration, kRegistrationTimeout, &excerpt);
  if (!runtime) terminal.remember_answer(excerpt.view());
  return runtime;
}

Result<TaskId> register_task(Terminal& terminal, Registrar& registrar, TypedSigner& signer) {
  AnswerExcerpt excerpt;
  Result<TaskId> task = registrar.register_task(signer, kRegistrationTimeout, &excerpt);
  // A sealed id says nothing to a person.
  if (!task && task.status() != Status::sealed_answer) terminal.remember_answer(excerpt.view());
  return task;
}

}  // namespace holdfast::tool
