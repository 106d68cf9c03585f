// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/registrar_sandbox.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace holdfast {
namespace {

constexpr const char* kDoing = "starting the registrar's process";
constexpr int kOwnSocket = 3;

// What libcurl, the TLS library and the C library's resolver read, on Debian 12 and 13. Those that are not there are
// left out. Folders of keys and PINs (/etc/ssl/private, /etc/holdfast) are not among them, and so neither is /etc: a
// resolv.conf that is put in another's place later is not seen.
constexpr std::array kReadable{"/lib",
                               "/lib64",
                               "/usr/lib",
                               "/usr/lib64",
                               "/usr/share/ca-certificates",
                               "/usr/local/share/ca-certificates",
                               "/usr/share/zoneinfo",
                               "/etc/ssl/certs",
                               "/etc/ssl/openssl.cnf",
                               "/etc/ld.so.cache",
                               "/etc/localtime",
                               "/etc/resolv.conf",
                               "/etc/hosts",
                               "/etc/host.conf",
                               "/etc/nsswitch.conf",
                               "/etc/gai.conf",
                               "/etc/services",
                               "/run/systemd/resolve",
                               "/dev/null",
                               "/dev/urandom"};

// Everything of Landlock's first version; later kinds (refer, truncate) are writing too, and have nothing to write
// to.
constexpr std::uint64_t kReading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kHandled =
    kReading | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

// A path that is not there is nothing to allow.
void allow_reading(int ruleset, const char* path) noexcept {
  const int parent = open(path, O_PATH | O_CLOEXEC);
  if (parent < 0) return;
  landlock_path_beneath_attr rule{.allowed_access = kReading, .parent_fd = parent};
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;  // a file takes no right of a folder
    (void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  }
  close(parent);
}

bool allows(const std::filesystem::path& folder, mode_t wanted) noexcept {
  struct stat info {};
  return stat(folder.c_str(), &info) == 0 && (info.st_mode & wanted) == wanted;
}

// Whether anybody may look into a folder, whose path has no links. In one behind a door that is shut, above it or its
// own, everything is a secret: nobody thought of the modes of what lies there.
bool is_for_all(const std::filesystem::path& folder) {
  if (!allows(folder, S_IROTH)) return false;
  std::filesystem::path step = folder;
  while (allows(step, S_IXOTH)) {
    if (step == step.root_path()) return true;
    step = step.parent_path();
  }
  return false;
}

// Whether it lies in a folder, or beneath one: what a few may read is a PIN file or somebody's key, except those that
// were named to us. So is what cannot be looked at, and a folder of that many files is not one for certificates.
bool holds_secrets(const std::filesystem::path& folder, std::span<const std::filesystem::path> named) {
  constexpr int kMostEntries = 4096;
  int entries = 0;
  std::error_code code;
  for (std::filesystem::recursive_directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    std::error_code unseen;
    const std::filesystem::file_status status = entry->symlink_status(unseen);
    if (unseen || ++entries > kMostEntries) return true;
    using std::filesystem::perms;
    const perms wanted =
        std::filesystem::is_directory(status) ? perms::others_read | perms::others_exec : perms::others_read;
    const bool is_open = (status.permissions() & wanted) == wanted;
    const bool is_link = std::filesystem::is_symlink(status);  // leads to what has a rule of its own, or none
    if (!is_link && !is_open && std::ranges::find(named, entry->path()) == named.end()) return true;
  }
  return static_cast<bool>(code);
}

// A rule is for an inode, and a certificate is renewed by putting a new file in the place of the old one: the rule
// for its folder lets us see that. The folder of its name, and that of the file if the name is a link.
void allow_renewal(int ruleset, std::span<const std::string* const> files) {
  std::vector<std::filesystem::path> named;
  std::vector<std::filesystem::path> folders;
  for (const std::string* file : files) {
    std::error_code code;
    const std::filesystem::path folder = std::filesystem::canonical(std::filesystem::path(*file).parent_path(), code);
    if (file->empty() || code) continue;
    named.push_back(folder / std::filesystem::path(*file).filename());
    folders.push_back(folder);
    const std::filesystem::path real = std::filesystem::canonical(named.back(), code);
    if (code) continue;
    named.push_back(real);
    folders.push_back(real.parent_path());
  }
  for (const std::filesystem::path& folder : folders) {
    if (is_for_all(folder) && !holds_secrets(folder, named)) allow_reading(ruleset, folder.c_str());
  }
}

bool close_landlock(const RegistrarOptions& options) {
  landlock_ruleset_attr attributes{};  // newer headers have members for newer kinds of rules, which stay 0
  attributes.handled_access_fs = kHandled;
  const auto ruleset = static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0));
  if (ruleset < 0) return false;
  for (const char* path : kReadable) allow_reading(ruleset, path);
  for (const std::string* path :
       {&options.ca_file, &options.ca_directory, &options.client_certificate, &options.client_key}) {
    if (!path->empty()) allow_reading(ruleset, path->c_str());
  }
  const std::string* const files[] = {&options.ca_file, &options.client_certificate, &options.client_key};
  allow_renewal(ruleset, files);
  const bool is_closed = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  close(ruleset);
  return is_closed;
}

void reset_signals() noexcept {
  for (int signal = 1; signal < NSIG; ++signal) {
    if (signal != SIGKILL && signal != SIGSTOP) ::signal(signal, SIG_DFL);
  }
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

int leave_host_behind(int socket, pid_t host) noexcept {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != host) _exit(0);
  prctl(PR_SET_NAME, "registrar");
  reset_signals();
  setsid();  // a Ctrl-C is for the host, which ends us when it ends
  // Out of the way of 0 to 3 first, as dup2 would close whatever stands there.
  const int safe = fcntl(socket, F_DUPFD, kOwnSocket + 1);
  const int null = open("/dev/null", O_RDWR);
  if (safe < 0 || null < 0) _exit(1);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (dup2(null, standard) < 0) _exit(1);
  }
  if (dup2(safe, kOwnSocket) < 0 || fcntl(kOwnSocket, F_SETFD, FD_CLOEXEC) < 0) _exit(1);
  if (syscall(SYS_close_range, kOwnSocket + 1, ~0U, 0) != 0) _exit(1);
  return kOwnSocket;
}

Result<void> close_registrar_sandbox(const RegistrarProcessOptions& options) noexcept try {
  const rlimit nothing{0, 0};
  setrlimit(RLIMIT_CORE, &nothing);
  setrlimit(RLIMIT_FSIZE, &nothing);
  prctl(PR_SET_DUMPABLE, 0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    Error error = failure(Status::permission_denied, Layer::system, kDoing);
    error.native = static_cast<std::uint64_t>(errno);
    return std::move(error).about("PR_SET_NO_NEW_PRIVS");
  }
  if (!close_landlock(options.registrar) && options.requires_landlock) {
    Error error = failure(Status::permission_denied, Layer::system, kDoing);
    error.native = static_cast<std::uint64_t>(errno);
    return std::move(error).about("this kernel has no Landlock");
  }
  return {};
} catch (const std::exception&) {
  return failure(Status::resource_exhausted, Layer::registrar, kDoing).about("memory");
}

}  // namespace holdfast
