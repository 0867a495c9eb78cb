#include "agent/ingest/redelivery.h"

// A packet id means one message from its first PUBLISH to its PUBACK. So:
//   same id, same hash, never acknowledged by us         the same message again, DUP or not;
//   same id, same hash, committed, DUP                   its PUBACK was lost: acknowledge again;
//   same id, same hash, committed, no DUP                the broker had the PUBACK: a new message;
//   same id, another hash                                a new message. The other one is known on until its PUBACK
//                                                        is proven, because Mosquitto 2.0 with max_inflight_messages 0
//                                                        gives an id again while it waits for that.
// A PUBACK that was sent is not one that arrived. What proves it is the answer to a PINGREQ that was sent
// after it; only then a message is forgotten and its row erased.
//
// Row "row/<number, 16 hex digits>": a byte 1, then for each message packet id (u16) and hash (u64).

#include <charconv>

namespace pinaflux {

namespace {

constexpr std::string_view kRow = "row/";
constexpr std::uint8_t kVersion = 1;

std::string row_key(std::uint64_t number) {
  std::string key(kRow);
  for (int shift = 60; shift >= 0; shift -= 4)
    key.push_back("0123456789abcdef"[number >> shift & 15]);
  return key;
}

bool row_number(std::string_view key, std::uint64_t& number) {
  if (!key.starts_with(kRow)) return false;
  key.remove_prefix(kRow.size());
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number, 16);
  return error == std::errc() && end == key.data() + key.size() && number > 0;
}

}  // namespace

void Redelivery::restore(const std::vector<Cursor>& rows) {
  std::map<std::uint64_t, const Buffer*> ordered;
  for (const Cursor& row : rows) {
    std::uint64_t number = 0;
    if (row_number(row.key, number)) ordered[number] = &row.value;
  }
  for (const auto& [number, value] : ordered) {
    restore_row(number, *value);
    next_row_ = number + 1;
  }
}

void Redelivery::restore_row(std::uint64_t number, Bytes value) {
  Reader reader(value);
  const bool readable = reader.u8() == kVersion;
  while (readable && reader.left() >= 10) {
    const auto low = reader.u8();
    const auto id = static_cast<std::uint16_t>(low | reader.u8() << 8);
    const std::uint64_t hash = reader.u64();
    if (const auto before = alike(id, hash); before != seen_.end()) forget(before);
    seen_.emplace(id, Seen{hash, 0, number, 0, 0, true});
    rows_[number].messages.emplace_back(id, 0);
    ++rows_[number].known;
  }
  if (!rows_.contains(number)) proven_rows_.push_back(row_key(number));
}

void Redelivery::connected(bool session_present) {
  ++connection_;
  acks_proven_ = acks_;
  if (session_present) return;
  for (auto it = seen_.begin(); it != seen_.end();) it = forget(it);
}

Redelivery::SeenById::iterator Redelivery::find(std::uint16_t packet_id, std::uint64_t serial) {
  auto [at, end] = seen_.equal_range(packet_id);
  while (at != end && at->second.serial != serial) ++at;
  return at == end ? seen_.end() : at;
}

Redelivery::SeenById::iterator Redelivery::alike(std::uint16_t packet_id, std::uint64_t hash) {
  auto [at, end] = seen_.equal_range(packet_id);
  while (at != end && at->second.hash != hash) ++at;
  return at == end ? seen_.end() : at;
}

Redelivery::SeenById::iterator Redelivery::forget(SeenById::iterator seen) {
  if (const auto row = rows_.find(seen->second.row); row != rows_.end()) {
    if (--row->second.known == 0) {
      proven_rows_.push_back(row_key(row->first));
      rows_.erase(row);
    }
  }
  return seen_.erase(seen);
}

Redelivery::Verdict Redelivery::arrived(std::uint16_t packet_id, std::uint64_t hash, bool duplicate,
                                        std::uint64_t serial) {
  if (const auto it = alike(packet_id, hash); it != seen_.end()) {
    Seen& seen = it->second;
    if (duplicate || !seen.committed) {
      seen.connection = connection_;
      seen.ack = seen.committed ? ++acks_ : 0;
      return seen.committed ? Verdict::stored : Verdict::pending;
    }
    forget(it);
  }
  seen_.emplace(packet_id, Seen{hash, serial, 0, connection_, 0, false});
  return Verdict::fresh;
}

void Redelivery::in_parcel(std::uint16_t packet_id, std::uint64_t serial) {
  const auto it = find(packet_id, serial);
  if (it == seen_.end()) return;
  it->second.row = next_row_;
  open_.messages.emplace_back(packet_id, serial);
  ++open_.known;
}

bool Redelivery::row(Ticket ticket, std::string& key, Buffer& value) {
  if (open_.messages.empty()) return false;
  key = row_key(next_row_);
  value.clear();
  Writer writer(value);
  writer.u8(kVersion);
  for (const auto& [id, serial] : open_.messages) {
    writer.u8(static_cast<std::uint8_t>(id));
    writer.u8(static_cast<std::uint8_t>(id >> 8));
    const auto it = find(id, serial);
    writer.u64(it == seen_.end() ? 0 : it->second.hash);
  }
  row_of_ticket_[ticket] = next_row_;
  rows_[next_row_++] = std::exchange(open_, {});
  return true;
}

void Redelivery::committed(Ticket ticket, std::vector<std::uint16_t>& acks) {
  while (!row_of_ticket_.empty() && row_of_ticket_.begin()->first <= ticket) {
    const auto row = rows_.find(row_of_ticket_.begin()->second);
    row_of_ticket_.erase(row_of_ticket_.begin());
    if (row == rows_.end()) continue;
    for (const auto& [id, serial] : row->second.messages) {
      const auto it = find(id, serial);
      if (it == seen_.end()) continue;
      it->second.committed = true;
      if (it->second.connection != connection_) continue;
      it->second.ack = ++acks_;
      acks.push_back(id);
    }
  }
}

bool Redelivery::unsettled() const {
  for (const auto& [id, seen] : seen_) {
    if (seen.committed && seen.connection != connection_) return true;
  }
  return false;
}

void Redelivery::proven(std::uint64_t checkpoint) {
  acks_proven_ = checkpoint;
  for (auto it = seen_.begin(); it != seen_.end();) {
    const Seen& seen = it->second;
    const bool here = seen.connection == connection_;
    it = here && seen.ack != 0 && seen.ack <= checkpoint ? forget(it) : std::next(it);
  }
}

void Redelivery::settled() {
  for (auto it = seen_.begin(); it != seen_.end();) {
    const Seen& seen = it->second;
    it = seen.committed && seen.connection != connection_ ? forget(it) : std::next(it);
  }
}

}  // namespace pinaflux
