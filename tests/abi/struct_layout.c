/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the size of every structure of the C ABI and where its members lie; the test compares it with a list. */
#include <holdfast/holdfast.h>
#include <stdio.h>

#define STRUCTURE(type) printf(#type " %zu\n", sizeof(type))
#define MEMBER(type, member) printf("  " #member " %zu\n", offsetof(type, member))

_Static_assert(sizeof(holdfast_status) == 4, "a status has 32 bits");

int main(void) {
  STRUCTURE(holdfast_error);
  MEMBER(holdfast_error, struct_size);
  MEMBER(holdfast_error, status);
  MEMBER(holdfast_error, layer);
  MEMBER(holdfast_error, remedy);
  MEMBER(holdfast_error, native);
  MEMBER(holdfast_error, message);
  MEMBER(holdfast_error, hint);
  STRUCTURE(holdfast_event);
  MEMBER(holdfast_event, struct_size);
  MEMBER(holdfast_event, kind);
  MEMBER(holdfast_event, severity);
  MEMBER(holdfast_event, status);
  MEMBER(holdfast_event, layer);
  MEMBER(holdfast_event, remedy);
  MEMBER(holdfast_event, native);
  MEMBER(holdfast_event, generation);
  MEMBER(holdfast_event, message);
  MEMBER(holdfast_event, hint);
  STRUCTURE(holdfast_signer_options);
  MEMBER(holdfast_signer_options, struct_size);
  MEMBER(holdfast_signer_options, flags);
  MEMBER(holdfast_signer_options, runtime_id);
  MEMBER(holdfast_signer_options, key_uri);
  MEMBER(holdfast_signer_options, twin_uri);
  MEMBER(holdfast_signer_options, expected_public_key);
  MEMBER(holdfast_signer_options, pin_source);
  MEMBER(holdfast_signer_options, module_path);
  MEMBER(holdfast_signer_options, profile);
  MEMBER(holdfast_signer_options, scheme);
  MEMBER(holdfast_signer_options, max_tasks);
  MEMBER(holdfast_signer_options, max_age_s);
  MEMBER(holdfast_signer_options, sessions);
  MEMBER(holdfast_signer_options, reserved);
  MEMBER(holdfast_signer_options, log);
  MEMBER(holdfast_signer_options, log_context);
  STRUCTURE(holdfast_task_registration);
  MEMBER(holdfast_task_registration, struct_size);
  MEMBER(holdfast_task_registration, reserved);
  MEMBER(holdfast_task_registration, timestamp);
  MEMBER(holdfast_task_registration, signature);
  STRUCTURE(holdfast_key_info);
  MEMBER(holdfast_key_info, struct_size);
  MEMBER(holdfast_key_info, scheme);
  MEMBER(holdfast_key_info, profile);
  MEMBER(holdfast_key_info, verifies_always);
  MEMBER(holdfast_key_info, max_age_s);
  MEMBER(holdfast_key_info, public_key_size);
  MEMBER(holdfast_key_info, public_key);
  MEMBER(holdfast_key_info, runtime_id);
  MEMBER(holdfast_key_info, ssh_public_key);
  STRUCTURE(holdfast_counters);
  MEMBER(holdfast_counters, struct_size);
  MEMBER(holdfast_counters, reserved);
  MEMBER(holdfast_counters, headers);
  MEMBER(holdfast_counters, headers_reused);
  MEMBER(holdfast_counters, signatures);
  MEMBER(holdfast_counters, verifications);
  MEMBER(holdfast_counters, device_errors);
  MEMBER(holdfast_counters, resets);
  MEMBER(holdfast_counters, recoveries);
  MEMBER(holdfast_counters, abandoned_calls);
  STRUCTURE(holdfast_assertion);
  MEMBER(holdfast_assertion, struct_size);
  MEMBER(holdfast_assertion, reserved);
  MEMBER(holdfast_assertion, time_s);
  MEMBER(holdfast_assertion, runtime_id);
  MEMBER(holdfast_assertion, task_id);
  MEMBER(holdfast_assertion, timestamp);
  STRUCTURE(holdfast_session_options);
  MEMBER(holdfast_session_options, struct_size);
  MEMBER(holdfast_session_options, flags);
  MEMBER(holdfast_session_options, identity_file);
  MEMBER(holdfast_session_options, pin_source);
  MEMBER(holdfast_session_options, module_path);
  MEMBER(holdfast_session_options, expected_public_key);
  MEMBER(holdfast_session_options, origins);
  MEMBER(holdfast_session_options, origins_count);
  MEMBER(holdfast_session_options, authority_url);
  MEMBER(holdfast_session_options, ca_file);
  MEMBER(holdfast_session_options, client_certificate);
  MEMBER(holdfast_session_options, client_key);
  MEMBER(holdfast_session_options, proxy);
  MEMBER(holdfast_session_options, minimum_profile);
  MEMBER(holdfast_session_options, max_age_s);
  MEMBER(holdfast_session_options, registration_timeout_ms);
  MEMBER(holdfast_session_options, signing_timeout_ms);
  MEMBER(holdfast_session_options, rejection_interval_ms);
  MEMBER(holdfast_session_options, reserved);
  MEMBER(holdfast_session_options, log);
  MEMBER(holdfast_session_options, log_context);
  STRUCTURE(holdfast_header);
  MEMBER(holdfast_header, name);
  MEMBER(holdfast_header, value);
  STRUCTURE(holdfast_headers);
  MEMBER(holdfast_headers, struct_size);
  MEMBER(holdfast_headers, count);
  MEMBER(holdfast_headers, generation);
  MEMBER(holdfast_headers, fields);
  STRUCTURE(holdfast_account);
  MEMBER(holdfast_account, struct_size);
  MEMBER(holdfast_account, is_fedramp);
  MEMBER(holdfast_account, account_id);
  MEMBER(holdfast_account, user_id);
  MEMBER(holdfast_account, email);
  MEMBER(holdfast_account, plan_type);
  MEMBER(holdfast_account, authority_url);
  return 0;
}
