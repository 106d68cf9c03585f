// SPDX-License-Identifier: Apache-2.0
#include "sandbox.hpp"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>

namespace {

bool refuse(const char* what) noexcept {
  std::fprintf(stderr, "error: %s: %s\n", what, std::strerror(errno));
  return false;
}

// The kernel counts the threads of a process as the links of this folder, less its own three.
bool is_single_threaded() {
  struct stat tasks {};
  return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 3;
}

// PINs are locked in any case. This keeps the rest of what is mapped by now out of the swap as well, as far as
// RLIMIT_MEMLOCK goes; root is not bound by it, and what root locked stays locked.
void lock_memory() {
  if (mlockall(MCL_CURRENT) == 0) return;
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  std::fprintf(stderr,
               "note: memory is not locked, RLIMIT_MEMLOCK is %llu bytes (the PIN is locked nevertheless): raise it "
               "with LimitMEMLOCK=infinity in the systemd unit, or start as root with --user\n",
               static_cast<unsigned long long>(limit.rlim_cur));
}

// Landlock's first version, and what later ones added to writing.
constexpr std::uint64_t kRefer = 1ULL << 13;
constexpr std::uint64_t kTruncate = 1ULL << 14;
constexpr std::uint64_t kAllOfVersion1 = (1ULL << 13) - 1;
constexpr std::uint64_t kReading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
// Files that are there are opened for writing; none is made, removed or renamed.
constexpr std::uint64_t kWriting = kReading | LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;

bool allow(int ruleset, const std::string& path, std::uint64_t access) {
  const int parent = open(path.c_str(), O_PATH | O_CLOEXEC);
  struct stat status {};
  if (parent < 0 || fstat(parent, &status) != 0) return refuse(path.c_str());
  landlock_path_beneath_attr rule{.allowed_access = S_ISDIR(status.st_mode) ? access : access & kOfFiles,
                                  .parent_fd = parent};
  const bool is_added = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  if (!is_added) refuse(path.c_str());
  close(parent);
  return is_added;
}

bool close_landlock(const SandboxOptions& options) {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  landlock_ruleset_attr attributes{};  // newer headers have members for newer kinds of rules, which stay 0
  attributes.handled_access_fs = kAllOfVersion1;
  if (version >= 2) attributes.handled_access_fs |= kRefer;
  if (version >= 3) attributes.handled_access_fs |= kTruncate;
  const auto ruleset = static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0));
  if (ruleset < 0) return refuse("this kernel has no Landlock");
  bool is_made = true;
  for (const std::string& path : options.writable) is_made = is_made && allow(ruleset, path, kWriting);
  for (const std::string& path : options.readable) is_made = is_made && allow(ruleset, path, kReading);
  if (is_made && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) is_made = refuse("Landlock");
  close(ruleset);
  return is_made;
}

// docs/sandboxing.md says who needs which.
constexpr int kAlways[] = {
    // our own waiting and the clock
    SCMP_SYS(futex), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(clock_gettime), SCMP_SYS(sched_yield),
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(restart_syscall),
    // SIGPIPE is held back around native calls
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    // the registrar's process
    SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(waitid),
    // the host's own lines; the end
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(fcntl), SCMP_SYS(exit),
    SCMP_SYS(exit_group), SCMP_SYS(tgkill),
    // the heap of those libraries that use one
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(munlock),
    SCMP_SYS(munlockall), SCMP_SYS(getrandom)};
// SoftHSM looks at its files before every signature; a recovery looks at the folders above the PIN's record. Which
// files may be opened: Landlock.
constexpr int kForPkcs11[] = {SCMP_SYS(openat),     SCMP_SYS(newfstatat), SCMP_SYS(fstat),   SCMP_SYS(lseek),
                              SCMP_SYS(getdents64), SCMP_SYS(access),     SCMP_SYS(geteuid), SCMP_SYS(readlink),
                              SCMP_SYS(readlinkat), SCMP_SYS(ftruncate)};
// The device, and the key's file, are opened again after it went away. Which ones: Landlock.
constexpr int kForTpm2[] = {SCMP_SYS(openat),  SCMP_SYS(newfstatat), SCMP_SYS(fstat),     SCMP_SYS(lseek),
                            SCMP_SYS(geteuid), SCMP_SYS(readlink),   SCMP_SYS(readlinkat)};
