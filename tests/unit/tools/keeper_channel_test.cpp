// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/keeper_channel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>

namespace holdfast::tool {
namespace {

using Kind = KeeperMessage::Kind;
using testing::ElementsAre;

class KeeperChannelTest : public testing::Test {
 protected:
  KeeperChannelTest() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    one_ = KeeperChannel(hal::FileDescriptor(ends[0]));
    other_ = KeeperChannel(hal::FileDescriptor(ends[1]));
  }

  KeeperChannel one_{hal::FileDescriptor()};
  KeeperChannel other_{hal::FileDescriptor()};
};

TEST_F(KeeperChannelTest, AMessageArrivesAsItWasSent) {
  ASSERT_TRUE(one_.send({Kind::helper, -7, {"log", "", "with a space\n", "x"}}));
  ASSERT_TRUE(one_.send({Kind::started, 0, {}}));
  const auto first = other_.receive();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->kind, Kind::helper);
  EXPECT_EQ(first->number, -7);
  EXPECT_THAT(first->texts, ElementsAre("log", "", "with a space\n", "x"));
  const auto second = other_.receive();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->kind, Kind::started);
  EXPECT_TRUE(second->texts.empty());
}

TEST_F(KeeperChannelTest, OfAnEndThatIsGoneTheOtherIsTold) {
  ASSERT_TRUE(one_.send({Kind::signal, 15, {}}));
  one_.close();
  EXPECT_TRUE(other_.receive()) << "what was sent before";
  EXPECT_FALSE(other_.receive());
  EXPECT_FALSE(other_.send({Kind::started, 0, {}}));
}

TEST_F(KeeperChannelTest, WhatIsTooLongForAPacketIsNotSent) {
  EXPECT_FALSE(one_.send({Kind::command, 0, {std::string(70'000, 'x')}}));
  ASSERT_TRUE(one_.send({Kind::started, 0, {}}));
  EXPECT_EQ(other_.receive()->kind, Kind::started);
}

}  // namespace
}  // namespace holdfast::tool
