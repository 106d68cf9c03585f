// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"
#include "holdfast/signer.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace holdfast {

/// How to reach an authority; fixed when made. Files: absolute paths, to what only root and this user can change.
struct RegistrarOptions {
  std::string
      authority_url{};    ///< authapi base; `https:`, or `http:` to a loopback address only; trailing `/` removed
  std::string ca_file{};  ///< PEM bundle; empty: the system's
  std::string ca_directory{};
  std::string client_certificate{};  ///< PEM file, for mutual TLS
  std::string client_key{};          ///< PEM file
  std::string proxy{};               ///< explicit proxy URL; empty: none
  bool use_environment_proxy = false;
  std::string originator{};  ///< value of the `originator` header; empty: not sent
  std::chrono::milliseconds connect_timeout{10'000};
  unsigned attempts = 3;  ///< 1 to 10, in all
};

/// The first 512 bytes of what an authority answered to a failed request, control characters removed, cut on a
/// UTF-8 boundary; empty if it did not answer.
using AnswerExcerpt = FixedText<512>;

/// What an agent registration says of itself (protocol.md §3, `abom`).
struct AgentRegistration {
  PublicKey public_key{};
  std::string_view access_token{};  ///< bearer; sent once per attempt, never logged
  std::string_view agent_version{};
  std::string_view harness_id = "holdfast";
  std::string_view running_location = "cli-linux";
  bool is_fedramp = false;
};

/// Where a session's tasks come from: an authority, by whatever way.
class TaskSource {
 public:
  /// Registers one task for the signer's runtime id and returns its id. Blocks, `timeout` at most. Sessions call it
  /// from any thread.
  [[nodiscard]] virtual Result<TaskId> register_task(TypedSigner& signer,
                                                     std::chrono::milliseconds timeout) noexcept = 0;

 protected:
  ~TaskSource() = default;
};

/// Speaks to an authority over HTTPS: registers agents and tasks.
///
/// Knows nothing of tokens: a `TypedSigner` makes each attempt's signature. Allocates; blocks on the network up to
/// the deadlines given. Any thread, one request at a time per registrar.
class Registrar {
 public:
  /// `invalid_argument` for an URL that is not https (or http to loopback), holds credentials, a query or a
  /// fragment. Loads libcurl on first use, not here.
  [[nodiscard]] static Result<Registrar> create(RegistrarOptions options) noexcept;

  Registrar(Registrar&&) noexcept;
  Registrar& operator=(Registrar&&) noexcept;
  ~Registrar();

  /// Registers one task for the signer's runtime id and returns its id.
  ///
  /// Up to `attempts` tries, each with a new timestamp and signature; 429, every 5xx and transport errors are tried
  /// again after a back-off with jitter (`Retry-After` is honoured up to 20 s). `timeout` bounds all of it;
  /// protocol.md §2 asks for 30 s a request. Worth handling: `authority_unavailable`, `authority_refused` (401:
  /// unknown agent or wrong clock: the detail names a clock difference of more than a minute), `authority_untrusted`
  /// (its certificate; nothing was sent), `sealed_answer`, `authority_answer_invalid`, `file_untrusted` for a CA or
  /// client file, and whatever the signer answers.
  [[nodiscard]] Result<TaskId> register_task(TypedSigner& signer, std::chrono::milliseconds timeout,
                                             AnswerExcerpt* excerpt = nullptr) noexcept;

  /// Registers a public key and returns the runtime id the authority gave it. Retries as `register_task`, with the
  /// same key.
  [[nodiscard]] Result<RuntimeId> register_agent(const AgentRegistration& registration,
                                                 std::chrono::milliseconds timeout,
                                                 AnswerExcerpt* excerpt = nullptr) noexcept;

  /// Of the last `register_agent`, when it failed: whether the authority may have registered the key all the same. An
  /// attempt, not only the last, may have arrived, and its answer was lost, a 5xx, or none that names an agent.
  /// False: each was refused, or reached nobody.
  [[nodiscard]] bool may_have_registered() const noexcept;

