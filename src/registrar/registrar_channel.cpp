// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/registrar_channel.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

namespace holdfast {
namespace {

constexpr const char* kDoing = "talking to the registrar's process";

// What poll(2) takes at most; a longer wait goes round again.
constexpr std::int64_t kLongestPoll = 3'600'000;

}  // namespace

bool RegistrarChannel::send(const RegistrarFrame& frame) noexcept {
  RegistrarFrameBytes bytes;
  const auto packet = write_frame(frame, bytes);
  ssize_t sent = 0;
  do {
    sent = ::send(socket_, packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(packet.size());
}

Result<RegistrarFrame> RegistrarChannel::receive(hal::BootTime deadline) noexcept {
  while (true) {
    RegistrarFrameBytes bytes;
    // With MSG_TRUNC a packet that is too long tells its length; descriptors that come with it are closed.
    const ssize_t size = recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (size > static_cast<ssize_t>(bytes.size())) {
      return failure(Status::invalid_argument, Layer::registrar, kDoing).about("a packet is longer than any frame");
    }
    if (size > 0) return read_frame(std::span<const std::byte>(bytes).first(static_cast<std::size_t>(size)));
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
      return failure(Status::authority_unavailable, Layer::registrar, kDoing).about("the other side is closed");
    }
    const std::int64_t left = deadline == hal::kNoDeadline ? INT64_MAX : deadline.ns - clock_.boot().ns;
    if (left <= 0) return failure(Status::deadline_exceeded, Layer::registrar, kDoing);
    pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
    (void)poll(&waiting, 1, static_cast<int>(std::min(left / 1'000'000 + 1, kLongestPoll)));
  }
}

}  // namespace holdfast
