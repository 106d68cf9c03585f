/* SPDX-License-Identifier: Apache-2.0
 *
 * The least that a host can be which signs: what tests/bench/footprint measures.
 *   signing_host RUNTIME_ID KEY_URI TASK_ID */
#include <holdfast/holdfast.h>
#include <stdio.h>

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  holdfast_signer_options options = HOLDFAST_SIGNER_OPTIONS_INIT;
  options.runtime_id = argv[1];
  options.key_uri = argv[2];
  holdfast_error error = HOLDFAST_ERROR_INIT;
  holdfast_signer* signer = NULL;
  char value[HOLDFAST_AUTHORIZATION_CAPACITY];
  size_t size = 0;
  holdfast_status status = holdfast_signer_open(&options, &signer, &error);
  if (status == HOLDFAST_OK) {
    status = holdfast_signer_authorization(signer, argv[3], 0, 0, value, sizeof value, &size, &error);
  }
  puts(status == HOLDFAST_OK ? value : error.message);
  holdfast_signer_close(signer);
  return status != HOLDFAST_OK;
}
