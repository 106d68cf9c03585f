// SPDX-License-Identifier: Apache-2.0
#include "hal/clock.hpp"
#include "hal/pin_source.hpp"
#include "hal/trusted_file.hpp"
#include "src/identity/rotation_journal.hpp"
#include "src/registrar/authority_check.hpp"
#include "src/signer/key_policy.hpp"
#include "src/signer/plausible_time.hpp"
#include "tools/holdfast/agent_link.hpp"
#include "tools/holdfast/commands.hpp"
#include "tools/holdfast/findings.hpp"
#include "tools/holdfast/identity_target.hpp"
#include "tools/holdfast/key_access.hpp"
#include "tools/holdfast/key_import.hpp"
#include "tools/holdfast/key_report.hpp"
#include "tools/holdfast/key_uri.hpp"
#include "tools/holdfast/pin_relay.hpp"
#include "tools/holdfast/rotation_report.hpp"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace holdfast::tool {
namespace {

// protocol.md §2: authorities take a registration of their own time, five minutes more or less.
constexpr std::int64_t kTakenDifference = 300;
constexpr std::int64_t kFineDifference = 30;

std::string owner_and_mode(const struct stat& info) {
  const std::string owner = info.st_uid == 0           ? "root"
                            : info.st_uid == geteuid() ? "this user"
                                                       : "user " + std::to_string(info.st_uid);
  char mode[8]{'0'};
  const auto end = std::to_chars(mode + 1, mode + sizeof mode, info.st_mode & 07777U, 8).ptr;
  return "of " + owner + ", mode " + std::string(mode, end);
}

bool is_about_the_pin(Status status) {
  return status >= Status::pin_required && status <= Status::pin_refused_before;
}

std::string seconds(std::int64_t count) { return std::to_string(count) + (count == 1 ? " second" : " seconds"); }

/// One look at everything that has to be right before a header comes out, from the file to the authority. Whatever
/// hangs on something that is not right is not looked at.
class Examination {
 public:
  Examination(Terminal& terminal, const Arguments& arguments, PinRelay pin)
      : terminal_(terminal), arguments_(arguments), pin_(std::move(pin)) {}

  Findings run() {
    look_at_machine();
    look_at_identity();
    look_at_token();
    look_at_pin();
    look_at_key();
    look_at_signature();
    look_at_authority();
    return std::move(findings_);
  }
  /// What the token says of the key; empty if it was not looked at.
  [[nodiscard]] const std::map<std::string, bool>& attributes() const { return attributes_; }

 private:
  // Says whose the file is and what may be done to it, or what is wrong with that. `unusable` is what a file that
  // cannot be used is to whoever needs it: as their own commands say it, and end.
  bool look_at_file(std::string_view what, const std::string& path, hal::FilePrivacy privacy,
                    Status unusable = Status::file_invalid) {
    const auto file = hal::open_trusted(path, privacy);
    struct stat info {};
    if (!file || fstat(file->get(), &info) != 0) {
      Error error =
          file ? failure(Status::file_invalid, Layer::system, "looking at a file").about(path) : file.error();
      if (error.status == Status::file_invalid) error.status = unusable;
      findings_.problem(error);
      return false;
    }
    const char* who = privacy == hal::FilePrivacy::readable ? "; nobody else changes it or its folders"
                                                            : "; nobody else reads it, or changes it or its folders";
    findings_.good(std::string(what) + " " + path + ": " + owner_and_mode(info) + who);
    return true;
  }

  void look_at_machine() {
    findings_.begin("machine");
    const auto time = plausible_timestamp(hal::system_clock().wall(), "checking the clock");
    if (!time) return findings_.problem(time.error());
    findings_.good("the clock says " + std::string(time->view()));
  }

  void look_at_identity() {
    findings_.begin("identity");
    if (arguments_.has("key") && !arguments_.has("identity-file")) {
      return findings_.skip("--key: the key is looked at alone");
    }
    const auto found = read_identity(arguments_.value("identity-file"));
    if (!found) return findings_.problem(found.error());
    identity_ = found->identity;
    look_at_file("file", found->path, hal::FilePrivacy::readable);
    findings_.good("agent " + std::string(identity_->runtime_id.view()) + ", " +
                   std::string(scheme_name(identity_->public_key.scheme())) + ", profile " +
                   std::string(profile_name(identity_->profile)));
    const auto journal = load_rotation_journal(rotation_journal_path(found->path));
    if (!journal) return findings_.problem(journal.error());
    if (*journal) {
      findings_.note("an exchange of its key is " + rotation_in_words(**journal, *identity_,
                                                                      hal::system_clock().wall(),
                                                                      identity_option_again(arguments_)));
    }
  }

