// SPDX-License-Identifier: Apache-2.0
// A packet from the other end of a registrar's socket (src/registrar/registrar_frame.cpp), which each side takes for
// hostile. What is taken fits into a frame again, and reads the same from it.
#include "src/registrar/registrar_frame.hpp"
#include "tests/fuzz/refusal.hpp"

#include <algorithm>
#include <string_view>

using namespace holdfast;
using fuzz::promise;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto frame = read_frame(fuzz::bytes_of(data, size));
  if (!fuzz::is_taken(frame, Status::invalid_argument)) return 0;
  for (const std::string_view text :
       {frame->id.view(), frame->registration.timestamp.view(), frame->registration.signature.view(),
        frame->sealed.view(), frame->error.detail.view()}) {
    promise(std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; }), "texts are printable ASCII");
  }
  if (frame->error.status != Status::ok) fuzz::promise_plain(frame->error);
  promise(frame->error.status != Status::pin_incorrect && frame->error.status != Status::key_changed,
          "a registrar does not speak for a token");

  RegistrarFrameBytes first{};
  const auto written = write_frame(*frame, first);
  const auto again = read_frame(written);
  promise(again.has_value() && again->kind == frame->kind && again->exchange == frame->exchange &&
              again->time_left == frame->time_left && again->id == frame->id && again->sealed == frame->sealed &&
              again->opens_sealed == frame->opens_sealed && again->error.status == frame->error.status &&
              again->error.native == frame->error.native && again->error.detail == frame->error.detail,
          "what is written is read as it was");
  RegistrarFrameBytes second{};
  promise(std::ranges::equal(write_frame(*again, second), written), "there is one way to write it");
  return 0;
}
