// SPDX-License-Identifier: Apache-2.0
#include "hal/clock.hpp"
#include "src/signer/plausible_time.hpp"
#include "tools/holdfast/access_token.hpp"
#include "tools/holdfast/agent_link.hpp"
#include "tools/holdfast/answer_wait.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/identity_target.hpp"
#include "tools/holdfast/key_access.hpp"
#include "tools/holdfast/key_rotation.hpp"
#include "tools/holdfast/option_values.hpp"
#include "tools/holdfast/pin_relay.hpp"
#include "tools/holdfast/rotation_report.hpp"

namespace holdfast::tool {
namespace {

constexpr const char* kRotating = "rotating a key";
constexpr std::int64_t kDefaultOverlap = std::int64_t{24} * 3600;

/// One run of a command on one identity's rotation, under its lock.
class Rotation {
 public:
  [[nodiscard]] static Result<Rotation> begin(Terminal& terminal, const Arguments& arguments) {
    HOLDFAST_TRY(plausible_timestamp(hal::system_clock().wall(), "checking the clock"));
    PinRelay pin = HOLDFAST_TRY(PinRelay::create(arguments.value("pin-source")));
    PinRelay owner_pin = HOLDFAST_TRY(PinRelay::create(arguments.value("owner-pin-source")));
    FoundIdentity found = HOLDFAST_TRY(read_identity(arguments.value("identity-file")));
    HOLDFAST_TRY(refuse_owner_pin_source(arguments, found.identity.key_uri,
                                         "leave it out: the identity's key is in a PKCS#11 token"));
    hal::FileDescriptor lock = HOLDFAST_TRY(lock_rotation(found.path));
    // Read again: another run may have switched it before the lock was ours.
    found.identity = HOLDFAST_TRY(load_identity(found.path));
    const std::string journal_path = rotation_journal_path(found.path);
    std::optional<RotationJournal> journal = HOLDFAST_TRY(load_rotation_journal(journal_path));
    if (journal) HOLDFAST_TRY(check_journal_fits(*journal, found.identity, journal_path));
    HOLDFAST_TRY(refuse_module_of_a_tpm(found.identity.key_uri, arguments.value("module")));
    return Rotation(terminal, arguments.value("module"), std::move(pin), std::move(owner_pin), std::move(found),
                    std::move(lock), std::move(journal));
  }

  [[nodiscard]] const std::optional<RotationJournal>& journal() const { return journal_; }
  [[nodiscard]] bool is_under_way() const { return journal_ && journal_->stage != RotationStage::switched; }
  /// Whether the next key has to be registered yet, for which an access token is needed.
  [[nodiscard]] bool needs_registration() const {
    return !is_under_way() || journal_->stage < RotationStage::registered;
  }
  [[nodiscard]] bool has_old_key() const { return journal_ && journal_->stage == RotationStage::switched; }
  [[nodiscard]] bool is_overlap_over() const {
    return has_old_key() && hal::system_clock().wall() >= journal_->old_key_until;
  }

  /// A rotation that was cut off after the identity file was written: says so in the journal.
  [[nodiscard]] Result<bool> finish_switch() {
    if (!is_under_way() || !is_switched(*journal_, found_.identity)) return false;
    HOLDFAST_TRY(note_switch());
    return true;
  }

  [[nodiscard]] Result<void> undo() {
    const RotationAccess once = HOLDFAST_TRY(access());
    terminal_.hold_signals();
    HOLDFAST_TRY(discard_next_key(*journal_, once));
    terminal_.remember_done("the new key is removed; the old one is in use as before");
    const std::int64_t unused = journal_->unanswered_registrations + (journal_->new_runtime_id ? 1 : 0);
    Report report;
    report.row("undone", "undone", "the new key is removed; the old one is in use as before", Json::boolean(true))
        .text("agent_runtime_id", "agent", found_.identity.runtime_id.view())
        .for_programs("unused_registrations", Json::integer(unused));
    HOLDFAST_TRY(forget());
    terminal_.show(report);
    say_unused(unused);
    return {};
  }

