// SPDX-License-Identifier: Apache-2.0
// What a header costs above the bytes that go to a TPM and come back, on a throwaway swtpm; beside it ESYS.
//   tpm_bench SHIM [ROUNDS]
//
// Everything goes through the shim TCTI, which measures the time below it: the time of exactly these bytes in exactly
// this TCTI. Our share is what is left of a header that nobody verifies when that is taken off, in every round.
#include "holdfast/signer.hpp"

#include "hal/registry.hpp"
#include "tests/bench/bench.hpp"
#include "tests/bench/heap_calls.hpp"
#include "tests/bench/required.hpp"
#include "tests/bench/rounds.hpp"
#include "tests/bench/table.hpp"
#include "tests/support/swtpm.hpp"
#include "tests/support/tcti_shim.hpp"

#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>

namespace holdfast::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBlock = 20;

void check(TSS2_RC code, const char* what) {
  if (code != TSS2_RC_SUCCESS) throw std::runtime_error(std::string(what) + " answered " + std::to_string(code));
}

struct Shim {
  explicit Shim(const char* path) {
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error("the shim cannot be loaded");
    control = reinterpret_cast<test::GetTctiShimControl>(dlsym(library, "holdfast_tcti_shim_control"))();
    is_inside = reinterpret_cast<test::TctiShimIsInside>(dlsym(library, "holdfast_tcti_shim_is_inside"));
  }
  test::TctiShimControl* control;
  test::TctiShimIsInside is_inside;
};

/// Nanoseconds for one of them, and how many of these were spent below.
struct Sample {
  double total;
  double below;
  double commands;
};

Sample measure(const Shim& shim, const std::function<void()>& once) {
  const std::uint64_t below = shim.control->nanoseconds;
  const std::uint64_t commands = shim.control->commands;
  const double total = time_once(kBlock, [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) once();
  });
  return {total / kBlock, static_cast<double>(shim.control->nanoseconds - below) / kBlock,
          static_cast<double>(shim.control->commands - commands) / kBlock};
}

/// ESYS with a P-256 signing key under a P-256 primary, through the same TCTI.
class Esys {
 public:
  Esys(const std::string& tcti, std::string_view auth_value) {
    check(Tss2_TctiLdr_Initialize(tcti.c_str(), &tcti_), "TctiLdr");
    check(Esys_Initialize(&context_, tcti_, nullptr), "Esys_Initialize");
    TPM2B_SENSITIVE_CREATE sensitive{};
    TPM2B_DATA outside{};
    TPML_PCR_SELECTION no_pcr{};
    primary_ = create(ESYS_TR_RH_OWNER, sensitive, outside, no_pcr, true);
    sensitive.sensitive.userAuth.size = static_cast<UINT16>(auth_value.size());
    std::ranges::copy(auth_value, sensitive.sensitive.userAuth.buffer);
    // A primary too: the cost of a signature is the same.
    key_ = create(ESYS_TR_RH_OWNER, sensitive, outside, no_pcr, false);
    check(Esys_TR_SetAuth(context_, key_, &sensitive.sensitive.userAuth), "TR_SetAuth");
  }
  ~Esys() {
    if (session_ != ESYS_TR_NONE) Esys_FlushContext(context_, session_);
    Esys_FlushContext(context_, key_);
    Esys_FlushContext(context_, primary_);
    Esys_Finalize(&context_);
    Tss2_TctiLdr_Finalize(&tcti_);
  }
  Esys(const Esys&) = delete;
  Esys& operator=(const Esys&) = delete;

  void sign_with_password() { sign(ESYS_TR_PASSWORD); }
  void sign_in_kept_session() {
    if (session_ == ESYS_TR_NONE) session_ = start();
    sign(session_);
  }
  /// A salted session for one signature, which ends with it. As we do it, but for the salt: ESYS makes one, by ECDH,
  /// for each session, and we one for each connection (docs/decisions/0006).
  void sign_in_own_session() {
    const ESYS_TR session = start();
    check(Esys_TRSess_SetAttributes(context_, session, 0, TPMA_SESSION_CONTINUESESSION), "TRSess_SetAttributes");
    sign(session);
  }

