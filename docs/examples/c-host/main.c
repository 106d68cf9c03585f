/* SPDX-License-Identifier: Apache-2.0
 *
 * A host in C: an agent's header on every request, and one more try when the authority no longer knows its task.
 *
 *   c-host IDENTITY_FILE ORIGIN CA_FILE [--dial] [--log] [--metrics-file PATH] URL...
 *
 * sends one GET request for each URL; after --dial as the first request of a WebSocket (RFC 6455 section 4.1), with a
 * header that was not handed out before. Headers go to ORIGIN only. --log tells on standard error what happens to key
 * and task; --metrics-file writes the counters, after each request and at the end (docs/operating.md). */
#include "metrics_file.h"

#include <curl/curl.h>

#include <holdfast/holdfast.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static size_t ignore_body(char* bytes, size_t size, size_t count, void* context) {
  (void)bytes;
  (void)context;
  return size * count;
}

static struct curl_slist* with_line(struct curl_slist* lines, const char* name, const char* value) {
  char line[1024];
  snprintf(line, sizeof line, "%s: %s", name, value);
  struct curl_slist* longer = curl_slist_append(lines, line);
  return longer != NULL ? longer : lines;
}

/* 16 random bytes in base64, "==" at the end. */
static void make_websocket_key(char out[25]) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  unsigned char bytes[18] = {0};
  if (getrandom(bytes, 16, 0) != 16) bytes[0] = 1; /* it need not be secret, only not be cached by a proxy */
  for (size_t i = 0; i < 6; ++i) {
    const unsigned long three =
        ((unsigned long)bytes[3 * i] << 16) | ((unsigned long)bytes[3 * i + 1] << 8) | bytes[3 * i + 2];
    for (size_t j = 0; j < 4; ++j) out[4 * i + j] = digits[(three >> (18 - 6 * j)) & 63];
  }
  memcpy(out + 22, "==", 3);
}

