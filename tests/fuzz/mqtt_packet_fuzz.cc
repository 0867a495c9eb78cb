// The first byte chooses version and cut; the rest is a stream of packets. Whatever the bytes are,
// each packet is parsed or refused with a reason, and cutting the stream elsewhere changes nothing.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "platform/base/assert.h"
#include "platform/mqtt/packet.h"

namespace pinaflux::mqtt {
namespace {

template <class T>
std::uint64_t outcome(const Parsed<T>& parsed) {
  if (parsed) return 1;
  ASSERT(parsed.error().reason >= reason::kRefused);
  ASSERT(parsed.error().what[0] != 0);
  return static_cast<std::uint64_t>(parsed.error().reason);
}

std::uint64_t parse(const Frame& frame, int version) {
  switch (frame.type) {
    case Type::connect: return outcome(parse_connect(frame));
    case Type::connack: return outcome(parse_connack(frame, version));
    case Type::publish: return outcome(parse_publish(frame, version));
    case Type::puback: return outcome(parse_puback(frame, version));
    case Type::subscribe: return outcome(parse_subscribe(frame, version));
    case Type::suback: return outcome(parse_suback(frame, version));
    case Type::disconnect: return outcome(parse_disconnect(frame, version));
    case Type::pingreq:
    case Type::pingresp: break;
  }
  return 2;
}

std::uint64_t run(Bytes stream, std::size_t piece, int version) {
  Framer framer(4096);
  std::uint64_t sum = 0;
  while (!stream.empty()) {
    const std::size_t size = std::min(piece, stream.size());
    framer.feed(stream.first(size));
    stream = stream.subspan(size);
    for (Frame frame;;) {
      const Parsed<bool> next = framer.next(frame);
      if (!next) return sum * 31 + static_cast<std::uint64_t>(next.error().reason);
      if (!*next) break;
      sum = sum * 31 + parse(frame, version) + frame.body.size();
    }
  }
  return sum;
}

}  // namespace
}  // namespace pinaflux::mqtt

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int version = (data[0] & 1) != 0 ? 5 : 4;
  const std::size_t piece = 1 + (data[0] >> 1 & 0x1f);
  const pinaflux::Bytes stream(data + 1, size - 1);
  ASSERT(pinaflux::mqtt::run(stream, piece, version) == pinaflux::mqtt::run(stream, size, version));
  return 0;
}
