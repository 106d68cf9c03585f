// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/event.hpp"
#include "holdfast/identity.hpp"
#include "holdfast/registrar.hpp"
#include "holdfast/result.hpp"
#include "holdfast/signer.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

/// What a session has, and so what it can do. "Nobody is signed in" and "signed in, but the token is away" are two
/// answers.
enum class SessionState : std::uint8_t {
  no_identity = 1,    ///< no identity file could be read
  identity_only = 2,  ///< the identity is known, its key cannot be used: metadata yes, headers no
  ready = 3,          ///< the key is open; a session never leaves this state (a token that goes away is recovered)
};

/// Counts the tasks of one session from 1; 0 is "no task yet". Every header comes with its task's.
struct TaskGeneration {
  std::uint64_t value = 0;
  friend auto operator<=>(const TaskGeneration&, const TaskGeneration&) = default;
};

/// The value of an `Authorization` header, in the caller's buffer, and which task it speaks for.
struct Authorization {
  std::string_view value{};
  TaskGeneration generation{};

  [[nodiscard]] const char* data() const noexcept { return value.data(); }
  [[nodiscard]] std::size_t size() const noexcept { return value.size(); }
  // NOLINTNEXTLINE(google-explicit-constructor): it is handed to whatever takes a header's value
  operator std::string_view() const noexcept { return value; }
};

/// One header of a request. It *replaces* every header of that name (compared without case) the request has.
struct HeaderField {
  std::string_view name{};
  std::string_view value{};
};

/// `ChatGPT-Account-ID` and `X-OpenAI-Fedramp` (protocol.md §1).
inline constexpr std::size_t kMaxCompanions = 2;

/// Everything a request to a listed origin carries: `Authorization`, then its companions.
class HeaderSet {
 public:
  HeaderSet(const Authorization& authorization, std::span<const HeaderField> companions) noexcept
      : generation_(authorization.generation) {
    fields_[0] = {"Authorization", authorization.value};
    for (const HeaderField& companion : companions.first(std::min(companions.size(), kMaxCompanions))) {
      fields_[size_++] = companion;
    }
  }
  [[nodiscard]] const HeaderField* begin() const noexcept { return fields_.data(); }
  [[nodiscard]] const HeaderField* end() const noexcept { return fields_.data() + size_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] TaskGeneration generation() const noexcept { return generation_; }

 private:
  std::array<HeaderField, 1 + kMaxCompanions> fields_{};
  std::size_t size_ = 1;
  TaskGeneration generation_;
};

