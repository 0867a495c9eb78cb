// Redelivery: which MQTT messages have been seen, so that one that comes again is not stored again.
//
// Promise    A message is known from its arrival until the broker is known to have its PUBACK: within
//            that time the same packet id with the same content is the same message. What is committed
//            is known across restarts, by one row of cursors for each parcel.
// Order      arrived() -> in_parcel() -> row() -> committed(); then checkpoint() and proven().
// Limits     What has no proof yet, however many share a packet id. Not told apart: a new message with the packet id and the content of one
//            whose PUBACK reached the broker, sent and lost before a PINGRESP proved that PUBACK.
// Threads    Loop.
// Tests      tests/agent/ingest/redelivery_test.cc
// Source     MQTT 5.0 sections 2.2.1, 3.3.1.1 (DUP), 4.4; the same rules in 3.1.1.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/ingest/source.h"

namespace pinaflux {

class Redelivery {
 public:
  enum class Verdict {
    fresh,    // Store it.
    pending,  // It is here already and not committed yet: acknowledged with its commit.
    stored,   // It is on disk: acknowledge it now.
  };

  // The rows of the last run; rows that cannot be read are ignored.
  void restore(const std::vector<Cursor>& rows);
  // A new connection. Without a session at the broker nothing that was seen can come again.
  void connected(bool session_present);

  // A QoS 1 message; a fresh one is known as `serial`, which rises and is never 0.
  Verdict arrived(std::uint16_t packet_id, std::uint64_t hash, bool duplicate,
                  std::uint64_t serial);
  // The message goes into the parcel that is being made.
  void in_parcel(std::uint16_t packet_id, std::uint64_t serial);
  // The row of that parcel; false: it needs none.
  bool row(Ticket ticket, std::string& key, Buffer& value);
  // Keys of rows that nothing needs any more: to be erased in the parcel that is being made.
  std::vector<std::string> take_proven() { return std::exchange(proven_rows_, {}); }

  // Appends the packet ids to acknowledge on this connection, in the order of the messages.
  void committed(Ticket ticket, std::vector<std::uint16_t>& acks);

  // Acknowledged on this connection, and not proven yet: worth a PINGREQ.
  bool unproven() const { return acks_ > acks_proven_; }
  // Committed in an earlier connection or run, and not heard of since.
  bool unsettled() const;
  // proven() with this says that the broker has every PUBACK sent until now.
  std::uint64_t checkpoint() const { return acks_; }
  void proven(std::uint64_t checkpoint);
  // The broker has sent again all that it had to: what did not come again it has PUBACKs for.
  void settled();

 private:
  struct Seen {
    std::uint64_t hash = 0;
    std::uint64_t serial = 0;      // 0: from a row of the last run.
    std::uint64_t row = 0;         // Where it is recorded; 0: in no parcel yet.
    std::uint64_t connection = 0;  // Where it last arrived.
    std::uint64_t ack = 0;         // Number of its PUBACK on that connection; 0: none yet.
    bool committed = false;
  };
  using SeenById = std::unordered_multimap<std::uint16_t, Seen>;
  struct Row {
    std::vector<std::pair<std::uint16_t, std::uint64_t>> messages;  // Packet id and serial.
    std::size_t known = 0;                                          // Of them, still in seen_.
  };
  SeenById::iterator find(std::uint16_t packet_id, std::uint64_t serial);
  SeenById::iterator alike(std::uint16_t packet_id, std::uint64_t hash);
  SeenById::iterator forget(SeenById::iterator seen);
  void restore_row(std::uint64_t number, Bytes value);

  SeenById seen_;
  std::map<std::uint64_t, Row> rows_;
  std::map<Ticket, std::uint64_t> row_of_ticket_;  // Not committed yet.
  std::vector<std::string> proven_rows_;
  Row open_;
  std::uint64_t next_row_ = 1;
  std::uint64_t connection_ = 0;
  std::uint64_t acks_ = 0, acks_proven_ = 0;
};

}  // namespace pinaflux
