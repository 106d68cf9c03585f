// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "tests/support/temporary_folder.hpp"

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::test {

/// A TPM 2.0 of one test: swtpm as a child process, with its state and its socket in a folder of its own. It dies
/// with this process; everything is removed with it.
///
/// It takes one client at a time: close a device before another one is opened.
class Swtpm {
 public:
  enum class Make : std::uint8_t {
    bare,       ///< as it comes: no endorsement key in it
    certified,  ///< as a maker ships it: endorsement keys, persistent, and their certificates in NV memory
  };
  explicit Swtpm(Make make = Make::bare);
  ~Swtpm();
  Swtpm(const Swtpm&) = delete;
  Swtpm& operator=(const Swtpm&) = delete;

  [[nodiscard]] static bool is_installed();
  [[nodiscard]] static bool is_required();

  void start();
  void stop();
  /// A TPM reset: what was loaded is gone, what is persistent stays.
  void restart();
  /// Holds it up in the middle of whatever it does.
  void suspend() const;
  void resume() const;

  [[nodiscard]] std::string tcti() const { return "swtpm:path=" + folder_.file("s"); }
  /// "tpm2:file=<folder>/NAME.pem?tcti=…"
  [[nodiscard]] std::string file_uri(std::string_view name) const;
  /// "tpm2:handle=0x…?tcti=…"
  [[nodiscard]] std::string handle_uri(std::string_view handle) const;
  /// The certificates of who certified it, in PEM.
  [[nodiscard]] std::string ca_file() const { return folder_.file("ek-ca.pem"); }
  [[nodiscard]] std::string token_uri() const { return "tpm2:?tcti=" + tcti(); }
  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }

  /// The transient objects and sessions that are in it; no device may be open.
  struct Slots {
    std::vector<std::uint32_t> transient;
    std::vector<std::uint32_t> loaded_sessions;
    std::vector<std::uint32_t> saved_sessions;
    friend bool operator==(const Slots&, const Slots&) = default;
  };
  [[nodiscard]] Slots slots() const;

  /// Flushes what is loaded, removes the persistent key at `handle` if there is one, and forgets wrong auth values;
  /// no device may be open.
  void clean(std::uint32_t handle) const;
  /// The persistent objects; no device may be open.
  [[nodiscard]] std::vector<std::uint32_t> persistent() const;

  /// One command of tpm2-tools, or openssl with the tpm2 provider, on this TPM: exit status; output in `out`.
  int run(const std::string& command, std::string* out = nullptr) const;

 private:
  void certify();

  TemporaryFolder folder_;
  pid_t process_ = -1;
};

/// Opens `uri`; throws with the message if that fails.
[[nodiscard]] hal::DevicePtr open_tpm(const std::string& uri, hal::DeviceAccess access,
                                      std::string_view pin_source = {}, hal::Clock* clock = nullptr,
                                      std::string_view owner_pin_source = {});

/// How many threads of this process, but for the one that asks, wait for a byte on a socket: with a TPM that is held
/// up, for its answer.
[[nodiscard]] std::size_t threads_waiting_for_the_tpm();

/// A whole error as a person sees it.
[[nodiscard]] std::string told(const Error& error);

}  // namespace holdfast::test

/// Skips by name where swtpm is missing, unless HOLDFAST_REQUIRE lists it.
#define HOLDFAST_SKIP_WITHOUT_SWTPM()                                                            \
  do {                                                                                           \
    if (!holdfast::test::Swtpm::is_installed()) {                                                \
      if (holdfast::test::Swtpm::is_required()) FAIL() << "swtpm is required and not installed"; \
      GTEST_SKIP() << "swtpm";                                                                   \
    }                                                                                            \
  } while (false)