 private:
  ESYS_TR create(ESYS_TR parent, TPM2B_SENSITIVE_CREATE& sensitive, TPM2B_DATA& outside, TPML_PCR_SELECTION& no_pcr,
                 bool is_root) {
    TPM2B_PUBLIC area{};
    area.publicArea.type = TPM2_ALG_ECC;
    area.publicArea.nameAlg = TPM2_ALG_SHA256;
    area.publicArea.objectAttributes =
        TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SENSITIVEDATAORIGIN |
        TPMA_OBJECT_NODA | (is_root ? TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT : TPMA_OBJECT_SIGN_ENCRYPT);
    auto& ecc = area.publicArea.parameters.eccDetail;
    ecc.curveID = TPM2_ECC_NIST_P256;
    ecc.kdf.scheme = TPM2_ALG_NULL;
    ecc.symmetric.algorithm = is_root ? TPM2_ALG_AES : TPM2_ALG_NULL;
    ecc.symmetric.keyBits.aes = 128;
    ecc.symmetric.mode.aes = TPM2_ALG_CFB;
    ecc.scheme.scheme = is_root ? TPM2_ALG_NULL : TPM2_ALG_ECDSA;
    ecc.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
    ESYS_TR object = ESYS_TR_NONE;
    check(Esys_CreatePrimary(context_, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &area,
                             &outside, &no_pcr, &object, nullptr, nullptr, nullptr, nullptr),
          "Esys_CreatePrimary");
    return object;
  }
  ESYS_TR start() {
    TPMT_SYM_DEF none{};
    none.algorithm = TPM2_ALG_NULL;
    ESYS_TR session = ESYS_TR_NONE;
    check(Esys_StartAuthSession(context_, primary_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, nullptr,
                                TPM2_SE_HMAC, &none, TPM2_ALG_SHA256, &session),
          "Esys_StartAuthSession");
    return session;
  }
  void sign(ESYS_TR session) {
    TPM2B_DIGEST digest{};
    digest.size = 32;
    TPMT_SIG_SCHEME scheme{};
    scheme.scheme = TPM2_ALG_ECDSA;
    scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
    TPMT_TK_HASHCHECK ticket{};
    ticket.tag = TPM2_ST_HASHCHECK;
    ticket.hierarchy = TPM2_RH_NULL;
    TPMT_SIGNATURE* signature = nullptr;
    check(Esys_Sign(context_, key_, session, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme, &ticket, &signature),
          "Esys_Sign");
    Esys_Free(signature);
  }

  TSS2_TCTI_CONTEXT* tcti_ = nullptr;
  ESYS_CONTEXT* context_ = nullptr;
  ESYS_TR primary_ = ESYS_TR_NONE;
  ESYS_TR key_ = ESYS_TR_NONE;
  ESYS_TR session_ = ESYS_TR_NONE;
};

struct Series {
  std::vector<double> total;
  std::vector<double> below;
  std::vector<double> share;
  double commands = 0;
  void add(const Sample& sample) {
    total.push_back(sample.total / 1000);
    below.push_back(sample.below / 1000);
    share.push_back((sample.total - sample.below) / 1000);
    commands = sample.commands;
  }
};

std::vector<double> ratio(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> out;
  for (std::size_t i = 0; i < a.size(); ++i) out.push_back(a[i] / b[i]);
  return out;
}

std::vector<double> difference(std::vector<double> a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}

/// Makes headers with a key of its own in a TPM of its own.
class TpmSigner {
 public:
  TpmSigner(const std::string& in_front, std::string_view auth_value, VerifySignatures verify)
      : signer_(open(in_front, auth_value, verify)) {}
  void make() {
    static const TaskId task = require(TaskId::parse("task-0123456789abcdef"));
    std::array<char, kMaxAuthorizationSize> out;  // NOLINT: written before it is read
    (void)require(signer_.authorization(task, 10s, out, Freshness::fresh));
  }

 private:
  Signer open(const std::string& in_front, std::string_view auth_value, VerifySignatures verify) {
    const std::string uri = "tpm2:file=" + tpm_.folder().file("agent.pem") + "?tcti=" + in_front + tpm_.tcti();
    const std::string pin = auth_value.empty() ? "" : "file:" + tpm_.folder().write("pin", auth_value);
    {
      const hal::DevicePtr device = test::open_tpm(uri, hal::DeviceAccess::provision, pin);
      (void)require(
          device->key_generator()->generate({.scheme = Scheme::es256, .label = {}, .id = {}}, hal::kNoDeadline));
    }
    SignerOptions options;
    options.runtime_id = "agent-0123456789abcdef";
    options.key_uri = uri;
    options.pin_source = pin;
    options.verify = verify;
    return require(Signer::open(options));
  }

