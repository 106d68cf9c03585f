/* SPDX-License-Identifier: Apache-2.0 */
#include <holdfast/holdfast.h>
#include <stdio.h>

int main(void) {
  holdfast_signer_options options = HOLDFAST_SIGNER_OPTIONS_INIT;
  holdfast_error error = HOLDFAST_ERROR_INIT;
  holdfast_signer* signer = NULL;
  options.key_uri = "no URI";
  options.runtime_id = "agent-1";
  if (holdfast_signer_open(&options, &signer, &error) != HOLDFAST_INVALID_URI) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  printf("holdfast %s\n", holdfast_version());
  return 0;
}
