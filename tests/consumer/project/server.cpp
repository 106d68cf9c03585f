// SPDX-License-Identifier: Apache-2.0
#include <holdfast/verifier.hpp>

int main() {
  const auto header = holdfast::parse_authorization("AgentAssertion not-a-header");
  return !header && header.status() == holdfast::Status::header_refused ? 0 : 1;
}
