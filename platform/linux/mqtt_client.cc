// Paho calls back on two threads of its own, late callbacks of destroyed handles included. So what
// it is given as context is no pointer but a number that is never used again: each connect() makes
// a new handle and draws a new number, and the switchboard leads a number to its client while that
// handle counts. A callback copies what it was told into the client's mailbox and, if that was
// empty, posts one function to the loop; it calls nothing of Paho but the two functions that free
// what it was handed.
//
// No deadlock: the switchboard's mutex is held for a copy only, never while Paho is called, so a
// handle may be destroyed on the loop while a callback runs.
//
// Paho keeps the WebSocket frame that it reads in a variable of its own, one for all handles: a second
// WebSocket connection is refused.
//
// An idle handle lives as long as the maker: with the last handle Paho stops its threads, and
// whoever destroys it waits for them, up to a second, on our loop.

#include "platform/linux/mqtt_client.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <MQTTAsync.h>

#include "platform/base/assert.h"
#include "platform/http/url.h"
#include "platform/linux/files.h"
#include "platform/linux/mqtt_broker.h"
#include "platform/linux/mqtt_properties.h"
#include "platform/linux/mqtt_puback.h"
#include "platform/linux/mqtt_switchboard.h"
#include "platform/linux/mqtt_tls.h"
#include "platform/linux/mqtt_tunnel.h"
#include "platform/linux/mqtt_unreached.h"
#include "platform/mqtt/reason.h"

