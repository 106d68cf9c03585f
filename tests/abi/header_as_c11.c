/* SPDX-License-Identifier: Apache-2.0
 *
 * The C headers are C11, and every INIT macro is a complete initialiser. */
#include <holdfast/holdfast.h>

int holdfast_reads_as_c11(void);
int holdfast_reads_as_c11(void) {
  const holdfast_error error = HOLDFAST_ERROR_INIT;
  const holdfast_signer_options signer = HOLDFAST_SIGNER_OPTIONS_INIT;
  const holdfast_task_registration registration = HOLDFAST_TASK_REGISTRATION_INIT;
  const holdfast_key_info key = HOLDFAST_KEY_INFO_INIT;
  const holdfast_counters counters = HOLDFAST_COUNTERS_INIT;
  const holdfast_assertion assertion = HOLDFAST_ASSERTION_INIT;
  const holdfast_registrar_options registrar = HOLDFAST_REGISTRAR_OPTIONS_INIT;
  const holdfast_session_options session = HOLDFAST_SESSION_OPTIONS_INIT;
  const holdfast_headers headers = HOLDFAST_HEADERS_INIT;
  const holdfast_account account = HOLDFAST_ACCOUNT_INIT;
  return error.struct_size == sizeof error && signer.struct_size == sizeof signer &&
         registration.struct_size == sizeof registration && key.struct_size == sizeof key &&
         counters.struct_size == sizeof counters && assertion.struct_size == sizeof assertion &&
         session.struct_size == sizeof session && registrar.struct_size == sizeof registrar &&
         headers.struct_size == sizeof headers && account.struct_size == sizeof account;
}