// Only somebody else's code asks for these.
constexpr int kDeadly[] = {SCMP_SYS(execve),           SCMP_SYS(execveat),          SCMP_SYS(ptrace),
                           SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(bpf),
                           SCMP_SYS(kexec_load),       SCMP_SYS(init_module)};

bool add_rules(scmp_filter_ctx filter, const SandboxOptions& options) {
  bool is_made = true;
  const auto add = [&](int call) { is_made = is_made && seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0; };
  for (const int call : kAlways) add(call);
  if (options.back_end == BackEnd::pkcs11) {
    for (const int call : kForPkcs11) add(call);
  } else {
    for (const int call : kForTpm2) add(call);
  }
  if (options.unix_sockets) {
    add(SCMP_SYS(connect));
    const scmp_arg_cmp of_unix{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_UNIX, .datum_b = 0};
    is_made = is_made && seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, &of_unix) == 0;
  }
  // Memory, but never to run.
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    const scmp_arg_cmp not_executable{.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
    is_made = is_made && seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &not_executable) == 0;
  }
  for (const int call : kDeadly) {
    is_made = is_made && seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, call, 0) == 0;
  }
  return is_made;
}

// What is not on the list is refused, not deadly: a library that asks for more after an update gets an error to
// handle.
bool close_seccomp(const SandboxOptions& options) {
  const std::unique_ptr<void, decltype(&seccomp_release)> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                                 &seccomp_release);
  if (filter == nullptr || !add_rules(filter.get(), options)) return refuse("making the seccomp filter");
  const int loaded = seccomp_load(filter.get());
  errno = -loaded;
  return loaded == 0 || refuse("seccomp");
}

bool is_refused(const char* what, long result) {
  const int reason = errno;
  if (result < 0 && (reason == EPERM || reason == EACCES)) {
    std::fprintf(stderr, "refused: %s: %s\n", what, std::strerror(reason));
    return true;
  }
  std::fprintf(stderr, "NOT REFUSED: %s (%s)\n", what, result < 0 ? std::strerror(reason) : "it worked");
  return false;
}

}  // namespace

bool choose_account(const std::string& user, SandboxOptions& options) {
  if (geteuid() != 0) {
    errno = EPERM;
    return user.empty() || refuse("--user is for root");
  }
  if (user.empty()) {
    errno = EPERM;
    return refuse("root stays root: name somebody less with --user");
  }
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr || entry->pw_uid == 0) {
    errno = EINVAL;
    return refuse("--user: not there, or root by another name");
  }
  options.account = Account{entry->pw_uid, entry->pw_gid};
  return true;
}

bool drop_privileges(const SandboxOptions& options) noexcept {
  if (!options.account) return true;
  const auto [uid, gid] = *options.account;
  if (setgroups(0, nullptr) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) {
    return refuse("dropping privileges");
  }
  return setuid(0) != 0 || refuse("privileges came back");
}

bool close_sandbox(const SandboxOptions& options) {
  if (!is_single_threaded()) {
    errno = EBUSY;
    return refuse("a host locks itself down before it makes threads");
  }
  const rlimit nothing{0, 0};
  setrlimit(RLIMIT_CORE, &nothing);
  lock_memory();
  if (!drop_privileges(options)) return false;
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return refuse("PR_SET_DUMPABLE");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refuse("PR_SET_NO_NEW_PRIVS");
  return close_landlock(options) && close_seccomp(options);
}

bool test_sandbox() {
  bool holds = is_refused("reading a file", open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  holds =
      is_refused("making a file", open("/tmp/holdfast-self-test", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) &&
      holds;
  holds = is_refused("a socket", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) && holds;
  holds = is_refused("a process", fork()) && holds;
  holds = is_refused("becoming root", setuid(0)) && holds;
  holds = is_refused("a debugger's way in", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)) && holds;
  void* code = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return is_refused("memory to run", code == MAP_FAILED ? -1 : 0) && holds;
}

void provoke_sandbox() {
  char name[] = "/bin/true";
  char* const arguments[] = {name, nullptr};
  execv(name, arguments);
}
