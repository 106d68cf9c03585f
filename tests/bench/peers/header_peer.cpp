// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/header_peer.hpp"

#include "src/assertion/envelope.hpp"
#include "src/assertion/message.hpp"
#include "tests/bench/required.hpp"

#include <time.h>

namespace holdfast::bench {

std::size_t HeaderPeer::header(const RuntimeId& runtime, const TaskId& task, std::span<char> out) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  const TimestampText timestamp = require(format_timestamp({now.tv_sec}));
  const AssertionMessage message = build_assertion_message(runtime, task, timestamp);
  return require(write_authorization(runtime, task, timestamp, sign(message.bytes()), out));
}

}  // namespace holdfast::bench
