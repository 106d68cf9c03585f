// SPDX-License-Identifier: Apache-2.0
// What does a host bear of a registrar's process that does not keep the protocol?
#include "src/registrar/registrar_frame.hpp"
#include "tests/integration/registrar/told_signer.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
using Kind = RegistrarFrame::Kind;

/// A child that says what a case lets it say.
class HostileRegistrar : public testing::Test {
 protected:
  using Play = std::function<void(int socket, std::uint32_t exchange)>;

  Result<TaskId> against(const Play& play, std::chrono::milliseconds timeout = 30s) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) throw std::runtime_error("no socket");
    auto registrar = RegistrarProcess::attach(pair[0]).value();
    std::thread child([&play, socket = pair[1]] {
      RegistrarFrameBytes bytes;
      const ssize_t size = recv(socket, bytes.data(), bytes.size(), 0);
      const auto request = read_frame(std::span(bytes).first(static_cast<std::size_t>(std::max<ssize_t>(size, 0))));
      if (request) play(socket, request->exchange);
    });
    auto outcome = registrar.register_task(signer_, timeout);
    is_gone_ = registrar.state() == RegistrarProcessState::gone;
    // With the time over before anything was sent, it would wait for a request for ever.
    shutdown(pair[1], SHUT_RD);
    child.join();
    close(pair[1]);
    return outcome;
  }
  static void say(int socket, const RegistrarFrame& frame) {
    RegistrarFrameBytes bytes;
    const auto packet = write_frame(frame, bytes);
    (void)send(socket, packet.data(), packet.size(), MSG_NOSIGNAL);
  }

  static Play brings_sealed(const std::string& text) {
    return [text](int socket, std::uint32_t exchange) {
      RegistrarFrame frame{.kind = Kind::sealed_task, .exchange = exchange};
      frame.sealed = std::string_view(text);
      say(socket, frame);
    };
  }

  ToldOpener opener_;
  ToldSigner signer_;
  bool is_gone_ = false;
};

TEST_F(HostileRegistrar, IsPutDownForWhatIsNoFrame) {
  for (const std::string& noise :
       {std::string(1, '\0'), std::string("\xff\xff\xff\xff\xff"), std::string(5, '\7'), std::string(4096, 'x')}) {
    const auto task =
        against([&](int socket, std::uint32_t) { (void)send(socket, noise.data(), noise.size(), MSG_NOSIGNAL); });
    EXPECT_EQ(task.status(), Status::authority_unavailable);
    EXPECT_TRUE(is_gone_);
  }
}

TEST_F(HostileRegistrar, IsPutDownForATaskIdThatIsNone) {
  for (const char* id : {"", ".", "..", "a:b", "a/b"}) {
    const auto task = against([&](int socket, std::uint32_t exchange) {
      RegistrarFrame frame{.kind = Kind::task, .exchange = exchange};
      frame.id = std::string_view(id);
      say(socket, frame);
    });
    EXPECT_EQ(task.status(), Status::authority_unavailable) << id;
    EXPECT_TRUE(is_gone_);
  }
}

TEST_F(HostileRegistrar, GetsNoMoreSignaturesThanARegistrationCanUse) {
  const auto task = against([](int socket, std::uint32_t exchange) {
    for (int i = 0; i < 20; ++i) say(socket, {.kind = Kind::signature_wanted, .exchange = exchange});
  });
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_EQ(signer_.signatures.load(), 10);
}

TEST_F(HostileRegistrar, IsPutDownForWhatIsTheHostsToSay) {
  for (const Kind kind : {Kind::ready, Kind::task_wanted, Kind::signature, Kind::signing_failed}) {
    const auto task = against([&](int socket, std::uint32_t exchange) {
      RegistrarFrame frame{.kind = kind, .exchange = exchange};
      say(socket, frame);
    });
    EXPECT_EQ(task.status(), Status::authority_unavailable);
    EXPECT_TRUE(is_gone_);
  }
}

TEST_F(HostileRegistrar, ASealedTaskIdIsOpenedByTheSigner) {
  signer_.opener = &opener_;
  const auto task = against(brings_sealed("opens"));
  ASSERT_TRUE(task);
  EXPECT_EQ(task->view(), "task-123");
  EXPECT_TRUE(opener_.had_time);
  EXPECT_FALSE(is_gone_);
}

TEST_F(HostileRegistrar, ASealedTaskIdThatDoesNotOpenIsTheAuthoritysFault) {
  signer_.opener = &opener_;
  const auto task = against(brings_sealed("no \x1b box"));
  EXPECT_EQ(task.status(), Status::authority_answer_invalid);
  EXPECT_EQ(opener_.asked, std::vector<std::string>{"no ? box"});
  EXPECT_FALSE(is_gone_) << "it only carries what the authority said";
}

TEST_F(HostileRegistrar, IsPutDownForASealedTaskIdThatWasNotAskedFor) {
  EXPECT_EQ(against(brings_sealed("opens")).status(), Status::authority_unavailable);
  EXPECT_TRUE(is_gone_);
}

TEST_F(HostileRegistrar, ASealedTaskIdOfAnotherExchangeIsNotOpened) {
  signer_.opener = &opener_;
  const auto task = against([](int socket, std::uint32_t exchange) {
    brings_sealed("opens")(socket, exchange - 1);
    say(socket, {.kind = Kind::sealed_task, .exchange = exchange + 1});
  });
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_TRUE(opener_.asked.empty());
}

TEST_F(HostileRegistrar, AnswersOfAnotherExchangeAreNotTaken) {
  const auto late = against([](int socket, std::uint32_t exchange) {
    RegistrarFrame frame{.kind = Kind::task, .exchange = exchange - 1};
    frame.id = std::string_view("task-of-before");
    say(socket, frame);
    frame.exchange = exchange;
    frame.id = std::string_view("task-now");
    say(socket, frame);
  });
  ASSERT_TRUE(late);
  EXPECT_EQ(late->view(), "task-now");
  const auto early = against([](int socket, std::uint32_t exchange) {
    say(socket, {.kind = Kind::signature_wanted, .exchange = exchange + 1});
  });
  EXPECT_EQ(early.status(), Status::authority_unavailable);
}

TEST_F(HostileRegistrar, AFloodOfLateFramesEnds) {
  const auto task = against([](int socket, std::uint32_t exchange) {
    for (int i = 0; i < 1000; ++i) say(socket, {.kind = Kind::signature_wanted, .exchange = exchange - 1});
  });
  EXPECT_EQ(task.status(), Status::authority_unavailable);
  EXPECT_TRUE(is_gone_);
}

TEST_F(HostileRegistrar, SilenceEndsAtTheDeadline) {
  const auto say_nothing = [](int socket, std::uint32_t) {
    char byte = 0;
    (void)recv(socket, &byte, 1, 0);  // until the registrar has come back
  };
  const auto task = against(say_nothing, 500ms);
  EXPECT_EQ(task.status(), Status::deadline_exceeded);
  EXPECT_FALSE(is_gone_);
}

}  // namespace
}  // namespace holdfast::test