namespace pinaflux {

namespace {

constexpr int kFarewellMs = 2000;  // For PUBACKs that are due, before DISCONNECT.
constexpr std::string_view kPahoGaveUp = "socket error";  // All that it says of an upgrade refused.

void* context_of(std::uintptr_t number) { return reinterpret_cast<void*>(number); }
std::uintptr_t number_of(void* context) { return reinterpret_cast<std::uintptr_t>(context); }

void post_lost(void* context, int reason, std::string text) {
  Mail mail{Mail::Kind::lost, 0, reason, std::move(text), {}, {}};
  Switchboard::one().post(number_of(context), std::move(mail));
}

void post_published(void* context, int token, int reason) {
  Mail mail{Mail::Kind::published, token, reason, {}, {}, {}};
  Switchboard::one().post(number_of(context), std::move(mail));
}

// ---- callbacks, on Paho's threads

void on_connected4(void* context, MQTTAsync_successData* data) {
  Mail mail{Mail::Kind::connected, 0, 0, {}, {}, {}};
  mail.session.version = data != nullptr ? data->alt.connect.MQTTVersion : 4;
  Switchboard::one().post(number_of(context), std::move(mail));
}

void on_connected5(void* context, MQTTAsync_successData5* data) {
  Mail mail{Mail::Kind::connected, 0, 0, {}, {}, {}};
  const auto number = [&](enum MQTTPropertyCodes code, std::int64_t absent) {
    if (MQTTProperties_hasProperty(&data->properties, code) == 0) return absent;
    return static_cast<std::int64_t>(MQTTProperties_getNumericValue(&data->properties, code));
  };
  mail.session.packet_bytes_max =
      static_cast<std::uint32_t>(number(MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, 0));
  mail.session.receive_max =
      static_cast<std::uint16_t>(number(MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, 65535));
  mail.session.topic_aliases =
      static_cast<std::uint16_t>(number(MQTTPROPERTY_CODE_TOPIC_ALIAS_MAXIMUM, 0));
  mail.session.retain_available = number(MQTTPROPERTY_CODE_RETAIN_AVAILABLE, 1) != 0;
  const MQTTProperty* id =
      MQTTProperties_getProperty(&data->properties, MQTTPROPERTY_CODE_ASSIGNED_CLIENT_IDENTIFER);
  if (id != nullptr) {
    mail.session.assigned_client_id.assign(id->value.data.data,
                                           static_cast<std::size_t>(id->value.data.len));
  }
  Switchboard::one().post(number_of(context), std::move(mail));
}

void on_refused4(void* context, MQTTAsync_failureData* data) {
  const int code = data != nullptr ? data->code : 0;
  const char* text = data != nullptr && data->message != nullptr ? data->message : "";
  post_lost(context, code > 0 ? mqtt::reason_of_return_code(code) : 0, unreached_text(text));
}

// The reason of a CONNACK is told as a positive code; those of 3.1.1 come when the broker knows
// only that.
void on_refused5(void* context, MQTTAsync_failureData5* data) {
  const int reason = data->code > 0 ? data->code : static_cast<int>(data->reasonCode);
  post_lost(context, reason > 0 ? mqtt::reason_of_return_code(reason) : 0,
            unreached_text(data->message != nullptr ? data->message : ""));
}

void on_connection_lost(void* context, char*) { post_lost(context, 0, ""); }

void on_disconnected(void* context, MQTTProperties*, enum MQTTReasonCodes reason) {
  post_lost(context, static_cast<int>(reason), "");
}

void on_farewell4(void* context, MQTTAsync_successData*) { post_lost(context, 0, "disconnected"); }
void on_farewell5(void* context, MQTTAsync_successData5*) { post_lost(context, 0, "disconnected"); }
void on_no_farewell4(void* context, MQTTAsync_failureData*) {
  post_lost(context, 0, "disconnected");
}
void on_no_farewell5(void* context, MQTTAsync_failureData5*) {
  post_lost(context, 0, "disconnected");
}

void on_subscribed4(void* context, MQTTAsync_successData* data) {
  if (data != nullptr && data->alt.qos >= mqtt::reason::kRefused) {
    post_lost(context, mqtt::reason::kNotAuthorised, "");
  }
}
void on_subscribed5(void* context, MQTTAsync_successData5* data) {
  if (data->reasonCode >= mqtt::reason::kRefused)
    post_lost(context, static_cast<int>(data->reasonCode), "");
}
void on_unsubscribed4(void* context, MQTTAsync_failureData*) {
  post_lost(context, mqtt::reason::kNotAuthorised, "");
}
void on_unsubscribed5(void* context, MQTTAsync_failureData5* data) {
  const int reason = static_cast<int>(data->reasonCode);
  post_lost(context, reason >= mqtt::reason::kRefused ? reason : mqtt::reason::kRefused, "");
}

void on_published4(void* context, MQTTAsync_successData* data) {
  post_published(context, data->token, 0);
}
void on_published5(void* context, MQTTAsync_successData5* data) {
  post_published(context, data->token, puback_reason(data->token));
}
// Without a reason code the connection is going, and lost() follows.
void on_unpublished5(void* context, MQTTAsync_failureData5* data) {
  if (data->reasonCode < mqtt::reason::kRefused) return;
  post_published(context, data->token, static_cast<int>(data->reasonCode));
}

int on_message(void* context, char* topic, int topic_bytes, MQTTAsync_message* message) {
  Mail mail{Mail::Kind::message, 0, 0, {}, {}, {}};
  mail.text.assign(topic,
                   topic_bytes > 0 ? static_cast<std::size_t>(topic_bytes) : std::strlen(topic));
  const auto* payload = static_cast<const std::uint8_t*>(message->payload);
  mail.payload.assign(payload, payload + message->payloadlen);
  if (!Switchboard::one().post(number_of(context), std::move(mail)))
    return 0;  // Asked again later.
  MQTTAsync_freeMessage(&message);
  MQTTAsync_free(topic);
  return 1;
}

// ---- the client, on the loop

// What a maker's clients have in common. The idle handle keeps Paho's threads running: see above.
struct Shared {
  explicit Shared(LinuxLoop& loop) : tunnels(loop) {
    const int rc =
        MQTTAsync_create(&idle, "tcp://127.0.0.1:1", "hold", MQTTCLIENT_PERSISTENCE_NONE, nullptr);
    ASSERT(rc == MQTTASYNC_SUCCESS);
  }
  ~Shared() { MQTTAsync_destroy(&idle); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  MQTTAsync idle = nullptr;
  LinuxFiles files;
  tls::Keyring keyring{files};
  MqttTunnel::Sockets tunnels;
  const MqttClient* websocket = nullptr;  // Who speaks it.
};

class PahoClient final : public MqttClient, private Switchboard::Owner {
 public:
  PahoClient(Loop& loop, Events& events, std::shared_ptr<Shared> shared)
      : loop_(loop),
        events_(events),
        shared_(std::move(shared)),
        tls_(shared_->keyring),
        tunnel_(shared_->tunnels) {}
  ~PahoClient() override {
    if (gone_ != nullptr) *gone_ = true;
    retire();
  }