  test::Swtpm tpm_;
  Signer signer_;
};

void compare(const Shim& shim, const std::string& shim_path, bool has_auth_value, std::size_t rounds) {
  // A TPM each, as one takes one client at a time; they take turns in every round.
  const std::string in_front = shim_path + ":plain,";
  const std::string auth_value = has_auth_value ? "a rather good auth value" : "";
  TpmSigner unverified(in_front, auth_value, VerifySignatures::after_open_and_recovery);
  TpmSigner verified(in_front, auth_value, VerifySignatures::always);
  const test::Swtpm theirs;
  Esys esys(in_front + theirs.tcti(), auth_value);
  const std::function<void()> header = [&] { unverified.make(); };
  const std::function<void()> whole_header = [&] { verified.make(); };
  const std::function<void()> same = [&] { has_auth_value ? esys.sign_in_own_session() : esys.sign_with_password(); };
  const std::function<void()> kept = [&] { esys.sign_in_kept_session(); };

  header();
  whole_header();
  same();
  Series fresh;
  Series whole;
  Series other;
  Series other_kept;
  for (std::size_t round = 0; round < rounds; ++round) {
    fresh.add(measure(shim, header));
    whole.add(measure(shim, whole_header));
    other.add(measure(shim, same));
    if (has_auth_value) other_kept.add(measure(shim, kept));
  }

  begin_table(std::string("ES256 on swtpm, ") +
              (has_auth_value ? "auth value: a salted session for each signature, " : "empty auth, ") +
              std::to_string(rounds) + " rounds");
  print("our share of a fresh header, verification left out: header − its bytes in the TCTI", estimate(fresh.share),
        "µs");
  print("the header's bytes in the TCTI", estimate(fresh.below), "µs (this machine, this minute)");
  print("our header, verification left out / its bytes in the TCTI", estimate(ratio(fresh.total, fresh.below)), "×");
  // Where it takes place: what a round trip to the TPM leaves of the caches is not what a verification leaves.
  print("verification: what is left of a whole header − our share", estimate(difference(whole.share, fresh.share)),
        "µs");
  print(has_auth_value ? "ESYS' share of the same commands, and of a salt each time"
                       : "ESYS' share of the same commands",
        estimate(other.share), "µs");
  print(has_auth_value
            ? "ESYS, salted session made anew for each signature (ours is salted once a connection), / our "
              "header, whole"
            : "ESYS, whole / our header, whole",
        estimate(ratio(other.total, whole.total)), "×");
  if (has_auth_value) {
    print("ESYS' share with a session that is kept", estimate(other_kept.share), "µs");
    print("ESYS, session that is kept, / our header, whole", estimate(ratio(other_kept.total, whole.total)), "×");
  }

  const HeapUse all = heap_use_of(whole_header);
  leave_out_calls_while(shim.is_inside);
  const HeapUse own = heap_use_of(whole_header);
  const HeapUse esys_own = heap_use_of(same);
  leave_out_calls_while(nullptr);
  const auto heap = [](const std::string& where, const HeapUse& use) {
    print_count("heap calls " + where, use.calls, "calls");
    print_count("heap calls " + where + ": asked for", use.bytes, "bytes");
  };
  heap("in our frames", own);
  heap("in the TCTI and the shim below ours", {all.calls - own.calls, all.bytes - own.bytes});
  heap("in ESYS' frames", esys_own);
  std::printf("\nCommands for each: ours %g, ESYS %g.\n", fresh.commands, other.commands);
}

}  // namespace

int run(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: tpm_bench SHIM [ROUNDS]\n", stderr);
    return 2;
  }
  const Shim shim(argv[1]);
  const std::size_t rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 100;
  for (const bool has_auth_value : {false, true}) {
    compare(shim, argv[1], has_auth_value, std::max<std::size_t>(rounds, 10));
  }
  return 0;
}

}  // namespace holdfast::bench
