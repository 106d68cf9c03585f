// SPDX-License-Identifier: Apache-2.0
//
// A PKCS#11 module in front of the one HOLDFAST_LYING_MODULE names, that lies as HOLDFAST_LIE says: a comma-separated
// list, read at C_GetFunctionList and at C_Initialize.
//
//   wrap                 C_WrapKey gives bytes out for any key
//   value                CKA_VALUE of a private key can be read
//   copy                 C_CopyObject answers the same handle, and CKA_VALUE can be read afterwards
//   set                  C_SetAttributeValue says CKR_OK and does nothing
//   short-signature, long-signature, huge-signature, wrong-signature, buffer-too-small
//   signature-size:N     C_Sign answers a signature of N bytes
//   signature:zero|message|key   all zero; that of another message; that of another key of the token
//   bool:0xTYPE=0|1      the boolean attribute TYPE reads so
//   no-attribute:0xTYPE  the attribute TYPE is unknown
//   key-type:0xN         CKA_KEY_TYPE reads so
//   size:0xTYPE=N        the attribute TYPE is said to have N bytes, well answered
//   bytes:0xTYPE=HEX     the attribute TYPE reads so
//   from:N=LIE           LIE (a bool or bytes) is told from the N-th read of its attribute on, for the first time 1
//   point:raw|bits|junk  the form of CKA_EC_POINT
//   params:name|gnu      the form of CKA_EC_PARAMS
//   refuse:0xTYPE        C_GenerateKeyPair refuses a template with that attribute
//   no-oid               C_GenerateKeyPair refuses a curve given as an OID
//   twin-tokens          every slot is listed twice
//   many-slots           C_GetSlotList says a million
//   label:full|zeros     the token's label fills its field; is padded with zero bytes
//   fields:HEX           every text of the token is full of that byte, without an end
//   lengths:N            every number of the token, PIN lengths and memory, is N
//   another:serial|manufacturer   from the second look at a token on, another one stands in its slot
//   found:N              C_FindObjects says it found N objects
//   million              every search finds a million objects, all of them the first one it really finds
//   flags:0xF            these token flags are set too
//   pad                  the token has a PIN pad, which knows HOLDFAST_LIE_PIN
//   write-protected      the token takes no read-write session, and says so in its flags
//   reserved             C_Initialize gets HOLDFAST_LIE_RESERVED as its parameters (NSS softokn starts with them
//   alone) null:C_Name          the function is missing; version:N  the list's major version
#include "tests/support/forwarding_table.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#define HOLDFAST_EXPORT __attribute__((visibility("default")))

namespace holdfast::test {
namespace {

CK_FUNCTION_LIST* g_real = nullptr;
CK_FUNCTION_LIST g_table;
std::string g_lies;
bool g_was_copied = false;
unsigned long g_looks = 0;                           // C_GetTokenInfo of an initialised token
std::map<CK_ATTRIBUTE_TYPE, unsigned long> g_reads;  // of an attribute
CK_OBJECT_HANDLE g_found = CK_INVALID_HANDLE;
unsigned long g_handed_out = 0;

// The value of the lie `name`: what stands behind its colon, or the empty text; nothing if it is not told.
// `from` lets one name be told several times.
std::optional<std::string_view> lie(std::string_view name, std::size_t* from = nullptr) {
  std::size_t at = from != nullptr ? *from : 0;
  const std::string_view all = g_lies;
  while (at < all.size()) {
    const std::string_view one = all.substr(at, all.find(',', at) - at);
    at += one.size() + 1;
    if (one.substr(0, one.find(':')) != name) continue;
    if (from != nullptr) *from = at;
    const std::size_t colon = one.find(':');
    return colon == std::string_view::npos ? std::string_view() : one.substr(colon + 1);
  }
  return std::nullopt;
}

unsigned long number(std::string_view text) { return std::strtoul(std::string(text).c_str(), nullptr, 0); }

struct Honest {
  template <typename Native, typename... Arguments>
  static CK_RV call(Function, Native native, Arguments...) noexcept {
    return native(*g_real);
  }
};

CK_RV initialize(void* arguments) {
  const char* lies = std::getenv("HOLDFAST_LIE");
  g_lies = lies != nullptr ? lies : "";
  g_was_copied = false;
  g_looks = 0;
  g_reads.clear();
  if (!lie("reserved")) return g_real->C_Initialize(arguments);
  CK_C_INITIALIZE_ARGS with{};
  if (arguments != nullptr) with = *static_cast<CK_C_INITIALIZE_ARGS*>(arguments);
  with.pReserved = std::getenv("HOLDFAST_LIE_RESERVED");
  return g_real->C_Initialize(&with);
}

CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void* application, CK_NOTIFY notify, CK_SESSION_HANDLE* session) {
  if (lie("write-protected") && (flags & CKF_RW_SESSION) != 0) return CKR_TOKEN_WRITE_PROTECTED;
  return g_real->C_OpenSession(slot, flags, application, notify, session);
}

CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID* slots, CK_ULONG* count) {
  const CK_ULONG room = *count;
  const CK_RV code = g_real->C_GetSlotList(present, slots, count);
  if (code == CKR_OK && lie("many-slots")) *count = 1'000'000;
  if (code != CKR_OK || !lie("twin-tokens")) return code;
  const CK_ULONG honest = *count;
  *count = honest * 2;
  if (slots == nullptr) return CKR_OK;
  if (room < *count) return CKR_BUFFER_TOO_SMALL;
  std::copy_n(slots, honest, slots + honest);
  return CKR_OK;
}

CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  const CK_RV code = g_real->C_GetTokenInfo(slot, info);
  if (code != CKR_OK) return code;
  if (const auto form = lie("label"); form == "full") {
    std::memset(info->label, 'x', sizeof info->label);
  } else if (form == "zeros") {
    std::replace(std::begin(info->label), std::end(info->label), static_cast<unsigned char>(' '),
                 static_cast<unsigned char>('\0'));
  }
  if ((info->flags & CKF_TOKEN_INITIALIZED) != 0) {
    const auto another = ++g_looks >= 2 ? lie("another") : std::nullopt;
    if (another == "serial") info->serialNumber[0] ^= 1U;
    if (another == "manufacturer") info->manufacturerID[0] ^= 1U;
    if (const auto byte = lie("fields")) {
      const int value = static_cast<int>(std::strtoul(std::string(*byte).c_str(), nullptr, 16));
      std::memset(info->label, value, sizeof info->label);
      std::memset(info->manufacturerID, value, sizeof info->manufacturerID);
      std::memset(info->model, value, sizeof info->model);
      std::memset(info->serialNumber, value, sizeof info->serialNumber);
      std::memset(info->utcTime, value, sizeof info->utcTime);
    }
    if (const auto length = lie("lengths")) {
      for (CK_ULONG* field :
           {&info->ulMaxSessionCount, &info->ulSessionCount, &info->ulMaxRwSessionCount, &info->ulRwSessionCount,
            &info->ulMaxPinLen, &info->ulMinPinLen, &info->ulTotalPublicMemory, &info->ulFreePublicMemory,
            &info->ulTotalPrivateMemory, &info->ulFreePrivateMemory}) {
        *field = number(*length);
      }
    }
  }
  if (const auto flags = lie("flags")) info->flags |= number(*flags);
  if (lie("write-protected")) info->flags |= CKF_WRITE_PROTECTED;
  if (lie("pad")) info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
  return CKR_OK;
}

CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE* pin, CK_ULONG size) {
  if (!lie("pad")) return g_real->C_Login(session, user, pin, size);
  if (pin != nullptr) return CKR_ARGUMENTS_BAD;
  std::string typed = std::getenv("HOLDFAST_LIE_PIN");
  return g_real->C_Login(session, user, reinterpret_cast<CK_BYTE*>(typed.data()), typed.size());
}

bool is_private_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
  CK_OBJECT_CLASS object_class = 0;
  CK_ATTRIBUTE wanted{CKA_CLASS, &object_class, sizeof object_class};
  return g_real->C_GetAttributeValue(session, object, &wanted, 1) == CKR_OK && object_class == CKO_PRIVATE_KEY;
}