 private:
  struct State;
  explicit Registrar(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

/// What is asked of a registrar in a process of its own, beside how it reaches the authority.
struct RegistrarProcessOptions {
  RegistrarOptions registrar{};
  /// For the child to say that it has loaded its libraries and closed its sandbox.
  std::chrono::milliseconds start_timeout{10'000};
  /// The child ends with `permission_denied` instead of serving where the kernel has no Landlock.
  bool requires_landlock = false;
  /// Called in the child when all else is done, before the first request: a place for a seccomp filter of the host's
  /// own, which must leave what libcurl and name look-up need. False ends the child.
  bool (*enter_sandbox)(void* context) noexcept = nullptr;
  void* sandbox_context = nullptr;
};

/// What a host knows of its registrar's process.
enum class RegistrarProcessState : std::uint8_t {
  running = 1,
  gone = 2,  ///< it ended, was killed, or broke the protocol and was put down: `restart` or `attach`
};

/// A registrar in a process of its own: it speaks HTTP for a host that may not, over a socket pair. The host signs,
/// the registrar carries: for each attempt it asks for a registration with a new timestamp, and it gets nothing else.
///
/// **Order.** The child is a fork of the host. Start it first: before threads are made, and before a signer is opened
/// or a PIN is read, because what the host's memory holds then the child has, too. The child keeps no descriptor but
/// its socket, sees no file but what TLS and name look-up need (Landlock, read-only), gains no privileges, and leaves
/// no core. It ends with its host: when the socket closes, and when the thread that forked it ends
/// (PR_SET_PDEATHSIG), so start it from one that lasts.
/// **Trust.** Each side takes the other for hostile: frames are bounded and read strictly, and one that does not
/// belong ends the conversation; the host then kills the child.
/// **Host side.** After `start` nothing is allocated, but to open a sealed task id (`SealedTaskOpener`). Calls from
/// any thread, one registration at a time; each waits no longer than its timeout. System calls: `sendto`, `poll`,
/// `recvfrom`, `futex`, and `pidfd_send_signal`, `waitid` and `close` when the child is gone. In a child forked from
/// the host: `forked`.
class RegistrarProcess final : public TaskSource {
 public:
  /// Forks the registrar and waits until it is ready. Failures: those of `Registrar::create`; what kept the child
  /// from being ready (libcurl missing: `file_invalid`); `resource_exhausted` for fork(2), `deadline_exceeded`.
  [[nodiscard]] static Result<RegistrarProcess> start(const RegistrarProcessOptions& options) noexcept;

  /// Uses a registrar that another process (the host's parent) started and whose `socket` it passed on. Takes the
  /// descriptor over, success or not. `invalid_argument` if it is no sequenced-packet unix socket.
  [[nodiscard]] static Result<RegistrarProcess> attach(int socket) noexcept;

  /// Not to be moved while a session uses it.
  RegistrarProcess(RegistrarProcess&&) noexcept;
  RegistrarProcess& operator=(RegistrarProcess&&) noexcept;
  /// Ends the child and waits for its end; of an attached one closes the socket.
  ~RegistrarProcess();

  /// As `Registrar::register_task`, which does the work on the other side. `authority_unavailable`, with a hint of
  /// its own, when the registrar is gone or goes meanwhile: the session's present task is as good as before.
  [[nodiscard]] Result<TaskId> register_task(TypedSigner& signer,
                                             std::chrono::milliseconds timeout) noexcept override;

  /// Looks for the child's end without waiting.
  [[nodiscard]] RegistrarProcessState state() noexcept;

  /// Puts a new child in the place of one that is gone (or ends one that hangs), where the host may still fork. The
  /// new child is a copy of the host as it is *now*: pages that hold PINs are empty in it, but not what a token's
  /// module keeps in this process. A host on SoftHSM does not want this; one that is locked down lets its parent do
  /// it. Failures as `start`; `invalid_argument` if this registrar was attached.
  [[nodiscard]] Result<void> restart() noexcept;
  /// Puts a registrar that the host's parent started in the place of one that is gone. As `attach`.
  [[nodiscard]] Result<void> reattach(int socket) noexcept;

  /// The descriptor of the host's end, for a parent that passes it on (SCM_RIGHTS, or by inheritance; it is
  /// close-on-exec); stays owned by this object. -1 when gone.
  [[nodiscard]] int socket() const noexcept;
  /// The child's process id; -1 when gone or attached.
  [[nodiscard]] int process_id() const noexcept;

 private:
  struct State;
  explicit RegistrarProcess(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