  /// From wherever it stands to the switched identity file.
  [[nodiscard]] Result<void> go_on(Registrar& registrar, std::optional<std::int64_t> keep_for,
                                   const hal::SecretBytes& access_token) {
    Identity next = HOLDFAST_TRY(next_key(keep_for));
    remember_done(
        "the new key is in the token and not in use; the old one is in use as before. holdfast agent rotate goes on "
        "from here, holdfast agent rotate --undo takes it back");
    const SignalHold& hold = terminal_.hold_signals();
    HOLDFAST_TRY(hold.check(kRotating));
    if (needs_registration()) {
      HOLDFAST_TRY(register_next(registrar, next, access_token));
      HOLDFAST_TRY(hold.check(kRotating));
    }
    next.runtime_id = *journal_->new_runtime_id;
    HOLDFAST_TRY(try_next(registrar, next));
    HOLDFAST_TRY(hold.check(kRotating));
    // A failure may leave the new file there: if only its folder could not be secured on the disk.
    remember_done(
        "the new key is in the token and registered; holdfast agent show tells which key is in use. holdfast agent "
        "rotate goes on from here");
    HOLDFAST_TRY(store_identity(next, found_.path, true));
    remember_done("the identity file " + found_.path +
                  " names the new key; the old one is still in the token. holdfast agent rotate records that");
    found_.identity = next;
    HOLDFAST_TRY(note_switch());
    remember_done("the identity file " + found_.path + " names the new key");
    return {};
  }

  /// What `removed` says is part of what stays done from then on.
  [[nodiscard]] Result<void> retire(std::string_view removed) {
    const RotationAccess once = HOLDFAST_TRY(access());
    terminal_.progress("removing the old key");
    terminal_.hold_signals();
    HOLDFAST_TRY(remove_old_key(*journal_, once));
    done_before_ = removed;
    remember_done({});
    return forget();
  }

  void show(std::string_view what, const RotationJournal& about, bool is_old_key_kept) {
    const Identity& identity = found_.identity;
    Report report;
    report.text("result", "rotation", what)
        .text("agent_runtime_id", "agent", identity.runtime_id.view())
        .text("identity_file", "identity file", found_.path)
        .text("key_uri", "key", identity.key_uri)
        .text("scheme", "scheme", scheme_name(identity.public_key.scheme()))
        .text("public_key", "public key", to_ssh_public_key(identity.public_key).view())
        .text("profile", "profile", profile_name(identity.profile))
        .text("old_agent_runtime_id", "old agent", about.old_runtime_id.view())
        .row("old_key_until", "old key", is_old_key_kept ? "kept until " + time_text(about.old_key_until) : "removed",
             is_old_key_kept ? Json::string(time_text(about.old_key_until)) : Json())
        .for_programs("unused_registrations", Json::integer(about.unanswered_registrations));
    terminal_.show(report);
    say_unused(about.unanswered_registrations);
  }

 private:
  Rotation(Terminal& terminal, std::string_view module_path, PinRelay pin, PinRelay owner_pin, FoundIdentity found,
           hal::FileDescriptor lock, std::optional<RotationJournal> journal)
      : terminal_(terminal),
        module_path_(module_path),
        pin_(std::move(pin)),
        owner_pin_(std::move(owner_pin)),
        found_(std::move(found)),
        lock_(std::move(lock)),
        journal_(std::move(journal)) {}

  /// For one opening.
  [[nodiscard]] Result<RotationAccess> access() {
    RotationAccess once{.module_path = module_path_, .pin = {}, .owner_pin = {}};
    once.pin = HOLDFAST_TRY(pin_.next("PIN of the token")).source;
    once.owner_pin = HOLDFAST_TRY(owner_pin_.next("auth value of the TPM's owner")).source;
    return once;
  }

  void remember_done(std::string_view done) {
    terminal_.remember_done(done_before_ + (done_before_.empty() || done.empty() ? "" : "; ") + std::string(done));
  }