  [[nodiscard]] std::string key_uri() const {
    if (arguments_.has("key")) return std::string(arguments_.value("key"));
    return identity_ ? identity_->key_uri : std::string();
  }
  [[nodiscard]] bool is_tpm() const { return is_tpm_uri(key_uri()); }

  void look_at_token() {
    findings_.begin("token");
    if (key_uri().empty()) return findings_.skip("no key is known: name one with --key URI");
    if (!look_at_token_files()) return;
    const Result<hal::TokenDescription> token = describe_token();
    if (!token) return findings_.problem(token.error());
    findings_.good(std::string(is_tpm() ? "TPM " : "module ") + std::string(token->library.view()));
    findings_.good("token " + std::string(token->label.view()) +
                   (token->serial.empty() ? "" : ", serial " + std::string(token->serial.view())) + ": " +
                   flags_in_words(*token));
    if (token->pin_locked) {
      findings_.problem(failure(Status::pin_locked, Layer::core, "looking at the token").about("its PIN is locked"));
    }
    if (token->failure_count) say_failures(*token->failure_count);
    if (is_tpm()) say_transport();
    if (token->is_software) findings_.note(kSoftwareTokenNote);
    const bool is_offered =
        identity_ && identity_->public_key.scheme() == Scheme::ed25519 ? token->can_ed25519 : token->can_es256;
    if (identity_ && !is_offered) {
      return findings_.problem(failure(Status::scheme_unsupported, Layer::core, "looking at the token")
                                   .about("it offers " + schemes_in_words(*token) + ", and the identity needs " +
                                          std::string(scheme_name(identity_->public_key.scheme()))));
    }
    findings_.good("it offers " + schemes_in_words(*token));
    needs_login_ = token->needs_login;
    is_token_there_ = true;
  }

  bool look_at_token_files() {
    const std::string uri = key_uri();
    if (is_tpm()) {
      const auto file = path_attribute(uri, "file");
      return !file || !*file || look_at_file("key file", **file, hal::FilePrivacy::readable);
    }
    std::string path(arguments_.value("module"));
    if (path.empty()) path = query_attribute(uri, "module-path").value_or("");
    return path.empty() || look_at_file("module", path, hal::FilePrivacy::readable, Status::module_unusable);
  }

  Result<hal::TokenDescription> describe_token() {
    const hal::DevicePtr device = HOLDFAST_TRY(open_device(request(), hal::DeviceAccess::browse));
    return device->describe_token();
  }
  [[nodiscard]] Result<OpenKey> open_with_pin() {
    DeviceRequest wanted = request();
    wanted.relayed_pin = HOLDFAST_TRY(pin_.next("PIN of the token")).source;
    return open_key(wanted, hal::DeviceAccess::sign);
  }
  [[nodiscard]] DeviceRequest request() {
    uri_ = key_uri();
    return {uri_, arguments_.value("module"), {}};
  }

  void say_failures(const hal::FailureCount& count) {
    std::string words = std::to_string(count.failures) + " of " + std::to_string(count.limit) +
                        " wrong auth values on count; one is forgotten every " + seconds(count.seconds_to_forget);
    if (count.failures + 1 < count.limit) return findings_.good(words);
    findings_.note(words + ": no key with an auth value is used while the next would lock the TPM",
                   "wait, or reset it: tpm2_dictionarylockout --clear-lockout");
  }

  void say_transport() {
    const std::string tcti = query_attribute(uri_, "tcti").value_or("device:/dev/tpmrm0");
    const bool is_managed = tcti.starts_with("tabrmd") || tcti.find("tpmrm") != std::string::npos;
    if (is_managed) return findings_.good("by way of " + tcti + ", which shares it among processes");
    findings_.note("by way of " + tcti + ": no resource manager, so one process at a time");
  }

  void look_at_pin() {
    findings_.begin("PIN");
    if (!is_token_there_) return findings_.skip("the token comes first");
    std::string source(arguments_.value("pin-source"));
    if (source.empty()) source = query_attribute(key_uri(), "pin-source").value_or("");
    if (source.empty()) {
      is_pin_readable_ = true;
      if (needs_login_) {
        return findings_.note("the token needs a login, and no source of a PIN is named", "--pin-source");
      }
      return findings_.good(is_tpm() ? "no auth value is named" : "no login is needed");
    }
    const auto parsed = hal::PinSource::parse(source);
    if (!parsed) return findings_.problem(parsed.error());
    std::string path;
    hal::FilePrivacy privacy = hal::FilePrivacy::owner_only;
    if (parsed->kind == hal::PinSource::Kind::file) path = parsed->name.view();
    if (const char* folder = getenv("CREDENTIALS_DIRECTORY");  // NOLINT(concurrency-mt-unsafe): one thread
        parsed->kind == hal::PinSource::Kind::credential && folder != nullptr) {
      path = std::string(folder) + "/" + std::string(parsed->name.view());
      privacy = hal::FilePrivacy::credential;
    }
    is_pin_readable_ = path.empty() || look_at_file("source", path, privacy);
    if (path.empty()) findings_.good("source " + source.substr(0, source.find(':')) + ": read when it is needed");
  }

