// A connection for each layer that there is (TCP, the proxy, TLS, WebSocket), over those below it, and the last one as
// the uplink's, by MQTT. What is below is watched (Watched), so that each answer is timed without the way to it. With a
// proxy the name and TCP are the proxy's.

#include "agent/cli/uplink_test_command.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "agent/cli/exit_status.h"
#include "agent/cli/uplink_steps.h"
#include "agent/cli/visitor.h"
#include "agent/cli/watched_network.h"
#include "agent/config/load.h"
#include "agent/data/limits.h"
#include "agent/seal/messages.h"
#include "agent/uplink/link_proof.h"
#include "agent/vault/vault.h"
#include "platform/address.h"
#include "platform/base/text.h"
#include "platform/http/link.h"
#include "platform/http/url.h"
#include "platform/linux/linux.h"
#include "platform/linux/mqtt_broker.h"
#include "platform/linux/proxied_stream.h"
#include "platform/linux/websocket_stream.h"
#include "platform/mqtt/reason.h"
#include "platform/mqtt/session.h"
#include "platform/tls/stream.h"
#include "version.h"

namespace pinaflux {

namespace {

constexpr Duration kStepMax = Duration::seconds(20);

// "what is wrong: what to do" taken apart.
void take(UplinkStep& step, const std::string& text, const char* otherwise) {
  const std::size_t split = text.find(": ");
  step.text = text.substr(0, split);
  step.next = split == std::string::npos ? otherwise : text.substr(split + 2);
}

const char* unproved_text(const LinkProof& proof) {
  return proof.asks_for() == ProofKind::mac
             ? "somebody answers without our key: give the collector the key that uplink.mac "
               "names (--keys)"
             : "somebody answers without the collector's key: let it sign (--sign-key) by the "
               "private key of one that uplink.acks_by names";
}

const char* silent_text(const LinkProof& proof) {
  switch (proof.signs_by()) {
    case ProofKind::mac:
      return "no collector answers: start it, with the same broker and topic root; give it the key "
             "that uplink.mac names (--keys); allow it to publish to <root>/+/ack, and this user "
             "to read that";
    case ProofKind::signature:
      return "no collector answers: start it, with the same broker and topic root; give it the "
             "public key of the one that uplink.sign names (--keys); allow it to publish to "
             "<root>/+/ack, and this user to read that";
    case ProofKind::none: break;
  }
  return "no collector answers: start it, with the same broker and topic root; allow it to publish "
         "to <root>/+/ack, and this user to read that";
}

// Of a server that is posted to: where it is.
MqttBroker server_of(const std::string& url) {
  const auto parsed = parse_http_url(url);
  const auto address = parse_address(parsed ? parsed->address : "");
  if (!address) return {};
  return {.tls = address->kind == Address::Kind::tls,
          .host = address->host,
          .port = address->port,
          .authority = parsed->authority};
}

class UplinkTest : private Stream::Events, private mqtt::Session::Events {
 public:
  UplinkTest(LinuxPlatform& platform, const UplinkOptions& uplink, LinkProof proof)
      : platform_(platform),
        proof_(std::move(proof)),
        gateway_(uplink.gateway),
        uplink_(uplink),
        posts_(is_http(uplink_.broker)),
        broker_(posts_ ? server_of(uplink_.broker)
                       : parse_mqtt_broker(uplink_.broker).value_or(MqttBroker{})),
        hop_(uplink_.proxy.used() ? parse_proxy(uplink_.proxy.address).value_or(Address{})
                                  : broker_address()) {
    const auto add = [&](const char* name, bool part = true) {
      if (part) steps_.push_back({.name = name});
    };
    add("name");
    add("tcp");
    add("proxy", uplink_.proxy.used());
    add("tls", broker_.tls);
    add("websocket", broker_.websocket);
    add("connect", !posts_);
    // A server of others would take a test for data.
    add("publish", !posts_ || uplink_.output.format == OutputFormat::envelope);
    add("collector", uplink_.ack == UplinkOptions::Ack::collector);
  }

