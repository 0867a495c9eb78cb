// Producers: the devices of a plant: they send records and write down what they were promised.
//
// Promise    A record whose fate is unknown is never sent again, except over HTTP, where the key makes it
//            the same request: so nothing may land twice.
// Ownership  Plant owns its producers; stage and ledger outlive it.
// Threads    One.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "platform/mqtt/session.h"
#include "tests/sim/ledger.h"
#include "tests/sim/machine.h"

namespace pinaflux::tests {

class Producer {
 public:
  Producer(SimLoop& loop, SimNetwork& network, Ledger& ledger, std::string name, std::uint64_t seed,
           Duration every);
  virtual ~Producer() = default;
  void start();  // Again, too.
  void stop() { stopped_ = true; }
  // Nothing waits that it would send again.
  virtual bool settled() const { return true; }

 protected:
  virtual void send() = 0;
  std::string record(std::uint32_t& number);

  SimLoop& loop_;
  SimNetwork& network_;
  Ledger& ledger_;
  Random random_;
  const std::uint32_t id_;
  const std::string name_;
  std::size_t padding_ = 0;
  bool stopped_ = false;

 private:
  void due();
  const Duration every_;
  std::unique_ptr<Timer> timer_;
};

// Publishes with QoS 1 at the broker of the plant.
class MqttProducer final : public Producer, private mqtt::Session::Events {
 public:
  MqttProducer(SimLoop& loop, SimNetwork& network, Ledger& ledger, std::string topic,
               std::uint64_t seed, Duration every, std::size_t padding);

 private:
  struct Sent {
    std::uint16_t packet_id;
    std::uint32_t number;
  };
  void send() override;
  void connected(const mqtt::Accepted&) override { open_ = true; }
  void subscribed(std::string_view, int) override {}
  void message(const mqtt::Message&) override {}
  void published(std::uint16_t packet_id, int reason) override;
  void mark_reached(std::uint64_t) override {}
  void closed(Error reason, int reason_code) override;

  bool open_ = false;
  std::vector<Sent> sent_;
  std::unique_ptr<mqtt::Session> session_;
};

// Writes lines and reads back how many are on disk.
class LinesProducer final : public Producer, private Stream::Events {
 public:
  LinesProducer(SimLoop& loop, SimNetwork& network, Ledger& ledger, std::string gateway,
                std::uint64_t seed, Duration every);

 private:
  void send() override;
  void connected() override { open_ = true; }
  void bytes(Bytes bytes) override;
  void closed(Error reason) override;

  const std::string address_;
  bool open_ = false;
  std::uint64_t counted_ = 0;  // Acknowledged on this connection.
  std::deque<std::uint32_t> sent_;
  std::string line_;
  std::unique_ptr<Stream> stream_;
};

// Posts requests, each with a key, until they are answered.
class HttpProducer final : public Producer, private Stream::Events {
 public:
  HttpProducer(SimLoop& loop, SimNetwork& network, Ledger& ledger, std::uint64_t seed,
               Duration every);
  bool settled() const override { return numbers_.empty(); }

 private:
  void send() override;
  void dial();
  void again(Duration after);
  void connected() override;
  void bytes(Bytes bytes) override;
  void closed(Error reason) override;

  std::vector<std::uint32_t> numbers_;  // Of the request at hand.
  std::string request_;
  std::string answer_;
  std::uint64_t requests_ = 0;
  std::unique_ptr<Timer> again_, patience_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace pinaflux::tests
