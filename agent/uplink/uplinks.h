// Uplinks: the ways out, and which lane takes which.
//
// Promise    To the rest of the agent they are one: what concerns a lane goes to the uplink that has it, and comes
//            back under the lane's own index. No uplink waits for another.
// Limits     limits::kUplinksMax; each lane leaves by one.
// Threads    Loop.
// Tests      tests/agent/uplink/uplinks_test.cc
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "agent/uplink/uplink.h"

namespace pinaflux {

class Uplinks {
 public:
  struct Part {
    UplinkOptions options;         // Its `lanes` are:
    std::vector<LaneIndex> lanes;  // these of the spool, in this order.
    LinkProof proof = {};
  };
  struct Host {
    const Clock& clock;
    Entropy& entropy;
    Loop& loop;
    const MqttClientMaker& make_client;
    Uplink::Interface interface;
  };
  // Each lane in one part at most; of one in none, nothing is sent.
  Uplinks(std::vector<Part> parts, const Host& host);

  // As of Uplink.
  void restore(const std::vector<StateEdit>& states);
  void start();
  void stop();
  LeaseWish wish() const;
  void send(std::vector<Lease>&& leases);
  void take_acks(std::vector<LaneAck>& acks);
  std::vector<LaneIndex> take_lost();
  void disproved(std::uint64_t acks);
  void committed(LaneIndex lane, const Epoch& epoch, std::uint64_t last_seq, std::uint64_t acked,
                 std::shared_ptr<const SentDictionary> dictionary = {});
  void clock_trusted(bool trusted);
  // By the first that speaks MQTT.
  bool announces() const;
  void announce(std::string_view stream, std::string text);
  bool save_due() const;
  void save(Group& group);
  void saved();

  // One that works, of those at whose far end no collector resolves times.
  bool unresolved_works() const;
  std::array<std::uint8_t, limits::kLanesMax> ways() const;  // Of each lane: its part.
  std::size_t count() const { return parts_.size(); }
  const std::string& name(std::size_t part) const { return parts_[part].name; }
  UplinkHealth health(std::size_t part) const { return parts_[part].uplink->health(); }

 private:
  struct Its {
    std::string name;
    std::vector<LaneIndex> lanes;
    std::unique_ptr<Uplink> uplink;
    bool resolved = true;  // By a collector.
    // It passed on acks that are not proved: since the last group was saved, and to that.
    bool claims = false, claimed = false;
  };
  struct Way {
    std::uint8_t part = 0;
    LaneIndex lane = 0;  // Of the part.
    bool is_sent = false;
  };

  std::vector<Its> parts_;
  Uplink* announcer_ = nullptr;
  std::array<Way, limits::kLanesMax> ways_{};
};

}  // namespace pinaflux