  std::vector<UplinkStep> run() {
    if (!look_up() || !dial()) return std::move(steps_);
    if (posts_) {
      if (steps_.back().name == "publish" || steps_.back().name == "collector")
        (void)(post() && proved());
    } else if (log_in() && publish() && proved()) {
      session_->disconnect();
    }
    return std::move(steps_);
  }

 private:
  Address broker_address() const { return {Address::Kind::tcp, broker_.host, broker_.port, {}}; }
  UplinkStep& step(const char* name) { return *std::ranges::find(steps_, name, &UplinkStep::name); }

  // Runs the loop until one of the events ends the step. False: it failed. `late` is why, if none comes; null: the
  // collector has not answered.
  bool take_step(UplinkStep& step, const std::function<void()>& begin, const char* late) {
    current_ = &step;
    step = {.name = step.name, .tried = true};
    const Instant begun = platform_.clock.now();
    const auto timer =
        platform_.loop->timer([&] { failed(late != nullptr ? late : unanswered()); });
    timer->start(kStepMax);
    over_ = false;
    begin();
    if (!over_) {
      platform_.loop->run([&] {
        if (over_) platform_.loop->stop();
        return false;
      });
    }
    if (step.milliseconds == 0.0)
      step.milliseconds = (platform_.clock.now() - begun).seconds() * 1e3;
    current_ = nullptr;
    return step.done;
  }
  void done(std::string text = {}) {
    if (current_ == nullptr || over_) return;
    current_->done = true;
    current_->text = std::move(text);
    over_ = true;
  }
  void failed(const std::string& text, const char* otherwise = "") {
    if (current_ == nullptr || over_) return;
    take(*current_, text, otherwise);
    over_ = true;
  }

  bool look_up() {
    Names names(platform_.loop->base());
    return take_step(
        step("name"),
        [&] {
          names.look_up(hop_.host, hop_.port, [&](Result<std::vector<SocketAddress>> found) {
            if (!found) return failed(found.error().what);
            done((uplink_.proxy.used() ? "the proxy " : "") + hop_.host + " is " +
                 printed(found->front()));
          });
        },
        "the name server does not answer: check the network");
  }

  bool dial() {
    return dial("tcp", &UplinkTest::reach, "no answer: check address, port and firewall") &&
           (!uplink_.proxy.used() ||
            dial("proxy", &UplinkTest::pass_proxy, "the proxy does not answer: see its log")) &&
           (!broker_.tls || dial("tls", &UplinkTest::shake,
                                 "the TLS handshake takes too long: check whether the port speaks "
                                 "TLS, and the network")) &&
           (!broker_.websocket ||
            dial(
                "websocket", &UplinkTest::upgrade,
                "the web server does not answer: check whether the port speaks HTTP, and its log"));
  }

  using Dialled = Result<std::unique_ptr<Stream>>;
  using Layer = Dialled (UplinkTest::*)(Stream::Events&);

  bool dial(const char* name, Layer layer, const char* late) {
    const auto begin = [&] {
      auto stream = (this->*layer)(*this);
      if (!stream) return failed(stream.error().what);
      stream_ = std::move(*stream);
    };
    const bool stood = take_step(step(name), begin, late);
    stream_.reset();
    return stood;
  }

  Dial watched_below(Layer layer) {
    return [this, layer](Stream::Events& events) {
      const auto below = [&](Stream::Events& inner) { return (this->*layer)(inner); };
      return watched(below, platform_.clock, watch_, events);
    };
  }

  Dialled reach(Stream::Events& events) {
    const bool six = hop_.host.contains(':');
    return platform_.network.connect(
        "tcp://" + (six ? '[' + hop_.host + ']' : hop_.host) + ':' + std::to_string(hop_.port),
        {.connect_timeout = kStepMax}, events);
  }

