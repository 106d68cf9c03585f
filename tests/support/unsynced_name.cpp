// SPDX-License-Identifier: Apache-2.0
// Preloaded into a program it lets a file named UNSYNCED_NAME be put in place, and then fails the fsync of its
// folder, as a disk or a network file system does that gives out.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

bool g_is_in_place = false;

int rename_and_note(int from, const char* old_name, int to, const char* new_name, unsigned flags) noexcept {
  const auto result = static_cast<int>(syscall(SYS_renameat2, from, old_name, to, new_name, flags));
  const char* unsynced = getenv("UNSYNCED_NAME");
  if (result == 0 && unsynced != nullptr && strcmp(unsynced, new_name) == 0) g_is_in_place = true;
  return result;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int renameat2(int from, const char* old_name, int to, const char* new_name,
                                                     unsigned flags) noexcept {
  return rename_and_note(from, old_name, to, new_name, flags);
}

__attribute__((visibility("default"))) int renameat(int from, const char* old_name, int to,
                                                    const char* new_name) noexcept {
  return rename_and_note(from, old_name, to, new_name, 0);
}

__attribute__((visibility("default"))) int fsync(int fd) {
  struct stat info {};
  if (g_is_in_place && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fsync, fd));
}
}
