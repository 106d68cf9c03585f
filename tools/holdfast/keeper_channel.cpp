// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/keeper_channel.hpp"

#include <errno.h>
#include <sys/socket.h>

#include <cstring>

namespace holdfast::tool {
namespace {

// Both ends are one program: a packet is the kind, the number as it lies in memory, and each text with a NUL behind.
constexpr std::size_t kHead = 1 + sizeof(int);
constexpr std::size_t kMaxPacket = 64UL * 1024;

}  // namespace

bool KeeperChannel::send(const KeeperMessage& message) const {
  std::string packet(kHead, '\0');
  packet[0] = static_cast<char>(message.kind);
  std::memcpy(packet.data() + 1, &message.number, sizeof message.number);
  for (const std::string& text : message.texts) packet.append(text.c_str(), text.size() + 1);
  if (packet.size() > kMaxPacket) return false;
  ssize_t sent = -1;
  do {
    sent = ::send(socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(packet.size());
}

std::optional<KeeperMessage> KeeperChannel::receive() const {
  std::string packet(kMaxPacket, '\0');
  ssize_t size = -1;
  do {
    size = ::recv(socket_.get(), packet.data(), packet.size(), 0);
  } while (size < 0 && errno == EINTR);
  if (size < static_cast<ssize_t>(kHead)) return std::nullopt;
  KeeperMessage message{static_cast<KeeperMessage::Kind>(packet[0]), 0, {}};
  std::memcpy(&message.number, packet.data() + 1, sizeof message.number);
  for (std::size_t at = kHead; at < static_cast<std::size_t>(size);) {
    message.texts.emplace_back(packet.c_str() + at);
    at += message.texts.back().size() + 1;
  }
  return message;
}

}  // namespace holdfast::tool