  Dialled pass_proxy(Stream::Events& events) {
    return ProxiedStream::connect(
        *platform_.loop, {.proxy = uplink_.proxy, .to = broker_address(), .answer = kStepMax},
        watched_below(&UplinkTest::reach), events);
  }

  Layer below_tls() const {
    return uplink_.proxy.used() ? &UplinkTest::pass_proxy : &UplinkTest::reach;
  }

  Dialled shake(Stream::Events& events) {
    tls::TlsStream::Options options{.host = broker_.host, .handshake = kStepMax};
    auto credentials = tls::Credentials::load(platform_.files, uplink_.tls);
    if (credentials) options.credentials = std::move(*credentials);
    if (!credentials) options.unloaded = std::move(credentials.error());
    const std::int64_t wall = platform_.clock.wall().ns / Duration::seconds(1).ns;
    options.judged_at = std::max(wall, kBuildTimeUnixSeconds);
    auto stream =
        tls::TlsStream::connect(*platform_.loop, options, watched_below(below_tls()), events);
    if (stream) tls_ = stream->get();
    return stream;
  }

  Dialled upgrade(Stream::Events& events) {
    return WebSocketStream::connect(
        *platform_.loop, platform_.entropy,
        {.host = broker_.authority, .path = broker_.path, .handshake = kStepMax},
        watched_below(broker_.tls ? &UplinkTest::shake : below_tls()), events);
  }

  bool log_in() {
    for (const int version : {5, 4}) {
      if (take_step(
              step("connect"), [&] { log_in(version); },
              "the broker does not answer: is this really an MQTT broker's port? See its log")) {
        return true;
      }
      if (!unsupported_) return false;
    }
    return false;
  }

  void log_in(int version) {
    version_ = version;
    unsupported_ = false;
    mqtt::Options options = visitor(uplink_, "test", platform_.entropy);
    options.version = version;
    options.timeout = kStepMax;
    network_.emplace(platform_.network, platform_.clock, watch_);
    auto session = mqtt::Session::connect(*network_, *platform_.loop, options, *this);
    if (!session) return failed(session.error().what);
    session_ = std::move(*session);
  }

  // The way of the uplink's own posts.
  class Post final : private MqttClient::Events {
   public:
    explicit Post(UplinkTest& test)
        : test_(test), link_(with_http({}, test.platform_.network, *test.platform_.loop)(*this)) {
      MqttConnect to;
      to.broker = test.uplink_.broker;
      to.user = test.uplink_.user;
      to.password = test.uplink_.password;
      to.tls = test.uplink_.tls;
      to.proxy = test.uplink_.proxy;
      to.timeout = kStepMax;
      link_->connect(to);
    }

   private:
    void connected(const MqttSession&) override {
      const std::string line = test_.hello();
      MqttPublish publish;
      publish.topic = test_.topic("hello");
      publish.payload = as_bytes(line);
      if (const auto sent = link_->publish(publish); !sent) test_.failed(sent.error().what);
    }
    void lost(int, const std::string& why) override { test_.failed(why, "see the server's log"); }
    void published(std::uint64_t, int status) override {
      if (status != 0) return test_.failed(http_link::refusal_text(status));
      test_.step("publish").milliseconds = test_.since_said();
      test_.done();
    }
    void message(const std::string&, Bytes payload) override { test_.answered(as_text(payload)); }

    UplinkTest& test_;
    std::unique_ptr<MqttClient> link_;
  };

  bool post() {
    return take_step(
        step("publish"), [&] { post_.emplace(*this); }, "the server does not answer: see its log");
  }

