/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct text {
  char bytes[8192];
  size_t size;
};

__attribute__((format(printf, 2, 3))) static void append(struct text* to, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int more = vsnprintf(to->bytes + to->size, sizeof to->bytes - to->size, format, arguments);
  va_end(arguments);
  if (more > 0) to->size += (size_t)more;
  if (to->size >= sizeof to->bytes) to->size = sizeof to->bytes - 1;
}

/* In a label's value a backslash, a quotation mark and a line feed stand escaped. */
static void append_label(struct text* to, const char* value) {
  for (; *value != '\0'; ++value) {
    if (*value == '\n') {
      append(to, "\\n");
    } else {
      append(to, *value == '\\' || *value == '"' ? "\\%c" : "%c", *value);
    }
  }
}

static void append_metric(struct text* to, const char* name, const char* type, const char* help, const char* label,
                          const char* label_value, uint64_t value) {
  append(to, "# HELP %s %s\n# TYPE %s %s\n%s{%s=\"", name, help, name, type, name, label);
  append_label(to, label_value);
  append(to, "\"} %" PRIu64 "\n", value);
}

static void describe(struct text* to, holdfast_session* session, int is_at_work) {
  holdfast_key_info key = HOLDFAST_KEY_INFO_INIT;
  holdfast_counters counters = HOLDFAST_COUNTERS_INIT;
  uint32_t state = 0;
  /* A session that is not ready yet has no key and counted nothing: all zero, and no name. */
  holdfast_session_key_info(session, &key, NULL);
  holdfast_session_counters(session, &counters, NULL);
  holdfast_session_state(session, &state, NULL);
  const struct {
    const char* name;
    const char* help;
    uint64_t value;
  } counted[] = {
      {"holdfast_headers_total", "Headers handed out.", counters.headers},
      {"holdfast_headers_reused_total", "Headers handed out again without asking the device.",
       counters.headers_reused},
      {"holdfast_signatures_total", "Signatures asked of the device.", counters.signatures},
      {"holdfast_verifications_total", "Signatures checked before they left.", counters.verifications},
      {"holdfast_device_errors_total", "Calls the device answered with an error.", counters.device_errors},
      {"holdfast_resets_total", "Connections to the device built anew.", counters.resets},
      {"holdfast_recoveries_total", "Times the key was lost and signed again.", counters.recoveries},
      {"holdfast_abandoned_calls_total", "Calls to the device given up because they did not return.",
       counters.abandoned_calls},
  };
  append_metric(to, "holdfast_build_info", "gauge", "The library in use.", "version", holdfast_version(), 1);
  append_metric(to, "holdfast_session_ready", "gauge", "1 if the host is at work and the agent's key open, else 0.",
                "runtime_id", key.runtime_id, is_at_work && state == HOLDFAST_SESSION_READY);
  for (size_t i = 0; i < sizeof counted / sizeof counted[0]; ++i) {
    append_metric(to, counted[i].name, "counter", counted[i].help, "runtime_id", key.runtime_id, counted[i].value);
  }
}

static int write_all(int file, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = write(file, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : ENOSPC;
    bytes += written;
    size -= (size_t)written;
  }
  return 0;
}

int write_metrics_file(const char* path, holdfast_session* session, int is_at_work) {
  struct text text = {{0}, 0};
  describe(&text, session, is_at_work);
  char temporary[4096];
  const int length = snprintf(temporary, sizeof temporary, "%s.%ld.new", path, (long)getpid());
  if (length < 0 || (size_t)length >= sizeof temporary) return ENAMETOOLONG;
  unlink(temporary); /* of a process that had this number and was killed */
  const int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (file < 0) return errno;
  int failed = write_all(file, text.bytes, text.size);
  /* Whoever collects it is another user, whatever this host's umask. Not synced: after a crash it is written anew. */
  if (failed == 0 && fchmod(file, 0644) != 0) failed = errno;
  if (close(file) != 0 && failed == 0) failed = errno;
  if (failed == 0 && rename(temporary, path) != 0) failed = errno;
  if (failed != 0) unlink(temporary);
  return failed;
}
