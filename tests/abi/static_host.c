/* SPDX-License-Identifier: Apache-2.0
 *
 * A C program on the static signing half: it links, without a C++ compiler, and is answered. */
#include <holdfast/holdfast.h>
#include <stdio.h>

int main(void) {
  holdfast_signer_options options = HOLDFAST_SIGNER_OPTIONS_INIT;
  options.runtime_id = "agent-1";
  options.key_uri = "pkcs12:not-a-key";
  holdfast_error error = HOLDFAST_ERROR_INIT;
  holdfast_signer* signer = NULL;
  const holdfast_status status = holdfast_signer_open(&options, &signer, &error);
  printf("%s: %s\n", holdfast_status_name(status), error.message);
  holdfast_signer_close(signer);
  return status == HOLDFAST_INVALID_URI && signer == NULL ? 0 : 1;
}