  // That it says to the collector now.
  std::string hello() {
    HelloMessage message{gateway_, uplink_.generation, {LaneMark{std::string(kProbeLane)}}};
    message.clock = HelloClock{platform_.clock.boot(), platform_.clock.now(), true};
    said_ = platform_.clock.now();
    std::string line = format(message);
    proof_.sign(line);
    return line;
  }
  double since_said() const { return (platform_.clock.now() - said_).seconds() * 1e3; }
  void answered(std::string_view text) {
    const auto ack = parse_ack(text);
    if (!ack || ack->lane != kProbeLane) return;
    if (!proof_.believes(text)) {
      unproved_ = true;
      return;
    }
    answered_ = true;
    answered_ms_ = since_said();
    if (current_ == nullptr || current_->name != "collector") return;
    current_->milliseconds = answered_ms_;
    done();
  }

  bool publish() {
    return take_step(
        step("publish"), [&] { session_->subscribe(topic("ack"), 1, 0); },
        "the broker does not answer: see its log");
  }

  bool proved() {
    if (uplink_.ack != UplinkOptions::Ack::collector) return true;
    if (answered_) {
      step("collector").tried = step("collector").done = true;
      step("collector").milliseconds = answered_ms_;
      return true;
    }
    return take_step(step("collector"), [] {}, nullptr);
  }

  const char* unanswered() const { return unproved_ ? unproved_text(proof_) : silent_text(proof_); }

  std::string topic(const char* leaf) const {
    return uplink_.topic_root + "/" + gateway_ + "/" + leaf;
  }

  // Of a layer's connection.
  void connected() override {
    if (current_ == nullptr || current_->name == "tcp") return done();
    current_->milliseconds = (platform_.clock.now() - watch_.connected).seconds() * 1e3;
    if (current_->name == "proxy") return done("leads to " + broker_.authority);
    if (current_->name != "tls") return done();
    const tls::Connection::Facts facts = tls_->facts();
    done(facts.version + ", " + facts.cipher);
  }
  void bytes(Bytes) override {}
  void closed(Error reason) override {
    const std::string why = stream_ != nullptr ? stream_->why() : std::string();
    failed(why.empty() ? reason.what : why, "check address, port and firewall");
  }

  // Of the uplink's.
  void connected(const mqtt::Accepted& accepted) override {
    packet_bytes_max_ = accepted.packet_bytes_max;
    step("connect").milliseconds = (platform_.clock.now() - watch_.connected).seconds() * 1e3;
    done(accepted.version == 5 ? "MQTT 5" : "MQTT 3.1.1");
  }
  void subscribed(std::string_view, int reason) override {
    if (reason >= mqtt::reason::kRefused) {
      return failed("the broker does not let us read " + topic("ack") +
                    ": allow it to this user (packaging/broker.acl)");
    }
    if (packet_bytes_max_ != 0 && packet_bytes_max_ < limits::kPacketBytesLeast) {
      return failed("the broker takes packets of at most " + std::to_string(packet_bytes_max_) +
                    " bytes, and a record may be longer: raise its limit to " +
                    std::to_string(limits::kPacketBytesWanted));
    }
    const std::string line = hello();
    const auto sent = session_->publish(topic("hello"), as_bytes(line), false);
    if (!sent) failed(sent.error().what);
  }
  void published(std::uint16_t, int reason) override {
    step("publish").milliseconds = since_said();
    if (reason == mqtt::reason::kNotAuthorised) {
      return failed("the broker does not let us publish to " + topic("hello") +
                    ": allow it to this user (packaging/broker.acl)");
    }
    if (reason >= mqtt::reason::kRefused)
      return failed(mqtt::reason_text(reason), "see the broker's log");
    if (reason == mqtt::reason::kNoSubscriber) return done("nobody has subscribed to it");
    const bool small = packet_bytes_max_ != 0 && packet_bytes_max_ < limits::kPacketBytesWanted;
    done(small ? "batches are made for packets of " + std::to_string(packet_bytes_max_) + " bytes"
               : "");
  }
  void message(const mqtt::Message& message) override {
    if (message.packet_id != 0) session_->ack(message.packet_id);
    answered(as_text(message.payload));
  }
  void mark_reached(std::uint64_t) override {}
  void closed(Error reason, int code) override {
    const std::string why = session_ != nullptr ? session_->why() : std::string();
    unsupported_ = version_ == 5 && reason.code == Code::unsupported;
    const bool denied = code == mqtt::reason::kNotAuthorised || code == mqtt::reason::kBadUser;
    failed(why.empty() ? reason.what : why,
           denied ? "check `user` and `password`" : "see the broker's log");
  }