/// How a session treats its task; fixed when it is made.
struct TaskOptions {
  std::chrono::milliseconds registration_timeout{30'000};  ///< for a registration with all its attempts, or to wait
                                                           ///< for another thread's
  std::chrono::milliseconds signing_timeout{30'000};       ///< for one header, waiting included
  /// Rejections lead to one registration in this time at most, whether it succeeds or not; 1 s to a day.
  std::chrono::milliseconds rejection_interval{60'000};
  /// The origins headers are for: `https://HOST[:PORT]` or `wss://HOST[:PORT]`, also `http:` and `ws:` for loopback
  /// hosts. Empty: `headers_for` refuses every URL.
  std::vector<std::string> origins{};
};

/// All of it is fixed at open. Texts behind views are copied.
struct SessionOptions {
  std::string_view identity_file{};  ///< empty: searched for (`find_identity_file`)
  std::string_view pin_source{};     ///< as `SignerOptions::pin_source`
  std::string_view module_path{};
  KeyProfile minimum_profile = KeyProfile::strict;  ///< the file's is this one or `strict`
  std::optional<PublicKey> expected_key{};
  std::chrono::seconds max_age{0};  ///< as `SignerOptions::max_age`
  bool sigpipe_is_ignored = false;  ///< as `SignerOptions::sigpipe_is_ignored`
  TaskOptions task{};
  /// Succeed in the states `no_identity` and `identity_only`, too; `state`, `state_error` and `reopen` tell and cure.
  bool allow_unready = false;
  /// Who registers tasks, such as a `RegistrarProcess`: borrowed, outlives the session. Null: a registrar in this
  /// process, made from `registrar`.
  TaskSource* task_source = nullptr;
  bool registers_tasks = true;   ///< false: never; tasks come from `adopt_task` only
  RegistrarOptions registrar{};  ///< an empty URL and an empty CA file mean the identity's
  EventLog* log = nullptr;       ///< told what happens to the signer and the task; outlives the session
};

/// What a session is made of in a host without an identity file or a registrar. `signer` and `task_source` are
/// borrowed and outlive the session.
struct SessionParts {
  TypedSigner& signer;
  TaskSource* task_source = nullptr;  ///< null: tasks come from `adopt_task` only
  AccountMetadata account{};
  TaskOptions task{};
  EventLog* log = nullptr;  ///< told what happens to the task; outlives the session. The signer has its own
};

/// An agent's run task: an identity, its signer and one task in memory. Nothing is ever written to disk.
///
/// **Threads.** Movable while nobody uses it; every other method may be called from any thread, any number at once.
/// **Blocking.** Once a task is there, `authorization` and `headers_for` wait for nothing but the token; they take no
/// lock and allocate nothing. A registration blocks on the network (or the registrar's process) for the registration
/// timeout at most; one thread registers, the others wait for it and share how it ends.
/// **Errors.** In the states before `ready`, every method that needs the key answers `state_error()`. In a forked
/// child: `forked`, at once, whatever other threads were doing; what the file said can be read. Open a session there.
/// **The loop.** Send; on 401 or 403 call `rejected` with the header's generation; if it succeeds, send once more
/// with a new header; else hand the answer on (docs/examples/retry-on-401).
class AgentSession {
 public:
  /// Reads the identity file and opens the signer. No network. Allocates.
  ///
  /// Without `allow_unready` a session is `ready` or the error says why not. With it, only wrong options
  /// (`invalid_argument`) fail, and want of memory for the session itself; a `resource_exhausted` on the way to the
  /// key may pass, as when others have all of a token's sessions.
  [[nodiscard]] static Result<AgentSession> open(const SessionOptions& options) noexcept;

  /// A session on a signer that is open already: state `ready`, no file, no network. Allocates.
  /// `invalid_argument` for options out of range, an origin that is none, or an account id no header can carry.
  [[nodiscard]] static Result<AgentSession> assemble(const SessionParts& parts) noexcept;

  AgentSession(AgentSession&&) noexcept;
  AgentSession& operator=(AgentSession&&) noexcept;
  ~AgentSession();

  [[nodiscard]] SessionState state() const noexcept;
  /// Why the session is not `ready`; status `ok` if it is. In a forked child `forked`, whatever `state` says.
  [[nodiscard]] Error state_error() const noexcept;

  /// Tries again what `open` did not reach; does nothing when `ready`. Allocates; blocks on the disk and the token;
  /// threads that call it at once share one try. After a refused or locked PIN it answers that error again and leaves
  /// the token alone (P5): open another session once a person has corrected the PIN.
  [[nodiscard]] Result<void> reopen() noexcept;

  /// Whether another file stands where the identity was read (key rotated, agent registered anew): by device, inode,
  /// size and change time. The session goes on with what it read; open a second one and drop this one when its last
  /// request is done. One stat(2), so not for a host that may not look at files; false in an assembled session, true
  /// in `no_identity`. `file_invalid` or `permission_denied` if nothing can be seen there now.
  [[nodiscard]] Result<bool> identity_file_changed() const noexcept;

  /// What the file says; null in `no_identity`. In an assembled session runtime id, public key and account only.
  /// Valid, and the same, as long as the session.
  [[nodiscard]] const Identity* identity() const noexcept;
  /// The headers beside `Authorization`; empty in `no_identity`. Valid as long as the session.
  [[nodiscard]] std::span<const HeaderField> companions() const noexcept;

  /// Registers a task, unless there is one; single-flight. `timeout`: default the registration timeout.
  /// Failures as `TaskSource::register_task`; `task_required` if this session registers none; `deadline_exceeded`
  /// also when another thread's registration takes longer. After a failure the next call tries anew.
  [[nodiscard]] Result<void> register_task() noexcept;
  [[nodiscard]] Result<void> register_task(std::chrono::milliseconds timeout) noexcept;

  /// From now on headers speak for `task`, which somebody else registered for this runtime id. Its generation, a new
  /// one unless it is the present task. No network; waits for a registration under way, the registration timeout at
  /// most (`deadline_exceeded`).
  [[nodiscard]] Result<TaskGeneration> adopt_task(const TaskId& task) noexcept;

  /// The present task's; 0 if there is none.
  [[nodiscard]] TaskGeneration generation() const noexcept;

  /// Writes the value of the next request's `Authorization` header into `out` (`kMaxAuthorizationSize` bytes
  /// suffice) and returns it with its generation. Registers the task if there is none yet.
  /// Failures as `TypedSigner::authorization` and `register_task`; `out` is then all zeroes.
  ///
  /// Says nothing about where the header goes: prefer `headers_for`.
  [[nodiscard]] Result<Authorization> authorization(std::span<char> out,
                                                    Freshness freshness = Freshness::reuse) noexcept;

  /// The header set for a request to `url`, if its origin is one of `TaskOptions::origins`: scheme, host and port are
  /// compared exactly, names without case, a missing port meaning the scheme's. As `authorization` for the rest; the
  /// companions' values belong to the session.
  ///
  /// `origin_not_listed`, before anything is signed; `invalid_argument` for an URL that readers could understand in
  /// different ways: credentials, a backslash, a control character or one outside ASCII in the host, a trailing dot,
  /// an odd IP address, no `/` after the host.
  [[nodiscard]] Result<HeaderSet> headers_for(std::string_view url, std::span<char> out,
                                              Freshness freshness = Freshness::reuse) noexcept;

  /// Reports that a request with a header of `generation` was answered `http_status`. Success means: send once more,
  /// with a new header.
  ///
  /// 401 and 403 for the present task: kept headers are forgotten and one new task is registered; threads that report
  /// it at once wait for that and share it. Until it succeeds the present task stays in use. A report for an older
  /// generation changes nothing and succeeds, as there is a newer task.
  /// Errors: those of `register_task`; `authority_refused` if a task was registered less than `rejection_interval`
  /// ago and this is its rejection, so that the task is hardly the reason (within the interval a failed
  /// registration's own error is answered again); `task_required` if this session registers none; `invalid_argument`
  /// for any other HTTP status or a generation that never was. Nothing changes then.
  [[nodiscard]] Result<void> rejected(TaskGeneration generation, int http_status) noexcept;

  /// What the signer did so far; all zero before `ready` and in an assembled session.
  [[nodiscard]] SignerCounters counters() const noexcept;

 private:
  struct State;
  explicit AgentSession(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

/// How to reach the authority that `identity` names: for a `RegistrarProcess` that is started before the session.
[[nodiscard]] RegistrarOptions registrar_options(const Identity& identity);

}  // namespace holdfast
