// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/registrar_child.hpp"

#include "src/registrar/curl_library.hpp"
#include "src/registrar/registrar_channel.hpp"
#include "src/registrar/registrar_sandbox.hpp"

#include <unistd.h>

#include <optional>

namespace holdfast {
namespace {

using Kind = RegistrarFrame::Kind;

// The host, seen from the child: signs one registration at a time, on request, and nothing else.
class HostSigner final : public TypedSigner, private SealedTaskOpener {
 public:
  HostSigner(RegistrarChannel& channel, hal::Clock& clock, RuntimeId runtime_id, const RegistrarFrame& request)
      : channel_(channel),
        clock_(clock),
        runtime_id_(runtime_id),
        exchange_(request.exchange),
        opens_sealed_(request.opens_sealed) {}

  Result<TaskRegistration> sign_task_registration(std::chrono::nanoseconds timeout) noexcept override {
    const hal::BootTime deadline = clock_.boot().after(timeout);
    if (!channel_.send({.kind = Kind::signature_wanted, .exchange = exchange_})) return abandoned();
    while (true) {
      auto frame = channel_.receive(deadline);
      if (!frame) return frame.error();
      if (frame->kind == Kind::task_wanted) {
        next_ = *frame;  // the host has given this one up
        return abandoned();
      }
      if (frame->exchange != exchange_) continue;
      if (frame->kind == Kind::signature) return frame->registration;
      return abandoned();
    }
  }
  Result<std::size_t> authorization(const TaskId&, std::chrono::nanoseconds, std::span<char>,
                                    Freshness) noexcept override {
    return abandoned();
  }
  void forget_headers() noexcept override {}
  SealedTaskOpener* sealed_tasks() noexcept override { return opens_sealed_ ? this : nullptr; }
  const RuntimeId& runtime_id() const noexcept override { return runtime_id_; }
  const PublicKey& public_key() const noexcept override { return public_key_; }

  /// A request that came in the place of a signature.
  [[nodiscard]] const std::optional<RegistrarFrame>& next() const { return next_; }
  /// The answer that only the host can open; it ends the exchange in the place of a task.
  [[nodiscard]] const std::optional<RegistrarFrame>& sealed() const { return sealed_; }

 private:
  // The id in it is the host's alone: what is sealed goes over as it is, and nothing comes back.
  Result<TaskId> open_sealed_task(std::string_view sealed, std::chrono::nanoseconds) noexcept override {
    constexpr const char* kOpening = "opening a sealed task id";
    if (sealed.size() > kMaxSealedTaskSize) {
      return failure(Status::authority_answer_invalid, Layer::registrar, kOpening)
          .about("it is longer than any that opens");
    }
    sealed_ = RegistrarFrame{.kind = Kind::sealed_task, .exchange = exchange_};
    sealed_->sealed = sealed;
    return failure(Status::sealed_answer, Layer::registrar, kOpening);
  }
  static Error abandoned() noexcept {
    return failure(Status::deadline_exceeded, Layer::registrar, "registering with the authority");
  }

  RegistrarChannel& channel_;
  hal::Clock& clock_;
  RuntimeId runtime_id_;
  PublicKey public_key_{};  // nobody asks
  std::uint32_t exchange_;
  bool opens_sealed_;
  std::optional<RegistrarFrame> next_;
  std::optional<RegistrarFrame> sealed_;
};

// Answers one request; the next one if it came meanwhile. Ends the process when the host does not talk sense.
std::optional<RegistrarFrame> serve_one(const RegistrarFrame& request, RegistrarChannel& channel,
                                        Registrar& registrar) {
  const auto runtime_id = RuntimeId::parse(request.id.view());
  if (request.kind != Kind::task_wanted || !runtime_id) _exit(1);
  HostSigner signer(channel, hal::system_clock(), *runtime_id, request);
  const auto task = registrar.register_task(signer, request.time_left);
  if (signer.next()) return signer.next();
  RegistrarFrame answer{.kind = task ? Kind::task : Kind::failed, .exchange = request.exchange};
  if (signer.sealed()) {
    answer = *signer.sealed();
  } else if (task) {
    answer.id = task->view();
  } else {
    answer.error = task.error();
  }
  if (!channel.send(answer)) _exit(0);
  return std::nullopt;
}

Result<void> prepare(const RegistrarProcessOptions& options) noexcept {
  // Before the sandbox, so that what it takes to load libraries need not be allowed for ever.
  if (auto library = curl_library(); !library) return library.error();
  if (auto closed = close_registrar_sandbox(options); !closed) return closed.error();
  if (options.enter_sandbox != nullptr && !options.enter_sandbox(options.sandbox_context)) {
    return failure(Status::permission_denied, Layer::registrar, "starting the registrar's process")
        .about("the host's own sandbox refused");
  }
  return {};
}

}  // namespace

void serve_as_registrar(int socket, pid_t host, Registrar& registrar,
                        const RegistrarProcessOptions& options) noexcept {
  const int own_socket = leave_host_behind(socket, host);
  RegistrarChannel channel(own_socket, hal::system_clock());
  RegistrarFrame ready{.kind = Kind::ready};
  if (const auto prepared = prepare(options); !prepared) ready.error = prepared.error();
  if (!channel.send(ready) || ready.error.status != Status::ok) _exit(1);

  std::optional<RegistrarFrame> next;
  while (true) {
    if (!next) {
      const auto frame = channel.receive(hal::kNoDeadline);
      if (!frame) _exit(0);
      // The end of an exchange that was given up: a signature that came too late for it.
      if (frame->kind == Kind::signature || frame->kind == Kind::signing_failed) continue;
      next = *frame;
    }
    next = serve_one(*next, channel, registrar);
  }
}

}  // namespace holdfast
