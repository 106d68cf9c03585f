// SPDX-License-Identifier: Apache-2.0
#include <holdfast/session.hpp>

int main() {
  const auto session = holdfast::AgentSession::open({.identity_file = "/nonexistent/identity.json"});
  return !session && session.status() == holdfast::Status::file_invalid ? 0 : 1;
}
