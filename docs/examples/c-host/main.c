/* SPDX-License-Identifier: Apache-2.0
 *
 * A host in C: an agent's header on every request, and one more try when the authority no longer knows its task.
 *
 *   c-host IDENTITY_FILE ORIGIN CA_FILE URL...
 *
 * sends one GET request for each URL. Headers go to ORIGIN only. */
#include <curl/curl.h>

#include <holdfast/holdfast.h>
#include <stdio.h>

static size_t ignore_body(char* bytes, size_t size, size_t count, void* context) {
  (void)bytes;
  (void)context;
  return size * count;
}

/* The status of the answer; 0 if there was none. */
static long get(CURL* curl, const char* url, const holdfast_headers* headers) {
  struct curl_slist* lines = NULL;
  long status = 0;
  for (uint32_t i = 0; i < headers->count; ++i) {
    char line[1024];
    snprintf(line, sizeof line, "%s: %s", headers->fields[i].name, headers->fields[i].value);
    struct curl_slist* longer = curl_slist_append(lines, line);
    if (longer != NULL) lines = longer;
  }
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
  if (curl_easy_perform(curl) == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
  curl_slist_free_all(lines);
  return status;
}

/* The loop: send; on 401 or 403 report it and send once more with a new header; else hand the answer on. */
static holdfast_status send_request(holdfast_session* session, CURL* curl, const char* url, long* out_http_status,
                                    holdfast_error* error) {
  char value[HOLDFAST_AUTHORIZATION_CAPACITY];
  size_t value_size = 0;
  holdfast_headers headers = HOLDFAST_HEADERS_INIT;
  holdfast_status status =
      holdfast_session_headers_for(session, url, 0, value, sizeof value, &value_size, &headers, error);
  if (status != HOLDFAST_OK) return status;
  *out_http_status = get(curl, url, &headers);
  if (*out_http_status != 401 && *out_http_status != 403) return HOLDFAST_OK;
  if (holdfast_session_rejected(session, headers.generation, (int32_t)*out_http_status, NULL) != HOLDFAST_OK) {
    return HOLDFAST_OK; /* this answer is the one to hand on */
  }
  status = holdfast_session_headers_for(session, url, 0, value, sizeof value, &value_size, &headers, error);
  if (status == HOLDFAST_OK) *out_http_status = get(curl, url, &headers);
  return status;
}

static int tell(const holdfast_error* error) {
  fprintf(stderr, "error: %s\nhint: %s\n", error->message, error->hint);
  return holdfast_status_exit_code(error->status);
}

int main(int argc, char** argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: c-host IDENTITY_FILE ORIGIN CA_FILE URL...\n");
    return 2;
  }
  const char* const origins[] = {argv[2]};
  holdfast_session_options options = HOLDFAST_SESSION_OPTIONS_INIT;
  options.identity_file = argv[1];
  options.origins = origins;
  options.origins_count = 1;
  holdfast_error error = HOLDFAST_ERROR_INIT;
  holdfast_session* session = NULL;
  if (holdfast_session_open(&options, &session, &error) != HOLDFAST_OK) return tell(&error);

  int exit_code = 1;
  CURL* curl = curl_easy_init();
  if (curl != NULL) {
    exit_code = 0;
    curl_easy_setopt(curl, CURLOPT_CAINFO, argv[3]);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore_body);
    for (int i = 4; i < argc; ++i) {
      long http_status = 0;
      if (send_request(session, curl, argv[i], &http_status, &error) != HOLDFAST_OK) {
        exit_code = tell(&error);
      } else {
        printf("%ld\n", http_status);
      }
    }
    curl_easy_cleanup(curl);
  }
  holdfast_session_close(session);
  return exit_code;
}