  void say_unused(std::int64_t count) {
    if (count == 0) return;
    terminal_.note("the authority may hold " + std::to_string(count) +
                   (count == 1 ? " registration" : " registrations") +
                   " that nobody uses: its answer was lost, or was not wanted any more; no key is left for it");
  }

  [[nodiscard]] Result<void> keep() { return store_rotation_journal(*journal_, rotation_journal_path(found_.path)); }
  [[nodiscard]] Result<void> forget() {
    journal_.reset();
    return remove_rotation_journal(rotation_journal_path(found_.path));
  }

  [[nodiscard]] Result<Identity> next_key(std::optional<std::int64_t> keep_for) {
    if (journal_ && keep_for) journal_->keep_for = *keep_for;  // what is asked for last holds
    if (journal_ && journal_->stage != RotationStage::making) return find_next();
    const bool is_new = !journal_;
    if (is_new) {
      journal_ = HOLDFAST_TRY(plan_rotation(found_.identity, kDefaultOverlap));
      const RotationAccess once = HOLDFAST_TRY(access());
      journal_->nameless_before = HOLDFAST_TRY(count_nameless_keys(found_.identity, once));
    }
    if (keep_for) journal_->keep_for = *keep_for;
    const RotationAccess once = HOLDFAST_TRY(access());
    terminal_.hold_signals();
    // Before anything is made: whoever comes after knows what it was called.
    if (is_new) HOLDFAST_TRY(keep());
    remember_done(
        "the rotation was begun; the old key is in use as before. holdfast agent rotate goes on from here, holdfast "
        "agent rotate --undo takes it back");
    terminal_.progress("making the new key");
    return make_next_key(*journal_, found_.identity, once, !is_new);
  }

  [[nodiscard]] Result<Identity> find_next() {
    const RotationAccess once = HOLDFAST_TRY(access());
    Result<Identity> next = find_next_key(*journal_, found_.identity, once);
    if (next || (next.status() != Status::key_not_found && next.status() != Status::key_changed)) return next;
    Error error = next.error();
    error.hint =
        "the new key of the rotation under way is gone; take the rotation back: holdfast agent rotate --undo";
    return error;
  }

  [[nodiscard]] Result<void> register_next(Registrar& registrar, const Identity& next,
                                           const hal::SecretBytes& access_token) {
    journal_->stage = RotationStage::registering;
    journal_->new_public_key = next.public_key;
    ++journal_->unanswered_registrations;
    HOLDFAST_TRY(keep());
    terminal_.progress("registering the new key");
    const auto runtime = [&] {
      const AnswerWait wait(terminal_, kRotating);
      return register_public_key(terminal_, registrar, next.public_key, next.account.is_fedramp, access_token);
    }();
    if (!runtime) {
      if (!registrar.may_have_registered()) {
        --journal_->unanswered_registrations;
        HOLDFAST_TRY(keep());
      }
      return runtime.error();
    }
    --journal_->unanswered_registrations;
    journal_->stage = RotationStage::registered;
    journal_->new_runtime_id = *runtime;
    return keep();
  }

  [[nodiscard]] Result<void> try_next(Registrar& registrar, const Identity& next) {
    terminal_.progress("registering a trial task");
    const RelayedPin handed = HOLDFAST_TRY(pin_.next("PIN of the token"));
    Signer signer = HOLDFAST_TRY(open_signer(next, handed.text));
    const AnswerWait wait(terminal_, kRotating);
    HOLDFAST_TRY(register_task(terminal_, registrar, signer));
    return {};
  }

  [[nodiscard]] Result<void> note_switch() {
    journal_->stage = RotationStage::switched;
    journal_->old_key_until = WallSeconds{hal::system_clock().wall().value + journal_->keep_for};
    return keep();
  }

