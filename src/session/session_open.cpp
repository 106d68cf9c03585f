// SPDX-License-Identifier: Apache-2.0
#include "holdfast/session.hpp"

#include "src/session/session_state.hpp"
#include "src/signer/key_policy.hpp"

#include <errno.h>
#include <sys/stat.h>

#include <exception>
#include <filesystem>
#include <string>
#include <system_error>

namespace holdfast {
namespace {

constexpr const char* kOpening = "opening a session";

class AuthorityTasks final : public TaskSource {
 public:
  explicit AuthorityTasks(Registrar registrar) noexcept : registrar_(std::move(registrar)) {}
  Result<TaskId> register_task(TypedSigner& signer, std::chrono::milliseconds timeout) noexcept override {
    return registrar_.register_task(signer, timeout);
  }

 private:
  Registrar registrar_;
};

// What changes when a file is written anew, or another is put in its place.
struct FileMark {
  struct stat info {};

  [[nodiscard]] static Result<FileMark> of(const std::string& path) noexcept {
    FileMark mark;
    if (stat(path.c_str(), &mark.info) == 0) return mark;
    Error error = failure(errno == EACCES ? Status::permission_denied : Status::file_invalid, Layer::identity,
                          "looking for a new identity file");
    error.native = static_cast<std::uint64_t>(errno);
    return std::move(error).about(path);
  }
  friend bool operator==(const FileMark& a, const FileMark& b) noexcept {
    return a.info.st_dev == b.info.st_dev && a.info.st_ino == b.info.st_ino && a.info.st_size == b.info.st_size &&
           a.info.st_ctim.tv_sec == b.info.st_ctim.tv_sec && a.info.st_ctim.tv_nsec == b.info.st_ctim.tv_nsec;
  }
};

// A session looks at its file for as long as it lives, and a host may change its folder meanwhile.
std::string from_root(std::string_view path) {
  if (path.empty()) return {};
  std::error_code code;
  std::string result = std::filesystem::absolute(std::filesystem::path(path), code).string();
  return code ? std::string(path) : result;  // reading the file will say what is wrong
}

// An identity file and the token it names.
class IdentityFile final : public SessionFoundation {
 public:
  explicit IdentityFile(const SessionOptions& options)
      : options_(options),
        path_(from_root(options.identity_file)),
        pin_source_(options.pin_source),
        module_path_(options.module_path) {
    options_.pin_source = pin_source_;
    options_.module_path = module_path_;
  }

  Result<const Identity*> identity() override {
    if (identity_) return &*identity_;
    if (path_.empty()) path_ = HOLDFAST_TRY(find_identity_file());
    // Before the file is read: a change in between is then noticed afterwards, at worst once too often.
    const auto mark = FileMark::of(path_);
    identity_ = HOLDFAST_TRY(load_identity(path_));
    if (mark) mark_ = *mark;
    return &*identity_;
  }

  Result<TypedSigner*> signer() override {
    HOLDFAST_TRY(check_identity());
    // Before the token is opened: an authority that cannot be used is no reason to send a PIN.
    if (options_.registers_tasks && options_.task_source == nullptr && !tasks_) {
      tasks_.emplace(HOLDFAST_TRY(Registrar::create(registrar())));
    }
    if (!signer_) signer_ = HOLDFAST_TRY(Signer::open(signer_options()));
    return &*signer_;
  }

  TaskSource* task_source() noexcept override {
    if (!options_.registers_tasks) return nullptr;
    return options_.task_source != nullptr ? options_.task_source : &*tasks_;
  }

  Result<bool> identity_file_changed() const noexcept override {
    const FileMark now = HOLDFAST_TRY(FileMark::of(path_));
    return !(now == mark_);
  }

  SignerCounters counters() const noexcept override { return signer_ ? signer_->counters() : SignerCounters{}; }

 private:
  [[nodiscard]] Result<void> check_identity() const {
    if (is_weaker(identity_->profile, options_.minimum_profile)) {
      // Of imported and shared neither is the stricter one.
      const bool takes_one = options_.minimum_profile == KeyProfile::strict;
      const std::string detail = "the identity file's profile is " + std::string(profile_name(identity_->profile)) +
                                 ", this program takes " + std::string(profile_name(options_.minimum_profile)) +
                                 (takes_one ? " only" : " or strict");
      return failure(Status::key_refused, Layer::identity, kOpening)
          .about(detail)
          .with_hint("provision a key made on the device, or set the file's profile as the minimum in the program");
    }
    if (options_.expected_key && *options_.expected_key != identity_->public_key) {
      return failure(Status::key_changed, Layer::identity, kOpening)
          .about("the identity file names another public key than this program expects");
    }
    return {};
  }

  [[nodiscard]] SignerOptions signer_options() const {
    SignerOptions signer;
    signer.runtime_id = identity_->runtime_id.view();
    signer.key_uri = identity_->key_uri;
    signer.twin_uri = identity_->twin_uri;
    signer.expected_key = identity_->public_key;
    signer.scheme = identity_->public_key.scheme();
    signer.profile = identity_->profile;  // not weaker than the minimum, so the stricter of the two
    signer.pin_source = options_.pin_source;
    signer.module_path = options_.module_path;
    signer.max_age = options_.max_age;
    signer.sigpipe_is_ignored = options_.sigpipe_is_ignored;
    signer.log = options_.log;
    return signer;
  }

  // The host's options; where they leave it open, what the identity says.
  [[nodiscard]] RegistrarOptions registrar() const {
    RegistrarOptions options = options_.registrar;
    const RegistrarOptions own = registrar_options(*identity_);
    if (options.authority_url.empty()) options.authority_url = own.authority_url;
    if (options.ca_file.empty() && options.ca_directory.empty()) options.ca_file = own.ca_file;
    return options;
  }

  SessionOptions options_;
  std::string path_;
  std::string pin_source_;
  std::string module_path_;
  std::optional<Identity> identity_;
  FileMark mark_{};
  std::optional<AuthorityTasks> tasks_;
  std::optional<Signer> signer_;
};

}  // namespace

RegistrarOptions registrar_options(const Identity& identity) {
  RegistrarOptions options;
  options.authority_url = identity.authority_url;
  options.ca_file = identity.authority_ca_file;
  return options;
}

Result<AgentSession> AgentSession::open(const SessionOptions& options) noexcept try {
  TaskRules rules = HOLDFAST_TRY(TaskRules::check(options.task));
  auto state = std::make_unique<State>(HOLDFAST_TRY(hal::ForkGuard::create()), std::move(rules),
                                       std::make_unique<IdentityFile>(options), hal::system_clock(), options.log);
  const auto climbed = state->climb();
  // A wrong option stays wrong; what is wrong with the file or the token may be cured.
  const bool may_wait = options.allow_unready && climbed.status() != Status::invalid_argument;
  if (!climbed && !may_wait) return climbed.error();
  return AgentSession(std::move(state));
} catch (const std::exception&) {
  return failure(Status::resource_exhausted, Layer::core, kOpening).about("memory");
}

}  // namespace holdfast
