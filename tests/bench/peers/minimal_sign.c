/* SPDX-License-Identifier: Apache-2.0
 *
 * The least that a process can do to sign once: loads a module, logs in, finds a key by its label, signs, ends.
 *   minimal_sign MODULE PIN LABEL MECHANISM      signs 32 bytes, writes the signature
 * Checks nothing that it need not: it is the limit that `holdfast header` is measured against, no example. */
#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(CK_RV result, const char* what) {
  if (result == CKR_OK) return;
  fprintf(stderr, "minimal_sign: %s answered 0x%lx\n", what, result);
  exit(1);
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  void* module = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (module == NULL) return 1;
  CK_C_GetFunctionList get_list = NULL;
  void* symbol = dlsym(module, "C_GetFunctionList");
  memcpy(&get_list, &symbol, sizeof get_list);
  CK_FUNCTION_LIST* p11 = NULL;
  require(get_list(&p11), "C_GetFunctionList");
  require(p11->C_Initialize(NULL), "C_Initialize");

  CK_SLOT_ID slots[8];
  CK_ULONG count = 8;
  require(p11->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
  CK_SESSION_HANDLE session = 0;
  require(p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");
  require(p11->C_Login(session, CKU_USER, (CK_BYTE*)argv[2], strlen(argv[2])), "C_Login");

  CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &object_class, sizeof object_class}, {CKA_LABEL, argv[3], strlen(argv[3])}};
  CK_OBJECT_HANDLE key = 0;
  require(p11->C_FindObjectsInit(session, wanted, 2), "C_FindObjectsInit");
  require(p11->C_FindObjects(session, &key, 1, &count), "C_FindObjects");
  require(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
  if (count != 1) return 1;

  CK_MECHANISM mechanism = {strcmp(argv[4], "EDDSA") == 0 ? CKM_EDDSA : CKM_ECDSA, NULL, 0};
  CK_BYTE input[32] = {0};
  CK_BYTE signature[64];
  CK_ULONG size = sizeof signature;
  require(p11->C_SignInit(session, &mechanism, key), "C_SignInit");
  require(p11->C_Sign(session, input, sizeof input, signature, &size), "C_Sign");
  fwrite(signature, 1, size, stdout);
  require(p11->C_Finalize(NULL), "C_Finalize");
  return 0;
}