  Terminal& terminal_;
  std::string module_path_;
  PinRelay pin_;
  PinRelay owner_pin_;
  FoundIdentity found_;
  hal::FileDescriptor lock_;
  std::optional<RotationJournal> journal_;
  std::string done_before_;
};

std::string options_again(const Arguments& arguments) {
  std::string text;
  for (const std::string_view name : {"identity-file", "pin-source", "module", "owner-pin-source"}) {
    if (arguments.has(name)) text += " --" + std::string(name) + " " + shell_quoted(arguments.value(name));
  }
  return text;
}

Result<void> undo_rotation(Terminal& terminal, const Arguments& arguments) {
  if (arguments.has("keep-for") || arguments.has("access-token-source")) {
    return wrong_value("--undo goes on with nothing: --keep-for and --access-token-source are of no use to it",
                       "leave them out, or --undo to go on with the rotation");
  }
  Rotation rotation = HOLDFAST_TRY(Rotation::begin(terminal, arguments));
  (void)HOLDFAST_TRY(rotation.finish_switch());
  if (rotation.is_under_way()) return rotation.undo();
  return failure(Status::invalid_argument, Layer::core, "taking a rotation back")
      .about(rotation.has_old_key() ? "the identity file names the new key already" : "no rotation is under way")
      .with_hint("holdfast agent show tells which key is in use");
}

Result<void> end_run(Terminal& terminal, const Arguments& arguments, Rotation& rotation, std::string_view what) {
  const RotationJournal about = *rotation.journal();
  const bool is_old_key_kept = about.keep_for > 0;
  if (!is_old_key_kept) {
    HOLDFAST_TRY(rotation.retire("the identity file names the new key, and the old key is removed"));
  }
  rotation.show(what, about, is_old_key_kept);
  if (is_old_key_kept) {
    terminal.next_step("When that time has passed, and every host has opened the identity again",
                       "holdfast agent retire" + options_again(arguments));
  }
  return {};
}

Result<void> rotate_agent(Terminal& terminal, const Arguments& arguments) {
  if (arguments.has("undo")) return undo_rotation(terminal, arguments);
  std::optional<std::int64_t> keep_for;
  if (arguments.has("keep-for")) keep_for = HOLDFAST_TRY(parse_duration(arguments.value("keep-for")));
  if (!arguments.has("access-token-source")) {
    return wrong_value("--access-token-source is missing",
                       "name where the bearer token comes from, as for agent register: file:/PATH, fd:N or prompt");
  }
  const hal::PinSource token_source = HOLDFAST_TRY(hal::PinSource::parse(arguments.value("access-token-source")));
  Rotation rotation = HOLDFAST_TRY(Rotation::begin(terminal, arguments));
  if (HOLDFAST_TRY(rotation.finish_switch())) {
    return end_run(terminal, arguments, rotation, "an earlier one, cut off at its end, is finished");
  }
  if (rotation.has_old_key()) {
    if (!rotation.is_overlap_over()) {
      terminal.advise("the last rotation is done; wait, or end its overlap now: holdfast agent retire --now" +
                      options_again(arguments));
      return failure(Status::permission_denied, Layer::core, "beginning a rotation")
          .about("the old key is kept until " + time_text(rotation.journal()->old_key_until));
    }
  }
  // Before anything is removed and signals are held: a source may let it wait for as long as it likes.
  hal::SecretBytes access_token;
  if (rotation.needs_registration()) access_token = HOLDFAST_TRY(read_access_token(token_source));
  if (rotation.has_old_key()) {
    constexpr std::string_view kRemoved = "the key of the rotation before was removed: its time had passed";
    HOLDFAST_TRY(rotation.retire(kRemoved));
    terminal.note(kRemoved);
  }
  const bool is_resumed = rotation.is_under_way();
  const FoundIdentity found = HOLDFAST_TRY(read_identity(arguments.value("identity-file")));
  Registrar registrar = HOLDFAST_TRY(registrar_for(found.identity));
  HOLDFAST_TRY(rotation.go_on(registrar, keep_for, access_token));
  return end_run(terminal, arguments, rotation, is_resumed ? "an earlier one, cut off, is finished" : "done");
}

Result<void> retire_agent(Terminal& terminal, const Arguments& arguments) {
  Rotation rotation = HOLDFAST_TRY(Rotation::begin(terminal, arguments));
  (void)HOLDFAST_TRY(rotation.finish_switch());
  if (rotation.is_under_way()) {
    const std::string rotate = "holdfast agent rotate" + options_again(arguments);
    terminal.advise("finish it with " + rotate + ", or take it back with " + rotate + " --undo");
    return failure(Status::permission_denied, Layer::core, "retiring the old key")
        .about("a rotation is under way, and the old key is in use");
  }
  if (!rotation.has_old_key()) {
    Report report;
    report.row("retired", "retired", "nothing: no old key is kept", Json::boolean(false));
    terminal.show(report);
    return {};
  }
  const RotationJournal about = *rotation.journal();
  Report report;
  if (!rotation.is_overlap_over() && !arguments.has("now")) {
    const std::string until = time_text(about.old_key_until);
    report.row("retired", "retired", "nothing yet: the old key is kept until " + until, Json::boolean(false))
        .text("old_key_until", "", until);
    terminal.show(report);
    terminal.note("hosts may still use it; remove it all the same with --now");
    return {};
  }
  HOLDFAST_TRY(rotation.retire("the old key is removed"));

  report.row("retired", "retired", about.old_key_uri, Json::boolean(true))
      .text("old_key_uri", "", about.old_key_uri)
      .text("old_agent_runtime_id", "old agent", about.old_runtime_id.view())
      .text("old_public_key", "old public key", to_ssh_public_key(about.old_public_key).view());
  terminal.show(report);
  terminal.note("the authority still lists the old agent; with its key gone nobody can sign for it");
  return {};
}

}  // namespace

std::vector<Command> rotation_commands(Terminal& terminal) {
  return {
      {.words = "agent rotate",
       .summary = "puts a new key in the place of an identity's",
       .description =
           "Makes a key of the same kind in the same token, registers it, registers a trial task with it, and only "
           "then\n"
           "switches the identity file. The old key stays in the token for an overlap, so that hosts which run go "
           "on.\n"
           "What is done stands in a journal beside the identity file: a run that was cut off is finished by the "
           "next.",
       .positionals = {},
       .options = {{.name = "access-token-source",
                    .value_name = "SOURCE",
                    .help = "where the bearer token comes from, as --pin-source; needed unless --undo"},
                   {.name = "keep-for",
                    .value_name = "DURATION",
                    .help = "how long the old key is kept: 90s, 30m, 24h, 7d; 0s removes it at once; default: 24h"},
                   {.name = "undo",
                    .value_name = "",
                    .help = "take back a rotation that has not switched the identity file yet",
                    .kind = OptionKind::flag},
                   kIdentityFileOption,
                   kPinSourceOption,
                   kOwnerPinSourceOption,
                   kModuleOption},
       .examples = {{.purpose = "Rotate the key of this machine's agent, and keep the old one for a week",
                     .command_line =
                         "holdfast agent rotate --access-token-source file:/run/ci/bearer --keep-for 7d"}},
       .run = running(terminal, rotate_agent)},
      {.words = "agent retire",
       .summary = "removes the key that agent rotate replaced, once its overlap has passed",
       .description = "Does nothing if no old key is kept, or its time has not passed yet, so that a timer may run "
                      "it.",
       .positionals = {},
       .options = {{.name = "now",
                    .value_name = "",
                    .help = "also before the overlap has passed: hosts that still use the old key fail",
                    .kind = OptionKind::flag},
                   kIdentityFileOption,
                   kPinSourceOption,
                   kOwnerPinSourceOption,
                   kModuleOption},
       .examples = {{.purpose = "Remove the old key if its time has passed",
                     .command_line = "holdfast agent retire --quiet"}},
       .run = running(terminal, retire_agent)},
  };
}

}  // namespace holdfast::tool
