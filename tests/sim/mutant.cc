#include "tests/sim/mutant.h"

#include <utility>
#include <vector>

#include "agent/seal/envelope.h"
#include "agent/seal/messages.h"

namespace pinaflux::tests {

namespace {

constexpr Duration kHaste = Duration::milliseconds(300);

class ForgingClient final : public MqttClient, private MqttClient::Events {
 public:
  ForgingClient(const MqttClientMaker& maker, MqttClient::Events& events)
      : events_(events), client_(maker(*this)) {}

  void connect(const MqttConnect& options) override {
    forged_.clear();
    client_->connect(options);
  }
  void disconnect() override { client_->disconnect(); }
  Status subscribe(const std::string& filter) override { return client_->subscribe(filter); }
  Result<std::uint64_t> publish(const MqttPublish& publish) override {
    const auto header = Opener::header(publish.payload);
    auto token = client_->publish(publish);
    if (header && token) {
      AckMessage ack;
      ack.gateway = header->gateway;
      ack.lane = header->lane;
      ack.epoch = header->epoch;
      ack.high = header->range.last;
      ack.hash = header->hash;
      forged_.push_back({*token, "pinaflux/" + ack.gateway + "/ack", format(ack)});
    }
    return token;
  }

 private:
  struct Forged {
    std::uint64_t token;
    std::string topic, line;
  };
  void connected(const MqttSession& session) override { events_.connected(session); }
  void lost(int reason, const std::string& why) override { events_.lost(reason, why); }
  // The broker's PUBACK is taken for the collector's ack.
  void published(std::uint64_t token, int reason) override {
    events_.published(token, reason);
    for (const Forged& one : std::exchange(forged_, {})) {
      if (one.token == token) {
        events_.message(one.topic, as_bytes(one.line));
      } else {
        forged_.push_back(one);
      }
    }
  }
  void message(const std::string& topic, Bytes payload) override {
    events_.message(topic, payload);
  }

  MqttClient::Events& events_;
  std::vector<Forged> forged_;
  std::unique_ptr<MqttClient> client_;
};

class CarelessClient final : public MqttClient, private MqttClient::Events {
 public:
  CarelessClient(const MqttClientMaker& maker, MqttClient::Events& events)
      : events_(events), client_(maker(*this)) {}
  void connect(const MqttConnect& options) override { client_->connect(options); }
  void disconnect() override { client_->disconnect(); }
  Status subscribe(const std::string& filter) override { return client_->subscribe(filter); }
  Result<std::uint64_t> publish(const MqttPublish& publish) override {
    return client_->publish(publish);
  }

 private:
  void connected(const MqttSession& session) override { events_.connected(session); }
  void lost(int reason, const std::string& why) override { events_.lost(reason, why); }
  void published(std::uint64_t token, int reason) override { events_.published(token, reason); }
  void message(const std::string& topic, Bytes payload) override {
    auto ack = parse_ack(as_text(payload));
    if (!ack || ack->compared.empty()) return events_.message(topic, payload);
    for (Comparison& one : ack->compared) one.known = {one.range};
    const std::string line = format(*ack);
    events_.message(topic, as_bytes(line));
  }

  MqttClient::Events& events_;
  std::unique_ptr<MqttClient> client_;
};

}  // namespace

std::optional<Mutant> mutant_named(std::string_view name) {
  for (const MutantName& one : kMutants) {
    if (one.name == name) return one.mutant;
  }
  return std::nullopt;
}

HastyWorker::HastyWorker(Worker& worker, Loop& loop, sim::SimDisk& disk)
    : worker_(worker), disk_(disk), sync_(loop.timer([this] { sync(); })) {}

void HastyWorker::submit(std::function<void()> job, std::function<void()> done) {
  worker_.submit(
      [this, job = std::move(job)] {
        disk_.set_lying_sync(true);
        job();
        disk_.set_lying_sync(false);
        sync_->start(kHaste);
      },
      std::move(done));
}

void HastyWorker::sync() {
  for (const char* path : {"/spool/spool.db", "/spool/spool.db-wal"}) {
    const auto handle = disk_.open(path, Files::Mode::write);
    if (!handle) continue;
    (void)disk_.sync(*handle);
    disk_.close(*handle);
  }
}

MqttClientMaker forging(MqttClientMaker maker) {
  return [maker = std::move(maker)](MqttClient::Events& events) -> std::unique_ptr<MqttClient> {
    return std::make_unique<ForgingClient>(maker, events);
  };
}

MqttClientMaker careless(MqttClientMaker maker) {
  return [maker = std::move(maker)](MqttClient::Events& events) -> std::unique_ptr<MqttClient> {
    return std::make_unique<CarelessClient>(maker, events);
  };
}

}  // namespace pinaflux::tests