  void look_at_key() {
    findings_.begin("key");
    if (!is_pin_readable_) return findings_.skip("what comes before it is not right yet");
    if (arguments_.has("no-login")) return findings_.skip("--no-login: no PIN is sent");
    const Result<OpenKey> key = open_with_pin();
    if (!key) {
      if (is_about_the_pin(key.status())) findings_.begin("PIN");
      return findings_.problem(key.error());
    }
    const hal::KeyDescription& described = key->description;
    findings_.good("found: " + std::string(described.uri.view()));
    if (!described.public_key) {
      return findings_.problem(failure(Status::key_not_found, Layer::core, "reading the public key")
                                   .about("the token shows no public half of this key"));
    }
    if (identity_ && *described.public_key != identity_->public_key) {
      return findings_.problem(failure(Status::key_changed, Layer::core, "comparing the key with the identity")
                                   .about("another key is under that name"));
    }
    attributes_ = attribute_snapshot(described.attributes);
    if (!judge(described)) return;
    if (identity_ && !identity_->twin_uri.empty()) look_at_twin(*key->device);
    candidate_ = identity_ ? *identity_ : Identity{.runtime_id = RuntimeId::parse("holdfast-doctor").value()};
    candidate_->key_uri = uri_;
    candidate_->public_key = *described.public_key;
    candidate_->profile = profile_;
  }

  bool judge(const hal::KeyDescription& described) {
    profile_ = identity_ ? identity_->profile : KeyProfile::strict;
    if (const auto named = parse_profile(arguments_.value("profile"))) profile_ = *named;
    const Result<void> verdict = check_key_policy(described, profile_);
    if (!verdict) findings_.problem(verdict.error());
    if (verdict) findings_.good("it is as the profile " + std::string(profile_name(profile_)) + " wants it");
    return verdict.has_value();
  }

  void look_at_twin(hal::KeyDevice& device) {
    const auto proven = prove_twin(device, identity_->twin_uri, identity_->public_key);
    if (!proven) return findings_.problem(proven.error());
    findings_.good("its twin opens what is sealed to it");
  }

  // The token is opened anew: a TPM without a resource manager takes one client at a time.
  void look_at_signature() {
    if (!candidate_) return;
    const auto handed = pin_.next("PIN of the token");
    Result<Signer> signer = handed ? open_signer(*candidate_, handed->text) : Result<Signer>(handed.error());
    if (!signer) return findings_.problem(signer.error());
    const auto signature = signer->sign_task_registration(kSigningTimeout);
    if (!signature) return findings_.problem(signature.error());
    findings_.good("it signs, and the signature verifies");
    signer_ = std::move(signer).value();
  }

  void look_at_authority() {
    findings_.begin("authority");
    if (arguments_.has("offline")) return findings_.skip("--offline: nothing is sent");
    const std::string url(arguments_.has("authority") ? arguments_.value("authority")
                                                      : std::string_view(identity_ ? identity_->authority_url : ""));
    if (url.empty()) return findings_.skip("none is known: name one with --authority URL");
    RegistrarOptions options;
    options.authority_url = url;
    options.ca_file = identity_ ? identity_->authority_ca_file : "";
    if (arguments_.has("ca-file")) {
      const auto path = absolute_path(arguments_.value("ca-file"));
      if (!path) return findings_.problem(path.error());
      options.ca_file = *path;
    }
    if (!options.ca_file.empty() && !look_at_file("CA file", options.ca_file, hal::FilePrivacy::readable)) return;
    terminal_.progress("asking for " + url);
    const auto answer = ask_authority(options);
    if (!answer) return findings_.problem(answer.error());
    findings_.good(url +
                   (answer->is_encrypted ? " is reached, and its certificate holds" : " is reached, without TLS"));
    compare_clocks(*answer);
    if (answer->http_status >= 500) {
      return findings_.problem(failure(Status::authority_unavailable, Layer::http, "asking for the authority")
                                   .about("it answers HTTP " + std::to_string(answer->http_status)));
    }
    if (signer_ && identity_) try_task(std::move(options));
  }

