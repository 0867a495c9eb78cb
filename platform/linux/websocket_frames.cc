// A frame: [FIN 1 bit, 3 reserved, opcode 4] [MASK 1 bit, length 7] [length of 2 or 8 bytes, for 126 and 127]
// [mask, 4 bytes: from a client only] [payload].

#include "platform/linux/websocket_frames.h"

#include <algorithm>

namespace pinaflux::websocket {

namespace {

constexpr std::uint8_t kFinal = 0x80, kReserved = 0x70, kMasked = 0x80, kOpcodeBits = 0x0f;
constexpr std::uint8_t kLengthBits = 0x7f, kLengthOf2 = 126, kLengthOf8 = 127;

bool is_control(Opcode opcode) { return opcode >= Opcode::close; }

std::size_t head_bytes_for(std::uint8_t second) {
  const std::uint8_t length = second & kLengthBits;
  return length == kLengthOf2 ? 4 : length == kLengthOf8 ? 10 : 2;
}

void put_big_endian(Buffer& to, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    to.push_back(static_cast<std::uint8_t>(value >> shift));
}

}  // namespace

void put_frame(Buffer& to, Opcode opcode, Bytes payload, const Mask& mask) {
  const std::size_t n = payload.size();
  to.reserve(to.size() + 14 + n);
  to.push_back(kFinal | static_cast<std::uint8_t>(opcode));
  const bool in_two = n >= kLengthOf2 && n <= 0xffff;
  to.push_back(kMasked | (n < kLengthOf2 ? static_cast<std::uint8_t>(n)
                          : in_two       ? kLengthOf2
                                         : kLengthOf8));
  if (n >= kLengthOf2) put_big_endian(to, n, in_two ? 2 : 8);
  append(to, mask);
  for (std::size_t i = 0; i < n; ++i) to.push_back(payload[i] ^ mask[i % mask.size()]);
}

Frames::Heard Frames::feed(Bytes bytes, Buffer& data) {
  Heard heard;
  while (wrong_ == nullptr && !heard.closed) {
    if (!in_frame_ && !take_head(bytes)) break;
    take_payload(bytes, data);
    if (left_ > 0) break;
    end_frame(heard);
  }
  heard.wrong = wrong_;
  return heard;
}

bool Frames::take_head(Bytes& bytes) {
  std::size_t wanted = head_bytes_ < 2 ? 2 : head_bytes_for(head_[1]);
  while (head_bytes_ < wanted) {
    if (bytes.empty()) return false;
    head_[head_bytes_++] = bytes.front();
    bytes = bytes.subspan(1);
    if (head_bytes_ == 2) wanted = head_bytes_for(head_[1]);
  }
  final_ = (head_[0] & kFinal) != 0;
  opcode_ = static_cast<Opcode>(head_[0] & kOpcodeBits);
  left_ = wanted == 2 ? head_[1] & kLengthBits : big_endian(Bytes(head_).subspan(2, wanted - 2));
  head_bytes_ = 0;
  wrong_ = check_head();
  in_frame_ = wrong_ == nullptr;
  return in_frame_;
}

const char* Frames::check_head() {
  if ((head_[0] & kReserved) != 0) return "it uses an extension that we did not ask for";
  if ((head_[1] & kMasked) != 0) return "it masks its frames, as only a client does";
  if (is_control(opcode_)) {
    if (opcode_ > Opcode::pong) return "it sends frames of an unknown kind";
    if (!final_ || left_ > kControlBytesMax) return "its control frames are too long";
    return nullptr;
  }
  if (opcode_ == Opcode::text) return "it sends text, and MQTT is binary";
  if (opcode_ > Opcode::binary) return "it sends frames of an unknown kind";
  if ((opcode_ == Opcode::continuation) != in_message_) return "its frames are out of order";
  if (left_ > kDataBytesMax) return "its frame is longer than any MQTT packet";
  return nullptr;
}

void Frames::take_payload(Bytes& bytes, Buffer& data) {
  const auto some =
      bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
  append(is_control(opcode_) ? control_ : data, some);
  bytes = bytes.subspan(some.size());
  left_ -= some.size();
}

void Frames::end_frame(Heard& heard) {
  in_frame_ = false;
  if (!is_control(opcode_)) {
    in_message_ = !final_;
    return;
  }
  if (opcode_ == Opcode::ping) heard.ping = control_;
  if (opcode_ == Opcode::close) {
    heard.closed =
        control_.size() < 2 ? kNoStatus : static_cast<int>(big_endian(Bytes(control_).first(2)));
  }
  control_.clear();
}

}  // namespace pinaflux::websocket
