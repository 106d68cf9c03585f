// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/made_up_module.hpp"

#include "tests/support/forwarding_table.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace holdfast::fuzz {
namespace {

MadeUpModule* module = nullptr;

constexpr std::array<CK_RV, 20> kCodes{
    CKR_DEVICE_REMOVED,         CKR_SESSION_HANDLE_INVALID,   CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID,
    CKR_TOKEN_NOT_PRESENT,      CKR_CRYPTOKI_NOT_INITIALIZED, CKR_BUFFER_TOO_SMALL,      CKR_ATTRIBUTE_SENSITIVE,
    CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID,  CKR_PIN_INCORRECT,         CKR_PIN_LOCKED,
    CKR_USER_ALREADY_LOGGED_IN, CKR_USER_NOT_LOGGED_IN,       CKR_OPERATION_ACTIVE,      CKR_SESSION_COUNT,
    CKR_GENERAL_ERROR,          CKR_FUNCTION_FAILED,          CKR_MECHANISM_INVALID,     CKR_TEMPLATE_INCONSISTENT};

void pad(unsigned char* field, std::size_t size, std::string_view text) {
  std::memset(field, ' ', size);
  std::memcpy(field, text.data(), std::min(size, text.size()));
}

// Over `size` bytes, as many as the choices have.
void scribble(void* to, std::size_t size) {
  const auto bytes = module->choices().sized();
  if (!bytes.empty()) std::memcpy(to, bytes.data(), std::min(size, bytes.size()));
}

CK_ULONG lied_count(CK_ULONG honest) {
  if (!module->is_lying) return honest;
  return module->choices().flag() ? module->choices().number() : module->choices().octet();
}

// What this module does not do in a way of its own.
struct Plain {
  template <typename Call, typename... Arguments>
  static CK_RV call(test::Function /*function*/, Call /*call*/, Arguments... /*arguments*/) {
    return module->answer();
  }
};

CK_RV initialize(void* /*arguments*/) {
  if (module->is_initialised) return CKR_CRYPTOKI_ALREADY_INITIALIZED;
  const CK_RV code = module->answer();
  module->is_initialised = code == CKR_OK;
  return code;
}
CK_RV finalize(void* /*reserved*/) {
  module->is_initialised = false;
  return CKR_OK;
}

CK_RV get_info(CK_INFO* info) {
  *info = {};
  info->cryptokiVersion = {2, 40};
  const CK_RV code = module->answer();
  if (module->is_lying) scribble(info, sizeof *info);
  return code;
}
CK_RV get_slot_list(CK_BBOOL /*present*/, CK_SLOT_ID* list, CK_ULONG* count) {
  const CK_RV code = module->answer();
  const CK_ULONG room = *count;
  *count = lied_count(1);
  if (list != nullptr && room > 0) list[0] = 7;
  return code;
}
CK_RV get_slot_info(CK_SLOT_ID /*slot*/, CK_SLOT_INFO* info) {
  *info = {};
  info->flags = CKF_TOKEN_PRESENT;
  const CK_RV code = module->answer();
  if (module->is_lying) scribble(info, sizeof *info);
  return code;
}
CK_RV get_token_info(CK_SLOT_ID /*slot*/, CK_TOKEN_INFO* info) {
  *info = {};
  pad(info->label, sizeof info->label, "agents");
  pad(info->manufacturerID, sizeof info->manufacturerID, "a fuzzer");
  pad(info->model, sizeof info->model, "made up");
  pad(info->serialNumber, sizeof info->serialNumber, "0123");
  info->flags = CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_RNG;
  info->ulMaxPinLen = 64;
  const CK_RV code = module->answer();
  if (module->is_lying) scribble(info, sizeof *info);
  return code;
}
CK_RV get_mechanism_list(CK_SLOT_ID /*slot*/, CK_MECHANISM_TYPE* list, CK_ULONG* count) {
  static constexpr std::array<CK_MECHANISM_TYPE, 4> kMechanisms{CKM_EDDSA, CKM_ECDSA, CKM_EC_KEY_PAIR_GEN, 0x1055UL};
  const CK_RV code = module->answer();
  const CK_ULONG room = *count;
  *count = lied_count(kMechanisms.size());
  if (list != nullptr) std::copy_n(kMechanisms.begin(), std::min<CK_ULONG>(room, kMechanisms.size()), list);
  return code;
}
CK_RV open_session(CK_SLOT_ID /*slot*/, CK_FLAGS /*flags*/, void* /*application*/, CK_NOTIFY /*notify*/,
                   CK_SESSION_HANDLE* session) {
  const CK_RV code = module->answer();
  if (code != CKR_OK) return code;
  *session = 1;
  module->note_session(true);
  return code;
}
CK_RV close_session(CK_SESSION_HANDLE /*session*/) {
  if (module->open_sessions() > 0) module->note_session(false);
  return module->answer();
}
CK_RV log_in(CK_SESSION_HANDLE /*session*/, CK_USER_TYPE /*user*/, CK_BYTE* /*pin*/, CK_ULONG /*size*/) {
  const CK_RV code = module->answer();
  if (code == CKR_PIN_INCORRECT) module->note_refused_pin();
  return code;
}

enum Object : CK_OBJECT_HANDLE { kPrivate = 10, kMadePrivate = 11, kPublic = 20, kMadePublic = 21 };

bool is_public(CK_OBJECT_HANDLE object) { return object >= kPublic; }
bool is_made(CK_OBJECT_HANDLE object) { return object == kMadePrivate || object == kMadePublic; }
std::string_view value_of(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);

bool matches(CK_OBJECT_HANDLE object, std::span<const CK_ATTRIBUTE> wanted) {
  return std::ranges::all_of(wanted, [object](const CK_ATTRIBUTE& attribute) {
    return value_of(object, attribute.type) ==
           std::string_view(static_cast<const char*>(attribute.pValue), attribute.ulValueLen);
  });
}

CK_RV find_objects_init(CK_SESSION_HANDLE /*session*/, CK_ATTRIBUTE* wanted, CK_ULONG count) {
  module->found.clear();
  for (const CK_OBJECT_HANDLE object : {kPrivate, kMadePrivate, kPublic, kMadePublic}) {
    const bool is_there = object == kPrivate || object == kPublic ||
                          (object == kMadePrivate ? module->has_made_private : module->has_made_public);
    if (is_there && matches(object, {wanted, count})) module->found.push_back(object);
  }
  return module->answer();
}
CK_RV find_objects(CK_SESSION_HANDLE /*session*/, CK_OBJECT_HANDLE* objects, CK_ULONG room, CK_ULONG* count) {
  const CK_RV code = module->answer();
  const CK_ULONG honest = std::min<CK_ULONG>(module->found.size(), room);
  *count = lied_count(honest);
  for (CK_ULONG i = 0; i < std::min(*count, room); ++i) objects[i] = i < honest ? module->found[i] : 10 + i;
  module->found.erase(module->found.begin(), module->found.begin() + static_cast<std::ptrdiff_t>(honest));
  return code;
}

bool is_true(CK_ATTRIBUTE_TYPE type) {
  switch (type) {
    case CKA_TOKEN:
    case CKA_PRIVATE:
    case CKA_SENSITIVE:
    case CKA_ALWAYS_SENSITIVE:
    case CKA_NEVER_EXTRACTABLE:
    case CKA_LOCAL:
    case CKA_SIGN:
      return true;
    default:
      return false;
  }
}

// The honest value; the point is that of protocol.md's first vector.
std::string_view value_of(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  static constexpr CK_OBJECT_CLASS kPrivateKey = CKO_PRIVATE_KEY;
  static constexpr CK_OBJECT_CLASS kPublicKey = CKO_PUBLIC_KEY;
  static constexpr CK_KEY_TYPE kEdwards = 0x40UL;
  static constexpr CK_BBOOL kYes = CK_TRUE;
  static constexpr CK_BBOOL kNo = CK_FALSE;
  static constexpr std::string_view kCurve{"\x06\x03\x2b\x65\x70", 5};
  static constexpr unsigned char kPoint[] = {0x04, 0x20, 0xea, 0x4a, 0x6c, 0x63, 0xe2, 0x9c, 0x52, 0x0a, 0xbe, 0xf5,
                                             0x50, 0x7b, 0x13, 0x2e, 0xc5, 0xf9, 0x95, 0x47, 0x76, 0xae, 0xbe, 0xbe,
                                             0x7b, 0x92, 0x42, 0x1e, 0xea, 0x69, 0x14, 0x46, 0xd2, 0x2c};
  const auto text = [](const auto& value) {
    return std::string_view(reinterpret_cast<const char*>(&value), sizeof value);
  };
  switch (type) {
    case CKA_CLASS:
      return text(is_public(object) ? kPublicKey : kPrivateKey);
    case CKA_KEY_TYPE:
      return text(kEdwards);
    case CKA_EC_PARAMS:
      return kCurve;
    case CKA_EC_POINT:
      return text(kPoint);
    case CKA_LABEL:
      return is_made(object) ? "agent-2" : "agent-1";
    case CKA_ID:
      if (!is_made(object)) return "\x01";
      return {reinterpret_cast<const char*>(module->made_id.data()), module->made_id.size()};
    default:
      return text(is_true(type) ? kYes : kNo);
  }
}

CK_RV get_attribute_value(CK_SESSION_HANDLE /*session*/, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* wanted,
                          CK_ULONG count) {
  const CK_RV code = module->answer();
  for (CK_ATTRIBUTE& attribute : std::span(wanted, count)) {
    const std::string_view value = value_of(object, attribute.type);
    const CK_ULONG room = attribute.pValue != nullptr ? attribute.ulValueLen : 0;
    attribute.ulValueLen = value.size();
    if (room > 0) value.copy(static_cast<char*>(attribute.pValue), room);
    if (!module->is_lying || module->choices().flag()) continue;
    attribute.ulValueLen = lied_count(value.size());
    if (room > 0) scribble(attribute.pValue, room);
  }
  return code;
}

CK_RV sign(CK_SESSION_HANDLE /*session*/, CK_BYTE* /*data*/, CK_ULONG /*data_size*/, CK_BYTE* signature,
           CK_ULONG* size) {
  const CK_RV code = module->answer();
  const CK_ULONG room = *size;
  *size = lied_count(64);
  if (signature != nullptr) std::memset(signature, 0x5A, std::min<CK_ULONG>(room, 64));
  return code;
}

void keep_id(std::span<const CK_ATTRIBUTE> given) {
  for (const CK_ATTRIBUTE& attribute : given) {
    if (attribute.type != CKA_ID) continue;
    const auto* id = static_cast<const CK_BYTE*>(attribute.pValue);
    module->made_id.assign(id, id + attribute.ulValueLen);
  }
}
CK_RV generate_key_pair(CK_SESSION_HANDLE /*session*/, CK_MECHANISM* /*mechanism*/, CK_ATTRIBUTE* /*open*/,
                        CK_ULONG /*open_count*/, CK_ATTRIBUTE* hidden, CK_ULONG hidden_count,
                        CK_OBJECT_HANDLE* open_key, CK_OBJECT_HANDLE* hidden_key) {
  const CK_RV code = module->answer();
  *open_key = lied_count(kMadePublic);
  *hidden_key = lied_count(kMadePrivate);
  if (code != CKR_OK) return code;
  keep_id({hidden, hidden_count});
  module->has_made_private = module->has_made_public = true;
  return code;
}
CK_RV create_object(CK_SESSION_HANDLE /*session*/, CK_ATTRIBUTE* given, CK_ULONG count, CK_OBJECT_HANDLE* object) {
  const CK_RV code = module->answer();
  const bool makes_public = std::any_of(given, given + count, [](const CK_ATTRIBUTE& attribute) {
    return attribute.type == CKA_CLASS && *static_cast<const CK_OBJECT_CLASS*>(attribute.pValue) == CKO_PUBLIC_KEY;
  });
  *object = lied_count(makes_public ? kMadePublic : kMadePrivate);
  if (code != CKR_OK) return code;
  keep_id({given, count});
  (makes_public ? module->has_made_public : module->has_made_private) = true;
  return code;
}
CK_RV destroy_object(CK_SESSION_HANDLE /*session*/, CK_OBJECT_HANDLE object) {
  const CK_RV code = module->answer();
  if (code != CKR_OK) return code;
  if (object == kMadePrivate) module->has_made_private = false;
  if (object == kMadePublic) module->has_made_public = false;
  return code;
}

CK_FUNCTION_LIST table() {
  CK_FUNCTION_LIST list = test::forwarding_table<Plain>();
  list.C_Initialize = &initialize;
  list.C_Finalize = &finalize;
  list.C_GetInfo = &get_info;
  list.C_GetSlotList = &get_slot_list;
  list.C_GetSlotInfo = &get_slot_info;
  list.C_GetTokenInfo = &get_token_info;
  list.C_GetMechanismList = &get_mechanism_list;
  list.C_OpenSession = &open_session;
  list.C_CloseSession = &close_session;
  list.C_Login = &log_in;
  list.C_FindObjectsInit = &find_objects_init;
  list.C_FindObjects = &find_objects;
  list.C_GetAttributeValue = &get_attribute_value;
  list.C_Sign = &sign;
  list.C_GenerateKeyPair = &generate_key_pair;
  list.C_CreateObject = &create_object;
  list.C_DestroyObject = &destroy_object;
  return list;
}

}  // namespace

MadeUpModule::MadeUpModule(Choices& choices) noexcept : choices_(choices) { module = this; }
MadeUpModule::~MadeUpModule() { module = nullptr; }

CK_RV MadeUpModule::answer() {
  ++calls_;
  const std::uint8_t octet = choices_.octet();
  is_lying = (octet & 0x80U) != 0;
  const std::uint8_t code = octet & 0x7FU;
  if (code == 0) return CKR_OK;
  return code <= kCodes.size() ? kCodes[code - 1U] : static_cast<CK_RV>(choices_.number());
}

}  // namespace holdfast::fuzz

extern "C" __attribute__((visibility("default"))) CK_RV holdfast_fuzz_function_list(CK_FUNCTION_LIST** list) {
  static CK_FUNCTION_LIST table = holdfast::fuzz::table();
  *list = &table;
  return CKR_OK;
}
