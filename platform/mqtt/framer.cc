// A fixed header is a byte of type and flags and one to four bytes of remaining length. Whole
// packets are given as views into what was fed; only a packet that is cut by the end of the input
// is gathered in `kept_`, and exactly its own bytes: what follows it is given from the input again.

#include <algorithm>

#include "platform/mqtt/packet.h"

namespace pinaflux::mqtt {

namespace {

Parsed<void> check_first(std::uint8_t first) {
  const unsigned type = first >> 4, flags = first & 0x0f;
  switch (static_cast<Type>(type)) {
    case Type::publish: return {};
    case Type::subscribe:
      if (flags == 2) return {};
      return std::unexpected(Fault{reason::kMalformed, "reserved flags are set"});
    case Type::connect:
    case Type::connack:
    case Type::puback:
    case Type::suback:
    case Type::pingreq:
    case Type::pingresp:
    case Type::disconnect:
      if (flags == 0) return {};
      return std::unexpected(Fault{reason::kMalformed, "reserved flags are set"});
  }
  if (type == 0) return std::unexpected(Fault{reason::kMalformed, "not an MQTT packet"});
  return std::unexpected(Fault{reason::kProtocol, "a packet of a kind that was not asked for"});
}

Frame frame_of(Bytes packet, std::size_t header) {
  return {static_cast<Type>(packet[0] >> 4), static_cast<std::uint8_t>(packet[0] & 0x0f),
          packet.subspan(header)};
}

}  // namespace

Parsed<Framer::Size> Framer::measure(Bytes bytes) const {
  if (bytes.empty()) return Size{};
  const Parsed<void> first = check_first(bytes[0]);
  if (!first) return std::unexpected(first.error());
  std::uint32_t remaining = 0;
  for (std::size_t i = 1; i <= 4; ++i) {
    if (i == bytes.size()) return Size{};
    remaining |= static_cast<std::uint32_t>(bytes[i] & 0x7f) << (7 * (i - 1));
    if ((bytes[i] & 0x80) != 0) continue;
    if (bytes[i] == 0 && i > 1) break;
    if (remaining + i + 1 > packet_bytes_max_) {
      return std::unexpected(Fault{reason::kTooLarge, "a packet larger than our limit"});
    }
    return Size{i + 1, remaining + i + 1};
  }
  return std::unexpected(Fault{reason::kMalformed, "a malformed packet length"});
}

void Framer::take(std::size_t bytes) {
  append(kept_, input_.first(bytes));
  input_ = input_.subspan(bytes);
}

Parsed<bool> Framer::next_of_kept(Frame& to) {
  for (;;) {
    const Parsed<Size> size = measure(kept_);
    if (!size) return std::unexpected(size.error());
    if (size->header != 0 && kept_.size() == size->whole) {
      to = frame_of(kept_, size->header);
      kept_given_ = true;
      return true;
    }
    if (input_.empty()) return false;
    const std::size_t missing = size->header == 0 ? 1 : size->whole - kept_.size();
    take(std::min(missing, input_.size()));
  }
}

Parsed<bool> Framer::next(Frame& to) {
  if (kept_given_) kept_.clear();
  kept_given_ = false;
  if (!kept_.empty()) return next_of_kept(to);
  const Parsed<Size> size = measure(input_);
  if (!size) return std::unexpected(size.error());
  if (size->header == 0 || size->whole > input_.size()) {
    take(input_.size());
    return false;
  }
  to = frame_of(input_.first(size->whole), size->header);
  input_ = input_.subspan(size->whole);
  return true;
}

}  // namespace pinaflux::mqtt
