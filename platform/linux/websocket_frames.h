// WebSocketFrames: the frames of RFC 6455, as a client writes and reads them.
//
// Promise    Of what a server sends only the data are kept, in order, whatever their frames: MQTT packets need not
//            keep to them (MQTT 5.0 section 6). What breaks the protocol is refused, and nothing after it is read.
// Limits     A control frame has at most 125 bytes, a data frame at most kDataBytesMax. Of pings that come together
//            the last one is answered.
// Threads    One owner.
// Tests      tests/platform/linux/websocket_frames_test.cc
// Source     RFC 6455 sections 5 and 7.4.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "platform/base/bytes.h"

namespace pinaflux::websocket {

enum class Opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10
};

using Mask = std::array<std::uint8_t, 4>;

inline constexpr std::size_t kControlBytesMax = 125;
inline constexpr std::uint64_t kDataBytesMax = 268'435'460;  // MQTT's longest packet.
inline constexpr int kNoStatus = 1005;                       // A close frame that gives no reason.

// One whole frame; its payload is masked, as a client's must be.
void put_frame(Buffer& to, Opcode opcode, Bytes payload, const Mask& mask);

class Frames {
 public:
  struct Heard {
    std::optional<Buffer> ping;  // To be answered by a pong of the same payload.
    std::optional<int> closed;   // The status of a close frame: nothing follows it.
    const char* wrong = nullptr;
  };
  // Appends what `bytes` hold of data to `data`.
  Heard feed(Bytes bytes, Buffer& data);

 private:
  static constexpr std::size_t kHeadBytesMax = 10;

  bool take_head(Bytes& bytes);  // False: it is not whole yet, or wrong.
  const char* check_head();
  void take_payload(Bytes& bytes, Buffer& data);
  void end_frame(Heard& heard);

  std::array<std::uint8_t, kHeadBytesMax> head_{};
  std::size_t head_bytes_ = 0;  // Of head_, that are there.
  bool in_frame_ = false;       // Its head is whole.
  bool in_message_ = false;     // A message of several frames has not ended.
  bool final_ = false;
  Opcode opcode_{};
  std::uint64_t left_ = 0;  // Of the payload.
  Buffer control_;
  const char* wrong_ = nullptr;
};

}  // namespace pinaflux::websocket
