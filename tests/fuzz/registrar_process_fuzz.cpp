// SPDX-License-Identifier: Apache-2.0
// A registrar's process that went over to the enemy (src/registrar/registrar_process.cpp): the packets it sends while
// the host registers tasks. Whatever it says, a task id has its form, signatures are bounded, and once it has broken
// the protocol it is gone.
#include "holdfast/registrar.hpp"

#include "tests/fuzz/refusal.hpp"
#include "tests/fuzz/vector_signer.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <string>

using namespace holdfast;
using namespace std::chrono_literals;
using fuzz::promise;

namespace {

// The host never waits: all packets lie there before it asks, and behind them the end.
constexpr auto kTimeout = 1h;
constexpr int kMostPackets = 48;
constexpr int kMostSignaturesOfOne = 16;

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  fuzz::Choices choices(data, size);
  const bool opens_sealed = choices.flag();
  for (int i = 0; i < kMostPackets && !choices.is_empty(); ++i) {
    const auto packet = choices.sized();
    if (send(ends[1], packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) break;
  }
  shutdown(ends[1], SHUT_WR);

  auto registrar = RegistrarProcess::attach(ends[0]);
  promise(registrar.has_value(), "a socket can be attached");
  fuzz::VectorSigner signer(opens_sealed);
  bool was_gone = false;
  for (int i = 0; i < 3; ++i) {
    const int signatures = signer.signatures();
    const auto task = registrar->register_task(signer, kTimeout);
    promise(signer.signatures() - signatures <= kMostSignaturesOfOne, "signatures for one registration are bounded");
    if (fuzz::is_taken(task)) promise(TaskId::parse(task->view()).has_value(), "a task id is one");
    promise(!was_gone || task.status() == Status::authority_unavailable, "who is gone stays gone");
    was_gone = registrar->state() == RegistrarProcessState::gone && registrar->socket() < 0;
  }
  close(ends[1]);
  return 0;
}
