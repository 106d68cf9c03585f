// SPDX-License-Identifier: Apache-2.0
// The README's program, with the identity file as an argument so that the tests can run it.
#include <holdfast/session.hpp>
#include <iostream>

int explain(const holdfast::Error& error) {
  char text[1024];
  std::cerr << holdfast::write_message(error, text) << "\n" << holdfast::hint_of(error) << "\n";
  return holdfast::status_exit_code(error.status);
}

int main(int argc, char** argv) {
  auto session = holdfast::AgentSession::open({.identity_file = argc > 1 ? argv[1] : "/etc/holdfast/identity.json"});
  if (!session) return explain(session.error());

  char buffer[holdfast::kMaxAuthorizationSize];
  auto value = session->authorization(buffer);  // registers the run task once; signs inside the token
  if (!value) return explain(value.error());
  std::cout << "Authorization: " << value->value << "\n";
}
