// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/ecdsa_der.hpp"
#include "tests/bench/peers/peer.hpp"
#include "tests/support/swtpm.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace holdfast::bench {
namespace {

class Tpm2SignProcess final : public Peer {
 public:
  Tpm2SignProcess(const test::Swtpm& tpm, const std::string& auth_value) : tpm_(tpm) {
    std::string out;
    const std::string with_auth = auth_value.empty() ? "" : " -p '" + auth_value + "'";
    const std::string without_lockout = auth_value.empty() ? "|noda" : "";
    const int made = tpm.run(
        "tpm2_createprimary -Q -C o -G ecc256 -c root.ctx && tpm2_create -Q -C root.ctx -G ecc256:ecdsa-sha256:null" +
            with_auth + " -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign" + without_lockout +
            "' -u k.pub -r k.priv && tpm2_flushcontext -t && tpm2_load -Q -C root.ctx -u k.pub -r k.priv -c k.ctx && "
            "tpm2_flushcontext -t && tpm2_evictcontrol -Q -C o -c k.ctx 0x81000010 && tpm2_flushcontext -t && "
            "tpm2_readpublic -Q -c 0x81000010 -f der -o public.der && tail -c 65 public.der >public.point",
        &out);
    if (made != 0) throw std::runtime_error("tpm2-tools: " + out);
    arguments_ = {"tpm2_sign", "-Q",
                  "-T",        tpm.tcti(),
                  "-c",        "0x81000010",
                  "-g",        "sha256",
                  "-s",        "ecdsa",
                  "-f",        "plain",
                  "-d",        tpm.folder().file("digest"),
                  "-o",        tpm.folder().file("signature")};
    if (!auth_value.empty()) {
      arguments_.emplace_back("-p");
      arguments_.push_back("file:" + tpm.folder().write("auth", auth_value));
    }
  }

  void sign(const PeerDigest& digest) override {
    std::ofstream(tpm_.folder().file("digest"), std::ios::binary)
        .write(reinterpret_cast<const char*>(digest.data()), static_cast<std::streamsize>(digest.size()));
    std::vector<char*> argv;
    for (std::string& argument : arguments_) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_t child = -1;
    int status = -1;
    if (posix_spawnp(&child, "tpm2_sign", nullptr, nullptr, argv.data(), environ) != 0 ||
        waitpid(child, &status, 0) != child || status != 0) {
      throw std::runtime_error("tpm2_sign failed");
    }
  }
  [[nodiscard]] Signature last_signature() const override {
    const std::string der = test::read_file(tpm_.folder().file("signature"));
    return r_and_s(std::as_bytes(std::span(der)));
  }

 private:
  const test::Swtpm& tpm_;
  std::vector<std::string> arguments_;
};

}  // namespace

std::unique_ptr<Peer> tpm2_sign_process(const test::Swtpm& tpm, const std::string& auth_value) {
  return std::make_unique<Tpm2SignProcess>(tpm, auth_value);
}

}  // namespace holdfast::bench
