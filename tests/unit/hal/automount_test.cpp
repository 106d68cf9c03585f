// SPDX-License-Identifier: Apache-2.0
// Files in a folder that is mounted when somebody first goes there, as systemd's .automount units have it.
#include "hal/trusted_file.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <linux/auto_fs.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <functional>
#include <string>

namespace holdfast::hal {
namespace {

/// Such a folder, for which the process that makes it plays the daemon that mounts: in a mount namespace of its own,
/// so that nobody else meets it and it ends with the process.
class Automount {
 public:
  explicit Automount(std::string folder) : folder_(std::move(folder)) {
    std::array<int, 2> ends{-1, -1};
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    if (setpgid(0, 0) != 0 || pipe(ends.data()) != 0) return;
    requests_ = FileDescriptor(ends[0]);
    const FileDescriptor kernels(ends[1]);
    const std::string options =
        "direct,minproto=5,maxproto=5,pgrp=" + std::to_string(getpgrp()) + ",fd=" + std::to_string(kernels.get());
    if (mount("automount", folder_.c_str(), "autofs", 0, options.c_str()) != 0) return;
    control_ = FileDescriptor(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  /// False where this may not be done, or the kernel has no such folders.
  [[nodiscard]] bool is_there() const noexcept { return static_cast<bool>(control_); }

  /// What `body` returns in another process, for which the folder is mounted as soon as it goes there.
  [[nodiscard]] bool serve(const std::function<bool()>& body) const {
    const pid_t client = fork();
    if (client == 0) _exit(setpgid(0, 0) == 0 && body() ? 0 : 1);  // for the daemon's own group nothing is mounted
    int status = 0;
    while (waitpid(client, &status, WNOHANG) == 0) {
      pollfd request{requests_.get(), POLLIN, 0};
      if (poll(&request, 1, 10) > 0) mount_now();
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  void mount_now() const {
    std::array<char, 512> bytes{};
    autofs_v5_packet request{};
    if (read(requests_.get(), bytes.data(), bytes.size()) <= 0) return;
    memcpy(&request, bytes.data(), sizeof request);
    const bool is_mounted = mount("automounted", folder_.c_str(), "tmpfs", 0, "mode=755") == 0;
    const FileDescriptor file(open((folder_ + "/f").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ioctl(control_.get(), is_mounted && file ? AUTOFS_IOC_READY : AUTOFS_IOC_FAIL, request.wait_queue_token);
  }

  std::string folder_;
  FileDescriptor requests_;
  FileDescriptor control_;  // the folder itself, beneath what is mounted
};

TEST(TrustedFile, IsFoundInAFolderThatIsMountedWhenItIsEntered) {
  constexpr int kNotPossible = 77;
  const test::TemporaryFolder folder;
  const std::string mounted = folder.file("mounted");
  ASSERT_EQ(mkdir(mounted.c_str(), 0755), 0);
  const int result = test::run_in_child([&] {
    const Automount automount(mounted);
    if (!automount.is_there()) _exit(kNotPossible);
    return automount.serve([&] { return open_trusted(mounted + "/f", FilePrivacy::owner_only).has_value(); });
  });
  if (result == kNotPossible) GTEST_SKIP() << "needs root, and a kernel with autofs";
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace holdfast::hal