/* The status of the answer; 0 if there was none, which is told. */
static long get(CURL* curl, const char* url, const holdfast_headers* headers, int is_dial) {
  struct curl_slist* lines = NULL;
  long status = 0;
  for (uint32_t i = 0; i < headers->count; ++i) {
    lines = with_line(lines, headers->fields[i].name, headers->fields[i].value);
  }
  if (is_dial) {
    char key[25];
    make_websocket_key(key);
    lines = with_line(lines, "Connection", "Upgrade");
    lines = with_line(lines, "Upgrade", "websocket");
    lines = with_line(lines, "Sec-WebSocket-Version", "13");
    lines = with_line(lines, "Sec-WebSocket-Key", key);
  }
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (code != CURLE_OK) {
    fprintf(stderr, "error: %s: %s\n", url, curl_easy_strerror(code));
    status = 0;
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
  curl_slist_free_all(lines);
  return status;
}

/* The loop: send; on 401 or 403 report it and send once more with a new header; else hand the answer on. */
static holdfast_status send_request(holdfast_session* session, CURL* curl, const char* url, int is_dial,
                                    long* out_http_status, holdfast_error* error) {
  /* A connection that lives for hours begins with a header of its own. */
  const uint32_t flags = is_dial ? HOLDFAST_FRESH : 0;
  char value[HOLDFAST_AUTHORIZATION_CAPACITY];
  size_t value_size = 0;
  holdfast_headers headers = HOLDFAST_HEADERS_INIT;
  holdfast_status status =
      holdfast_session_headers_for(session, url, flags, value, sizeof value, &value_size, &headers, error);
  if (status != HOLDFAST_OK) return status;
  *out_http_status = get(curl, url, &headers, is_dial);
  if (*out_http_status != 401 && *out_http_status != 403) return HOLDFAST_OK;
  if (holdfast_session_rejected(session, headers.generation, (int32_t)*out_http_status, NULL) != HOLDFAST_OK) {
    return HOLDFAST_OK; /* this answer is the one to hand on */
  }
  status = holdfast_session_headers_for(session, url, flags, value, sizeof value, &value_size, &headers, error);
  if (status == HOLDFAST_OK) *out_http_status = get(curl, url, &headers, is_dial);
  return status;
}

/* On the thread of the call in which it happened, with locks held: said, and not waited for. The number at the front
 * is how journald knows the severity (sd-daemon(3)). */
static void log_event(void* context, const holdfast_event* event) {
  (void)context;
  const int level = event->severity >= HOLDFAST_SEVERITY_ERROR     ? 3
                    : event->severity >= HOLDFAST_SEVERITY_WARNING ? 4
                                                                   : 6;
  fprintf(stderr, "<%d>%s%s%s\n", level, event->message, event->hint[0] != '\0' ? "; " : "", event->hint);
}

struct wishes {
  int is_dial;
  int is_logged;
  const char* metrics_file;
};

/* Reads the options that stand before the URLs, and returns where these begin. */
static int read_options(int argc, char** argv, int at, struct wishes* wishes) {
  for (; at < argc && strncmp(argv[at], "--", 2) == 0; ++at) {
    if (strcmp(argv[at], "--dial") == 0) {
      wishes->is_dial = 1;
    } else if (strcmp(argv[at], "--log") == 0) {
      wishes->is_logged = 1;
    } else if (strcmp(argv[at], "--metrics-file") == 0 && at + 1 < argc) {
      wishes->metrics_file = argv[++at];
    } else {
      return argc; /* no URL is left */
    }
  }
  return at;
}

static int tell(const holdfast_error* error) {
  fprintf(stderr, "error: %s\nhint: %s\n", error->message, error->hint);
  return holdfast_status_exit_code(error->status);
}

/* A host that cannot count in public goes on with its work. */
static void publish(const struct wishes* wishes, holdfast_session* session, int is_at_work) {
  if (wishes->metrics_file == NULL) return;
  const int failed = write_metrics_file(wishes->metrics_file, session, is_at_work);
  if (failed != 0) fprintf(stderr, "error: %s: %s\n", wishes->metrics_file, strerror(failed));
}

/* A request for each URL, up to the null at the end. Returns the exit code: 0, or the highest of what failed. */
static int send_requests(holdfast_session* session, CURL* curl, char** urls, const struct wishes* wishes) {
  int exit_code = 0;
  for (; *urls != NULL; ++urls) {
    holdfast_error error = HOLDFAST_ERROR_INIT;
    long http_status = 0;
    int failure = 0;
    if (send_request(session, curl, *urls, wishes->is_dial, &http_status, &error) != HOLDFAST_OK) {
      failure = tell(&error);
    } else if (http_status == 0) {
      failure = 1;
    } else {
      printf("%ld\n", http_status);
    }
    if (failure > exit_code) exit_code = failure;
    publish(wishes, session, 1);
  }
  return exit_code;
}

static int work(holdfast_session* session, const char* ca_file, char** urls, const struct wishes* wishes) {
  holdfast_error error = HOLDFAST_ERROR_INIT;
  if (holdfast_session_state_error(session, &error) != HOLDFAST_OK) return tell(&error);
  CURL* curl = curl_easy_init();
  if (curl == NULL) {
    fprintf(stderr, "error: libcurl cannot be used\n");
    return 1;
  }
  curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore_body);
  const int exit_code = send_requests(session, curl, urls, wishes);
  curl_easy_cleanup(curl);
  return exit_code;
}

int main(int argc, char** argv) {
  struct wishes wishes = {0, 0, NULL};
  const int first_url = read_options(argc, argv, 4, &wishes);
  if (first_url >= argc) {
    fprintf(stderr, "usage: c-host IDENTITY_FILE ORIGIN CA_FILE [--dial] [--log] [--metrics-file PATH] URL...\n");
    return 2;
  }
  const char* const origins[] = {argv[2]};
  holdfast_session_options options = HOLDFAST_SESSION_OPTIONS_INIT;
  options.flags = HOLDFAST_SESSION_ALLOWS_UNREADY; /* or nobody would read of it in the metrics */
  options.identity_file = argv[1];
  options.origins = origins;
  options.origins_count = 1;
  if (wishes.is_logged) options.log = log_event;
  holdfast_error error = HOLDFAST_ERROR_INIT;
  holdfast_session* session = NULL;
  if (holdfast_session_open(&options, &session, &error) != HOLDFAST_OK) return tell(&error);

  const int exit_code = work(session, argv[3], argv + first_url, &wishes);
  publish(&wishes, session, 0);
  holdfast_session_close(session);
  return exit_code;
}