// Answers one attribute with `value`, as C_GetAttributeValue does.
CK_RV answer(CK_ATTRIBUTE& wanted, const void* value, std::size_t size) {
  const CK_ULONG room = wanted.ulValueLen;
  wanted.ulValueLen = size;
  if (wanted.pValue == nullptr) return CKR_OK;
  if (room < size) {
    wanted.ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return CKR_BUFFER_TOO_SMALL;
  }
  if (size > 0) std::memcpy(wanted.pValue, value, size);
  return CKR_OK;
}

CK_RV lie_about_point(std::string_view form, CK_ATTRIBUTE& wanted, CK_ULONG room) {
  std::array<CK_BYTE, 256> honest{};
  const std::size_t size = wanted.ulValueLen;  // DER OCTET STRING: two bytes, then the point
  if (size < 3 || size > honest.size() || wanted.pValue == nullptr) return CKR_OK;
  std::memcpy(honest.data(), wanted.pValue, size);
  wanted.ulValueLen = room;
  if (form == "raw") return answer(wanted, honest.data() + 2, size - 2);
  if (form == "bits") {
    std::array<CK_BYTE, 256> bits{0x03, static_cast<CK_BYTE>(size - 1), 0x00};
    std::memcpy(bits.data() + 3, honest.data() + 2, size - 2);
    return answer(wanted, bits.data(), size + 1);
  }
  return answer(wanted, honest.data(), size - 1);
}

std::vector<CK_BYTE> bytes_of(std::string_view hex) {
  std::vector<CK_BYTE> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<CK_BYTE>(std::strtoul(std::string(hex.substr(i, 2)).c_str(), nullptr, 16)));
  }
  return bytes;
}

// "bool:0xTYPE=0|1" and "bytes:0xTYPE=HEX", for themselves and behind "from:N=".
std::optional<CK_RV> lie_about_value(std::string_view kind, std::string_view told, CK_ATTRIBUTE& wanted,
                                     CK_ULONG room) {
  const std::size_t equals = told.find('=');
  if (number(told.substr(0, equals)) != wanted.type) return std::nullopt;
  std::vector<CK_BYTE> value = bytes_of(told.substr(equals + 1));
  if (kind == "bool") value = {told.substr(equals + 1) == "1" ? CK_BYTE{CK_TRUE} : CK_BYTE{CK_FALSE}};
  wanted.ulValueLen = room;
  return answer(wanted, value.data(), value.size());
}

std::optional<CK_RV> lie_later(CK_ATTRIBUTE& wanted, CK_ULONG room, unsigned long reads) {
  std::size_t at = 0;
  while (const auto told = lie("from", &at)) {
    const std::size_t equals = told->find('=');
    const std::string_view rest = told->substr(equals + 1);
    if (reads < number(told->substr(0, equals))) continue;
    const std::size_t colon = rest.find(':');
    if (const auto code = lie_about_value(rest.substr(0, colon), rest.substr(colon + 1), wanted, room)) return code;
  }
  return std::nullopt;
}

std::optional<CK_RV> lie_about_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE& wanted,
                                         CK_ULONG room) {
  if (const auto code = lie_later(wanted, room, ++g_reads[wanted.type])) return code;
  std::size_t at = 0;
  for (const char* kind : {"bool", "bytes"}) {
    at = 0;
    while (const auto told = lie(kind, &at)) {
      if (const auto code = lie_about_value(kind, *told, wanted, room)) return code;
    }
  }
  at = 0;
  while (const auto told = lie("size", &at)) {
    const std::size_t equals = told->find('=');
    if (number(told->substr(0, equals)) != wanted.type) continue;
    wanted.ulValueLen = number(told->substr(equals + 1));
    return CKR_OK;
  }
  at = 0;
  while (const auto told = lie("no-attribute", &at)) {
    if (number(*told) != wanted.type) continue;
    wanted.ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return CKR_ATTRIBUTE_TYPE_INVALID;
  }
  if (wanted.type == CKA_VALUE && (lie("value") || g_was_copied) && is_private_key(session, object)) {
    constexpr std::array<CK_BYTE, 32> kSecret{1, 2, 3};
    wanted.ulValueLen = room;
    return answer(wanted, kSecret.data(), kSecret.size());
  }
  if (const auto type = lie("key-type"); type && wanted.type == CKA_KEY_TYPE) {
    const CK_KEY_TYPE value = number(*type);
    wanted.ulValueLen = room;
    return answer(wanted, &value, sizeof value);
  }
  if (const auto form = lie("point"); form && wanted.type == CKA_EC_POINT)
    return lie_about_point(*form, wanted, room);
  if (const auto form = lie("params"); form && wanted.type == CKA_EC_PARAMS) {
    constexpr std::string_view kName =
        "\x13\x0c"
        "edwards25519";
    constexpr std::string_view kGnu = "\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01";
    const std::string_view value = form == "name" ? kName : kGnu;
    wanted.ulValueLen = room;
    return answer(wanted, value.data(), value.size());
  }
  return std::nullopt;
}

CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* wanted, CK_ULONG count) {
  std::array<CK_ULONG, 64> rooms{};
  for (CK_ULONG i = 0; i < count && i < rooms.size(); ++i) rooms[i] = wanted[i].ulValueLen;
  CK_RV worst = CKR_OK;
  for (CK_ULONG i = 0; i < count && i < rooms.size(); ++i) {
    const CK_RV honest = g_real->C_GetAttributeValue(session, object, &wanted[i], 1);
    const CK_RV code = lie_about_attribute(session, object, wanted[i], rooms[i]).value_or(honest);
    if (code != CKR_OK) worst = code;
  }
  return worst;
}

CK_RV set_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* values, CK_ULONG count) {
  return lie("set") ? CKR_OK : g_real->C_SetAttributeValue(session, object, values, count);
}

CK_RV copy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* values, CK_ULONG count,
                  CK_OBJECT_HANDLE* copy) {
  if (!lie("copy")) return g_real->C_CopyObject(session, object, values, count, copy);
  *copy = object;
  g_was_copied = true;
  return CKR_OK;
}

CK_RV wrap_key(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key,
               CK_BYTE* out, CK_ULONG* size) {
  if (!lie("wrap")) return g_real->C_WrapKey(session, mechanism, wrapping, key, out, size);
  constexpr CK_ULONG kWrapped = 72;
  if (out != nullptr && *size < kWrapped) return CKR_BUFFER_TOO_SMALL;
  if (out != nullptr) std::memset(out, 0x5a, kWrapped);
  *size = kWrapped;
  return CKR_OK;
}

CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE* objects, CK_ULONG room, CK_ULONG* count) {
  constexpr unsigned long kMillion = 1'000'000;
  if (lie("million") && g_handed_out != 0) {
    *count = std::min(room, kMillion - std::min(g_handed_out, kMillion));
    std::fill_n(objects, *count, g_found);
    g_handed_out += *count;
    return CKR_OK;
  }
  const CK_RV code = g_real->C_FindObjects(session, objects, room, count);
  if (code != CKR_OK) return code;
  if (lie("million") && *count > 0) {
    g_found = objects[0];
    g_handed_out = *count = room;
    std::fill_n(objects, room, g_found);
  }
  if (const auto found = lie("found")) *count = number(*found);
  return CKR_OK;
}

CK_RV find_objects_final(CK_SESSION_HANDLE session) {
  g_handed_out = 0;
  return g_real->C_FindObjectsFinal(session);
}

// The key of another: the first private key that is found and is not the one asked for.
CK_OBJECT_HANDLE another_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
  CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE wanted{CKA_CLASS, &object_class, sizeof object_class};
  std::array<CK_OBJECT_HANDLE, 8> found{};
  CK_ULONG count = 0;
  g_real->C_FindObjectsInit(session, &wanted, 1);
  g_real->C_FindObjects(session, found.data(), found.size(), &count);
  g_real->C_FindObjectsFinal(session);
  CK_OBJECT_HANDLE* const end = found.data() + count;
  const auto* other = std::find_if(found.data(), end, [key](CK_OBJECT_HANDLE one) { return one != key; });
  return other != end ? *other : key;
}

CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return g_real->C_SignInit(session, mechanism, lie("signature") == "key" ? another_key(session, key) : key);
}

CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG data_size, CK_BYTE* signature, CK_ULONG* size) {
  std::vector<CK_BYTE> other(data, data + data_size);
  if (lie("signature") == "message") {
    other[0] ^= 1U;
    data = other.data();
  }
  if (lie("buffer-too-small")) {
    *size = 1024;
    return CKR_BUFFER_TOO_SMALL;
  }
  const CK_RV code = g_real->C_Sign(session, data, data_size, signature, size);
  if (code != CKR_OK || signature == nullptr) return code;
  if (lie("signature") == "zero") std::memset(signature, 0, *size);
  if (const auto told = lie("signature-size")) *size = number(*told);
  if (lie("short-signature")) *size = 63;
  if (lie("long-signature")) *size = 65;
  if (lie("huge-signature")) *size = std::numeric_limits<CK_ULONG>::max() / 2;
  if (lie("wrong-signature")) signature[0] ^= 1U;
  return CKR_OK;
}

CK_RV generate_key_pair(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_ATTRIBUTE* open, CK_ULONG open_count,
                        CK_ATTRIBUTE* hidden, CK_ULONG hidden_count, CK_OBJECT_HANDLE* open_key,
                        CK_OBJECT_HANDLE* hidden_key) {
  std::size_t at = 0;
  while (const auto told = lie("refuse", &at)) {
    const CK_ATTRIBUTE_TYPE type = number(*told);
    const auto is_it = [type](const CK_ATTRIBUTE& attribute) { return attribute.type == type; };
    if (std::any_of(hidden, hidden + hidden_count, is_it) || std::any_of(open, open + open_count, is_it)) {
      return CKR_ATTRIBUTE_TYPE_INVALID;
    }
  }
  const auto is_oid = [](const CK_ATTRIBUTE& attribute) {
    return attribute.type == CKA_EC_PARAMS && *static_cast<const CK_BYTE*>(attribute.pValue) == 0x06;
  };
  if (lie("no-oid") && std::any_of(open, open + open_count, is_oid)) return CKR_CURVE_NOT_SUPPORTED;
  return g_real->C_GenerateKeyPair(session, mechanism, open, open_count, hidden, hidden_count, open_key, hidden_key);
}

void fill_table() {
  g_table = forwarding_table<Honest>();
  g_table.C_Initialize = &initialize;
  g_table.C_GetSlotList = &get_slot_list;
  g_table.C_GetTokenInfo = &get_token_info;
  g_table.C_OpenSession = &open_session;
  g_table.C_Login = &login;
  g_table.C_GetAttributeValue = &get_attribute_value;
  g_table.C_SetAttributeValue = &set_attribute_value;
  g_table.C_CopyObject = &copy_object;
  g_table.C_WrapKey = &wrap_key;
  g_table.C_FindObjects = &find_objects;
  g_table.C_FindObjectsFinal = &find_objects_final;
  g_table.C_SignInit = &sign_init;
  g_table.C_Sign = &sign;
  g_table.C_GenerateKeyPair = &generate_key_pair;
  if (const auto version = lie("version")) g_table.version.major = static_cast<CK_BYTE>(number(*version));
  std::size_t at = 0;
  while (const auto name = lie("null", &at)) {
#define HOLDFAST_CLEAR(function) \
  if (*name == #function) g_table.function = nullptr;
    HOLDFAST_CRYPTOKI_FUNCTIONS(HOLDFAST_CLEAR)
#undef HOLDFAST_CLEAR
  }
}

}  // namespace
}  // namespace holdfast::test

extern "C" HOLDFAST_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  using namespace holdfast::test;
  g_real = real_module("HOLDFAST_LYING_MODULE");
  if (g_real == nullptr) return CKR_LIBRARY_LOAD_FAILED;
  const char* lies = std::getenv("HOLDFAST_LIE");
  g_lies = lies != nullptr ? lies : "";
  fill_table();
  *list = &g_table;
  return CKR_OK;
}
