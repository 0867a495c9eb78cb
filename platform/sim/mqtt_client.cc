// mqtt::Session does the work; here it gets the manners of platform/linux/mqtt_client.cc: tokens, the
// limit of publishes in flight, lost() from the loop and with the same texts, a message acknowledged
// when it is told.

#include "platform/sim/mqtt_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "platform/base/assert.h"
#include "platform/mqtt/reason.h"
#include "platform/mqtt/session.h"

namespace pinaflux {

namespace {

class SimMqttClient final : public MqttClient, private mqtt::Session::Events {
 public:
  SimMqttClient(Loop& loop, Network& network, MqttClient::Events& events)
      : loop_(loop),
        network_(network),
        events_(events),
        refused_(loop.timer([this] { lose(0, where() + " (the address is not valid)"); })) {}

  void connect(const MqttConnect& options) override;
  void disconnect() override;
  Status subscribe(const std::string& filter) override;
  Result<std::uint64_t> publish(const MqttPublish& publish) override;

 private:
  struct Sent {
    std::uint16_t packet_id;
    std::uint64_t token;
  };

  void connected(const mqtt::Accepted& accepted) override;
  void subscribed(std::string_view filter, int reason) override;
  void message(const mqtt::Message& message) override;
  void published(std::uint16_t packet_id, int reason) override;
  void mark_reached(std::uint64_t) override {}
  void closed(Error reason, int reason_code) override;

  std::string where() const { return "cannot reach the broker at " + options_.broker; }
  void lose(int reason, const std::string& why);

  Loop& loop_;
  Network& network_;
  MqttClient::Events& events_;
  MqttConnect options_;
  bool open_ = false;
  bool leaving_ = false;
  int refusal_ = 0;  // Of a subscription: why we leave.
  std::uint64_t last_token_ = 0;
  std::vector<Sent> sent_;
  std::unique_ptr<Timer> refused_;
  std::unique_ptr<mqtt::Session> session_;
};

void SimMqttClient::connect(const MqttConnect& options) {
  options_ = options;
  open_ = leaving_ = false;
  refusal_ = 0;
  sent_.clear();
  refused_->stop();
  mqtt::Options to;
  to.broker = options.broker;
  to.client_id = options.client_id;
  to.user = options.user;
  to.password = options.password;
  to.version = options.version;
  to.clean_start = true;
  to.session_expiry = Duration{};
  to.keep_alive = options.keep_alive;
  to.timeout = options.timeout;
  to.will_topic = options.will_topic;
  to.will_payload = options.will_payload;
  session_.reset();
  auto session = mqtt::Session::connect(network_, loop_, to, *this);
  if (session) session_ = std::move(*session);
  if (!session) refused_->start(Duration{});
}

void SimMqttClient::disconnect() {
  if (session_ == nullptr || leaving_) return;
  leaving_ = true;
  open_ = false;
  session_->disconnect();
}

Status SimMqttClient::subscribe(const std::string& filter) {
  if (!open_) return fail(Code::closed, "not connected to the broker");
  session_->subscribe(filter, 1, 0);
  return {};
}

Result<std::uint64_t> SimMqttClient::publish(const MqttPublish& publish) {
  if (!open_) return fail(Code::closed, "not connected to the broker");
  if (sent_.size() >= options_.inflight_max) return fail(Code::full, "too many are in flight");
  const auto id = session_->publish(publish.topic, publish.payload, publish.retained);
  if (!id) return std::unexpected(id.error());
  sent_.push_back({*id, ++last_token_});
  return last_token_;
}

void SimMqttClient::connected(const mqtt::Accepted& accepted) {
  open_ = true;
  MqttSession session;
  session.version = accepted.version;
  session.packet_bytes_max = accepted.packet_bytes_max;
  session.receive_max = accepted.receive_max;
  events_.connected(session);
}

void SimMqttClient::subscribed(std::string_view, int reason) {
  if (reason < mqtt::reason::kRefused) return;
  refusal_ = reason;
  open_ = false;
  session_->disconnect();
}

void SimMqttClient::message(const mqtt::Message& message) {
  if (leaving_) return;
  if (message.packet_id != 0) session_->ack(message.packet_id);
  const std::string topic(message.topic);
  events_.message(topic, message.payload);
}

void SimMqttClient::published(std::uint16_t packet_id, int reason) {
  const auto at = std::ranges::find(sent_, packet_id, &Sent::packet_id);
  ASSERT(at != sent_.end());
  const std::uint64_t token = at->token;
  sent_.erase(at);
  events_.published(token, reason);
}

void SimMqttClient::closed(Error reason, int reason_code) {
  if (leaving_) return lose(0, "disconnected");
  if (refusal_ != 0) return lose(refusal_, mqtt::reason_text(refusal_));
  if (reason_code != 0) return lose(reason_code, mqtt::reason_text(reason_code));
  if (open_) return lose(0, "the connection to " + options_.broker + " broke: check the link");
  lose(0, where() + " (" + reason.what + "): check address, port and network");
}

void SimMqttClient::lose(int reason, const std::string& why) {
  open_ = false;
  sent_.clear();
  session_.reset();
  events_.lost(reason, why);  // May destroy us.
}

}  // namespace

MqttClientMaker make_sim_mqtt_client_maker(Loop& loop, Network& network) {
  return [&loop, &network](MqttClient::Events& events) -> std::unique_ptr<MqttClient> {
    return std::make_unique<SimMqttClient>(loop, network, events);
  };
}

}  // namespace pinaflux
