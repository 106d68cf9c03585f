// SPDX-License-Identifier: Apache-2.0
// The README's program, with the identity file as an argument so that the tests can run it.
#include <cstdio>
#include <holdfast/session.hpp>

int main(int argc, char** argv) {
  auto session = holdfast::AgentSession::open({.identity_file = argc > 1 ? argv[1] : "/etc/holdfast/identity.json"});
  if (!session) return holdfast::status_exit_code(session.status());

  char buffer[holdfast::kMaxAuthorizationSize];
  auto value = session->authorization(buffer);  // registers the run task once; signs inside the token
  if (!value) return holdfast::status_exit_code(value.status());
  std::printf("Authorization: %.*s\n", static_cast<int>(value->size()), value->data());
}