  LinuxPlatform& platform_;
  const LinkProof proof_;
  const std::string gateway_;
  const UplinkOptions uplink_;
  const bool posts_;  // By HTTP.
  const MqttBroker broker_;
  const Address hop_;  // Where TCP goes: the proxy, or the broker.
  std::vector<UplinkStep> steps_;
  UplinkStep* current_ = nullptr;
  bool over_ = false, unsupported_ = false, answered_ = false, unproved_ = false;
  int version_ = 5;
  std::uint32_t packet_bytes_max_ = 0;  // 0: the broker names none.
  double answered_ms_ = 0.0;
  Watch watch_;
  Instant said_{};
  tls::TlsStream* tls_ = nullptr;  // stream_, in the step "tls".
  std::unique_ptr<Stream> stream_;
  std::optional<WatchedNetwork> network_;
  std::unique_ptr<mqtt::Session> session_;
  std::optional<Post> post_;
};

// Where nothing is proved no key is read: the mask's may be another user's.
Result<LinkProof> proof_of(LinuxPlatform& platform, const Configuration& configuration,
                           const LinkKeys& keys, std::string& which) {
  if (keys.mac.empty() && keys.sign.empty() && keys.acks_by.empty()) return LinkProof();
  Vault vault;
  if (Status s = vault.load(platform.files, configuration.keys, which); !s)
    return std::unexpected(s.error());
  return LinkProof::make(
      keys, vault, [&entropy = platform.entropy](MutableBytes bytes) { entropy.fill(bytes); },
      which);
}

std::string names_of(const std::vector<UplinkOptions>& uplinks) {
  std::string names;
  for (const UplinkOptions& uplink : uplinks) names += (names.empty() ? "" : ", ") + uplink.name;
  return names;
}

}  // namespace

int uplink_test_command(const std::string& configuration, const std::string& name, bool json) {
  configure_names();
  auto platform = LinuxPlatform::make();
  if (!platform) {
    std::fprintf(stderr, "pinaflux: %s\n", platform.error().what);
    return exit_status(platform.error());
  }
  (*platform)->network.raise_time_floor(kBuildTimeUnixSeconds);
  auto loaded = load_configuration((*platform)->files, configuration);
  if (!loaded.findings.empty()) std::fputs(findings_text(loaded.findings).c_str(), stderr);
  if (!loaded.configuration) return kExitConfiguration;
  const auto& uplinks = loaded.configuration->uplinks;
  const auto uplink = std::ranges::find(uplinks, name, &UplinkOptions::name);
  if (uplink == uplinks.end()) {
    std::fprintf(stderr, "pinaflux: there is no uplink '%s': name one of %s\n",
                 printable(name, 40).c_str(), names_of(uplinks).c_str());
    return kExitConfiguration;
  }
  std::string which;
  auto proof = proof_of(**platform, *loaded.configuration, uplink->keys, which);
  if (!proof) {
    std::fprintf(stderr, "pinaflux: keys.%s: %s\n", which.c_str(), proof.error().what);
    return kExitConfiguration;
  }
  const auto steps = UplinkTest(**platform, *uplink, std::move(*proof)).run();
  if (json) {
    std::fputs(steps_json(uplink->name, without_query(uplink->broker), steps).c_str(), stdout);
  } else {
    for (const UplinkStep& step : steps) std::fputs(step_line(step).c_str(), stdout);
  }
  return std::ranges::all_of(steps, &UplinkStep::done) ? kExitOk : kExitUnavailable;
}

}  // namespace pinaflux