  void compare_clocks(const AuthorityAnswer& answer) {
    if (!answer.clock) return findings_.note("it does not say what its clock says");
    const std::int64_t difference = hal::system_clock().wall().value - answer.clock->value;
    const std::string apart =
        seconds(std::abs(difference)) + (difference > 0 ? " ahead of" : " behind") + " the authority's";
    const std::string words = "this machine's clock is ";
    if (difference == 0) return findings_.good(words + "as the authority's");
    if (std::abs(difference) <= kFineDifference) return findings_.good(words + apart);
    if (std::abs(difference) <= kTakenDifference) {
      return findings_.note(words + apart + ": it takes at most " + seconds(kTakenDifference), "set the clock (NTP)");
    }
    findings_.problem(
        failure(Status::clock_implausible, Layer::core, "comparing the clocks").about("it is " + apart));
  }

  void try_task(RegistrarOptions options) {
    terminal_.progress("registering a trial task");
    Result<Registrar> registrar = Registrar::create(std::move(options));
    const auto task = registrar ? register_task(terminal_, *registrar, *signer_) : Result<TaskId>(registrar.error());
    if (!task) return findings_.problem(task.error());
    findings_.good(identity_->twin_uri.empty()
                       ? "it registers tasks for this agent, and answers in clear"
                       : "it registers tasks for this agent, and its answers are read, sealed "
                         "ones, too");
  }

  Terminal& terminal_;
  const Arguments& arguments_;
  PinRelay pin_;
  Findings findings_;
  std::optional<Identity> identity_;
  std::string uri_;
  bool needs_login_ = false;
  bool is_token_there_ = false;
  bool is_pin_readable_ = false;
  KeyProfile profile_ = KeyProfile::strict;
  std::optional<Identity> candidate_;  // what signs, once all before it is right
  std::optional<Signer> signer_;       // that did
  std::map<std::string, bool> attributes_;
};

int examine(Terminal& terminal, const Arguments& arguments) {
  if (arguments.has("offline") && (arguments.has("authority") || arguments.has("ca-file"))) {
    return terminal.fail(wrong_value("--offline asks no authority: --authority and --ca-file are of no use to it",
                                     "leave them out, or --offline"));
  }
  if (arguments.has("profile")) {
    const auto profile = parse_profile(arguments.value("profile"));
    if (!profile) return terminal.fail(profile.error());
  }
  Result<PinRelay> pin = PinRelay::create(arguments.value("pin-source"));
  if (!pin) return terminal.fail(pin.error());
  Examination examination(terminal, arguments, std::move(*pin));
  const Findings findings = examination.run();
  terminal.print(findings.text());
  if (!examination.attributes().empty()) {
    terminal.print("\nWhat the token says of the key:\n" + attributes_in_words(examination.attributes()));
  }
  terminal.print_json(findings.json().set("attributes", attributes_json(examination.attributes())));
  return status_exit_code(findings.first_problem());
}

}  // namespace

Command doctor_command(Terminal& terminal) {
  return {
      .words = "doctor",
      .summary = "looks at everything that has to be right before a header comes out, and says what is not",
      .description =
          "From the clock and the identity file over module, token, PIN and key to the authority: each finding "
          "with its\n"
          "remedy. A PIN is sent as any command sends it, and not again if it is refused; a trial task is "
          "registered.\n"
          "Nothing else is changed. "
          "The exit code is that of the first problem.",
      .positionals = {},
      .options = {kIdentityFileOption,
                  {.name = "key",
                   .value_name = "URI",
                   .help = "look at this key, alone unless --identity-file is given; default: the identity's"},
                  {.name = "profile",
                   .value_name = "PROFILE",
                   .help = "what the key must be: strict, imported or shared; default: the identity's, or strict"},
                  kPinSourceOption,
                  kModuleOption,
                  {.name = "authority", .value_name = "URL", .help = "ask this one; default: the identity's"},
                  kCaFileOption,
                  {.name = "no-login",
                   .value_name = "",
                   .help = "send no PIN: the key is not looked at",
                   .kind = OptionKind::flag},
                  {.name = "offline", .value_name = "", .help = "ask no authority", .kind = OptionKind::flag}},
      .examples = {{.purpose = "Find out why there is no header", .command_line = "holdfast doctor"},
                   {.purpose = "Look at a key before it is registered",
                    .command_line = "holdfast doctor --offline --key 'pkcs11:token=agents;object=agent-1"
                                    "?module-name=softhsm2' --pin-source file:/run/ci/pin"}},
      .run = [&terminal](const Arguments& arguments) { return examine(terminal, arguments); }};
}

}  // namespace holdfast::tool
