// SPDX-License-Identifier: Apache-2.0
// Preloaded into a program it sets its wall clock to 2019, as a machine without a battery has it after a start.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern "C" __attribute__((visibility("default"))) int clock_gettime(clockid_t clock, timespec* out) noexcept {
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
    *out = {1'546'300'800, 0};  // 2019-01-01T00:00:00Z
    return 0;
  }
  return static_cast<int>(syscall(SYS_clock_gettime, clock, out));
}
