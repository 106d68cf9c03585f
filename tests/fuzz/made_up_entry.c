/* SPDX-License-Identifier: Apache-2.0 */
/* The library that is loaded as a module: its function list is the program's (made_up_module.cpp). */
#include <p11-kit/pkcs11.h>

CK_RV holdfast_fuzz_function_list(CK_FUNCTION_LIST** list);
__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list);
CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) { return holdfast_fuzz_function_list(list); }