  void connect(const MqttConnect& options) override;
  void disconnect() override;
  Status subscribe(const std::string& filter) override;
  Result<std::uint64_t> publish(const MqttPublish& publish) override;

 private:
  enum class State { idle, connecting, connected, leaving };
  struct Sent {
    int token;
    std::uint64_t ours;
    std::uint16_t alias;
  };

  void deliver(std::vector<Mail>& mail) override;
  void give_up(std::string why);         // Paho is not asked.
  void begin(const MqttBroker& broker);  // With the tunnel, if any, standing.
  int start(const MqttBroker& broker);
  int connect_by_tls(MQTTAsync_connectOptions& connect);
  void fill(MQTTAsync_connectOptions& to, MQTTAsync_willOptions& will);
  void deliver(Mail& mail);
  void deliver_lost(const Mail& mail);
  std::string why(const Mail& mail) const;
  // From here on nothing of the present handle is heard.
  void retire();
  void* context() const { return context_of(number_); }
  bool v5() const { return options_.version == 5; }

  Loop& loop_;
  Events& events_;
  std::shared_ptr<Shared> shared_;
  MqttConnect options_;
  MqttTls tls_;
  MqttTunnel tunnel_;
  std::string refused_;  // Why connect() did not come to Paho.
  State state_ = State::idle;
  MQTTAsync handle_ = nullptr;
  std::uintptr_t number_ = 0;
  std::size_t inflight_max_ = 0;
  std::uint64_t last_token_ = 0;
  std::vector<Sent> sent_;
  TopicAliases aliases_;
  bool* gone_ = nullptr;
};

void PahoClient::retire() {
  Switchboard::one().close(number_);
  if (handle_ != nullptr) MQTTAsync_destroy(&handle_);
  handle_ = nullptr;
  tunnel_.close();
  tls_.end();
  if (shared_->websocket == this) shared_->websocket = nullptr;
  refused_.clear();
  sent_.clear();
  state_ = State::idle;
}

void PahoClient::connect(const MqttConnect& options) {
  ASSERT(options.version == 4 || options.version == 5);
  retire();
  options_ = options;
  inflight_max_ = options.inflight_max;
  number_ = Switchboard::one().open(*this, loop_);
  state_ = State::connecting;
  const auto broker = parse_mqtt_broker(options_.broker);
  if (!broker) {
    return give_up("the broker's address '" + without_query(options_.broker) +
                   "' is not valid: " + broker.error().what);
  }
  if (broker->websocket && shared_->websocket != nullptr) {
    return give_up("one connection at a time speaks WebSocket: use tls:// for " +
                   without_query(options_.broker));
  }
  if (broker->websocket) shared_->websocket = this;
  if (!options_.proxy.used()) return begin(*broker);
  const Status opened =
      tunnel_.open(options_, *broker, [this, broker = *broker](const std::string& why) {
        return why.empty() ? begin(broker)
                           : give_up("cannot reach the broker at " +
                                     without_query(options_.broker) + ": " + why);
      });
  if (!opened) give_up(opened.error().what);
}

void PahoClient::give_up(std::string why) {
  refused_ = std::move(why);
  post_lost(context(), 0, {});
}

void PahoClient::begin(const MqttBroker& broker) {
  const int rc = start(broker);
  if (rc == MQTTASYNC_SUCCESS) return;
  const char* text = MQTTAsync_strerror(rc);
  post_lost(context(), 0, text != nullptr ? text : "the address is not valid");
}

int PahoClient::start(const MqttBroker& broker) {
  MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
  create.MQTTVersion = v5() ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
  create.maxBufferedMessages = static_cast<int>(options_.inflight_max) + 1;
  const int rc =
      MQTTAsync_createWithOptions(&handle_, broker.paho.c_str(), options_.client_id.c_str(),
                                  MQTTCLIENT_PERSISTENCE_NONE, nullptr, &create);
  if (rc != MQTTASYNC_SUCCESS) return rc;
  MQTTAsync_setCallbacks(handle_, context(), on_connection_lost, on_message, nullptr);
  if (v5()) MQTTAsync_setDisconnected(handle_, context(), on_disconnected);
  MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer;
  if (v5()) connect = MQTTAsync_connectOptions_initializer5;
  MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
  MQTTProperties properties = MQTTProperties_initializer, of_will = MQTTProperties_initializer;
  fill(connect, will);
  if (v5() && connect.will != nullptr && options_.will_delay > Duration{}) {
    add_will_delay(properties, of_will, options_.will_delay);
    connect.connectProperties = &properties;
    connect.willProperties = &of_will;
    connect.cleanstart = 0;
  }
  const int begun = broker.tls ? connect_by_tls(connect) : MQTTAsync_connect(handle_, &connect);
  MQTTProperties_free(&properties);
  MQTTProperties_free(&of_will);
  return begun;
}

int PahoClient::connect_by_tls(MQTTAsync_connectOptions& connect) {
  const std::string name = tls_.begin(options_);
  if (name.empty()) return MQTTASYNC_SSL_NOT_SUPPORTED;
  MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
  tls.trustStore = name.c_str();
  tls.enableServerCertAuth = tls.verify = 1;
  connect.ssl = &tls;
  return MQTTAsync_connect(handle_, &connect);
}

void PahoClient::fill(MQTTAsync_connectOptions& to, MQTTAsync_willOptions& will) {
  const auto seconds = [](Duration d) {
    return static_cast<int>(std::max<std::int64_t>(1, d.ns / 1'000'000'000));
  };
  to.keepAliveInterval = seconds(options_.keep_alive);
  to.connectTimeout = seconds(options_.timeout);
  to.maxInflight = static_cast<int>(options_.inflight_max);
  to.automaticReconnect = 0;
  to.context = context();
  if (v5()) {
    to.cleanstart = 1;
    to.onSuccess5 = on_connected5;
    to.onFailure5 = on_refused5;
  } else {
    to.MQTTVersion = MQTTVERSION_3_1_1;
    to.cleansession = 1;
    to.onSuccess = on_connected4;
    to.onFailure = on_refused4;
  }
  if (!options_.user.empty()) to.username = options_.user.c_str();
  if (!options_.password.empty()) to.password = options_.password.c_str();
  if (options_.will_topic.empty()) return;
  will.topicName = options_.will_topic.c_str();
  will.payload.len = static_cast<int>(options_.will_payload.size());
  will.payload.data = options_.will_payload.data();
  will.retained = 1;
  will.qos = 1;
  to.will = &will;
}

void PahoClient::disconnect() {
  if (state_ == State::idle || state_ == State::leaving) return;
  const bool connected = state_ == State::connected;
  state_ = State::leaving;
  MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
  if (v5()) options = MQTTAsync_disconnectOptions_initializer5;
  options.timeout = kFarewellMs;
  options.context = context();
  if (v5()) {
    options.onSuccess5 = on_farewell5;
    options.onFailure5 = on_no_farewell5;
  } else {
    options.onSuccess = on_farewell4;
    options.onFailure = on_no_farewell4;
  }
  if (!connected || MQTTAsync_disconnect(handle_, &options) != MQTTASYNC_SUCCESS) {
    post_lost(context(), 0, "disconnected");
  }
}

Status PahoClient::subscribe(const std::string& filter) {
  if (state_ != State::connected) return fail(Code::closed, "not connected to the broker");
  MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
  options.context = context();
  if (v5()) {
    options.onSuccess5 = on_subscribed5;
    options.onFailure5 = on_unsubscribed5;
  } else {
    options.onSuccess = on_subscribed4;
    options.onFailure = on_unsubscribed4;
  }
  if (MQTTAsync_subscribe(handle_, filter.c_str(), 1, &options) != MQTTASYNC_SUCCESS) {
    return fail(Code::closed, "the connection to the broker is going");
  }
  return {};
}

Result<std::uint64_t> PahoClient::publish(const MqttPublish& publish) {
  if (state_ != State::connected) return fail(Code::closed, "not connected to the broker");
  if (sent_.size() >= inflight_max_) return fail(Code::full, "as much is in flight as is allowed");
  TopicAliases::Alias alias;
  MQTTAsync_message message = MQTTAsync_message_initializer;
  message.payload = const_cast<std::uint8_t*>(publish.payload.data());  // Paho copies it.
  message.payloadlen = static_cast<int>(publish.payload.size());
  message.qos = 1;
  message.retained = publish.retained ? 1 : 0;
  MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
  options.context = context();
  if (v5()) {
    options.onSuccess5 = on_published5;
    options.onFailure5 = on_unpublished5;
    if (!publish.retained) alias = aliases_.of(publish.topic);
    add_properties(message.properties, publish, alias.number);
  } else {
    options.onSuccess = on_published4;
  }
  const char* topic = alias.known ? "" : publish.topic.c_str();
  const int rc = MQTTAsync_sendMessage(handle_, topic, &message, &options);
  MQTTProperties_free(&message.properties);
  if (rc == MQTTASYNC_MAX_BUFFERED_MESSAGES)
    return fail(Code::full, "as much is in flight as is allowed");
  if (rc == MQTTASYNC_BAD_UTF8_STRING) return fail(Code::invalid, "the topic is not UTF-8");
  if (rc != MQTTASYNC_SUCCESS) return fail(Code::closed, "the connection to the broker is going");
  aliases_.said(publish.topic, alias);
  sent_.push_back({options.token, ++last_token_, alias.number});
  return last_token_;
}

void PahoClient::deliver(std::vector<Mail>& mail) {
  bool gone = false;
  gone_ = &gone;
  const std::uintptr_t number = number_;
  for (Mail& one : mail) {
    if (number_ != number || state_ == State::idle)
      break;  // An event connected anew, or this one is over.
    deliver(one);
    if (gone) return;
  }
  gone_ = nullptr;
}

void PahoClient::deliver(Mail& mail) {
  switch (mail.kind) {
    case Mail::Kind::connected:
      if (state_ != State::connecting) return;
      state_ = State::connected;
      inflight_max_ = std::min<std::size_t>(options_.inflight_max, mail.session.receive_max);
      aliases_.begin(mail.session.topic_aliases);
      mail.session.tls = tls_.facts();
      return events_.connected(mail.session);
    case Mail::Kind::lost: return deliver_lost(mail);
    case Mail::Kind::message: return events_.message(mail.text, mail.payload);
    case Mail::Kind::published: {
      const auto at = std::ranges::find(sent_, mail.token, &Sent::token);
      if (at == sent_.end()) return;
      const std::uint64_t ours = at->ours;
      if (mail.reason < mqtt::reason::kRefused) aliases_.taken(at->alias);
      sent_.erase(at);
      return events_.published(ours, mail.reason);
    }
  }
}

void PahoClient::deliver_lost(const Mail& mail) {
  const std::string text = why(mail);
  const int reason = mail.reason;
  retire();
  events_.lost(reason, text);
}

std::string PahoClient::why(const Mail& mail) const {
  if (state_ == State::leaving) return "disconnected";
  if (mail.reason != 0) return mqtt::reason_text(mail.reason);
  if (!refused_.empty()) return refused_;
  if (std::string text = tls_.trouble(state_ == State::connected, options_); !text.empty())
    return text;
  const std::string where =
      without_query(options_.broker) +
      (options_.proxy.used() ? " through the proxy " + options_.proxy.address : "");
  if (state_ == State::connected)
    return "the connection to " + where + " broke: check the link, and the broker's log";
  if (tls_.ready()) {
    return "no MQTT with the broker at " + where +
           ": after the TLS handshake it is silent or hangs up: check its log and port";
  }
  std::string text = "cannot reach the broker at " + where;
  if (mail.text == kPahoGaveUp && options_.broker.starts_with("ws")) {
    return text + ": it does not speak WebSocket, or hung up: check port and path, and its log; " +
           "pinaflux test uplink says more";
  }
  if (!mail.text.empty()) text += ": " + mail.text;
  return mail.text.contains(": ") ? text : text + ": check address, port and network";
}

}  // namespace

MqttClientMaker make_mqtt_client_maker(LinuxLoop& loop) {
  return [&loop, shared = std::make_shared<Shared>(loop)](
             MqttClient::Events& events) -> std::unique_ptr<MqttClient> {
    return std::make_unique<PahoClient>(loop, events, shared);
  };
}

}  // namespace pinaflux
