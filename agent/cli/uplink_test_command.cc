// Two connections: the first only to see TCP and TLS apart, the second as the uplink's, by MQTT. What a Network
// gives is watched (Watched), so that the broker's answer is timed without the way to it.

#include "agent/cli/uplink_test_command.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "agent/cli/exit_status.h"
#include "agent/cli/visitor.h"
#include "agent/config/load.h"
#include "agent/data/limits.h"
#include "agent/seal/messages.h"
#include "agent/uplink/link_proof.h"
#include "agent/vault/vault.h"
#include "platform/base/json_writer.h"
#include "platform/linux/linux.h"
#include "platform/mqtt/reason.h"
#include "platform/mqtt/session.h"
#include "platform/tls/stream.h"
#include "version.h"

namespace pinaflux {

namespace {

constexpr Duration kStepMax = Duration::seconds(20);

struct Watch {
  Instant connected{};
};

// Passes everything on, and notes when the connection stood.
class Watched final : public Stream, private Stream::Events {
 public:
  Watched(const Clock& clock, Watch& watch, Stream::Events& events)
      : clock_(clock), watch_(watch), events_(events) {}
  Stream::Events& inner_events() { return *this; }
  void over(std::unique_ptr<Stream> inner) { inner_ = std::move(inner); }

  bool write(Bytes bytes) override { return inner_->write(bytes); }
  std::size_t bytes_queued() const override { return inner_->bytes_queued(); }
  void pause(bool paused) override { inner_->pause(paused); }
  void finish() override { inner_->finish(); }
  std::string why() const override { return inner_->why(); }

 private:
  void connected() override {
    watch_.connected = clock_.now();
    events_.connected();
  }
  void bytes(Bytes bytes) override { events_.bytes(bytes); }
  bool ended() override { return events_.ended(); }
  void drained() override { events_.drained(); }
  void closed(Error reason) override { events_.closed(reason); }

  const Clock& clock_;
  Watch& watch_;
  Stream::Events& events_;
  std::unique_ptr<Stream> inner_;
};

class WatchedNetwork final : public Network {
 public:
  WatchedNetwork(Network& inner, const Clock& clock, Watch& watch)
      : inner_(inner), clock_(clock), watch_(watch) {}
  Result<std::unique_ptr<Stream>> connect(const std::string& address, const Options& options,
                                          Stream::Events& events) override {
    auto watched = std::make_unique<Watched>(clock_, watch_, events);
    auto inner = inner_.connect(address, options, watched->inner_events());
    if (!inner) return inner;
    watched->over(std::move(*inner));
    return watched;
  }
  Result<std::unique_ptr<Listener>> listen(const std::string& address, const Options& options,
                                           OnAccept accepted) override {
    return inner_.listen(address, options, std::move(accepted));
  }
  std::string interface_to(const std::string& address) const override {
    return inner_.interface_to(address);
  }

 private:
  Network& inner_;
  const Clock& clock_;
  Watch& watch_;
};

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

class UplinkTest : private Stream::Events, private mqtt::Session::Events {
 public:
  UplinkTest(LinuxPlatform& platform, const Configuration& configuration, LinkProof proof)
      : platform_(platform),
        proof_(std::move(proof)),
        gateway_(configuration.gateway),
        uplink_(configuration.uplink),
        address_(parse_address(uplink_.broker).value_or(Address{})),
        encrypted_(address_.kind == Address::Kind::tls) {
    for (const char* name : {"name", "tcp", "tls", "connect", "publish", "collector"}) {
      const bool part = std::string_view(name) != "tls" || encrypted_;
      const bool proved =
          std::string_view(name) != "collector" || uplink_.ack == UplinkOptions::Ack::collector;
      if (part && proved) steps_.push_back({.name = name});
    }
  }

  std::vector<UplinkStep> run() {
    if (look_up() && dial() && log_in() && publish() && proved()) session_->disconnect();
    return std::move(steps_);
  }

 private:
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
          names.look_up(address_.host, address_.port,
                        [&](Result<std::vector<SocketAddress>> found) {
                          if (!found) return failed(found.error().what);
                          done(address_.host + " is " + printed(found->front()));
                        });
        },
        "the name server does not answer: check the network");
  }

  // TCP first, and TLS over the same connection.
  bool dial() {
    Network::Options options;
    options.connect_timeout = kStepMax;
    const std::string below = "tcp" + uplink_.broker.substr(uplink_.broker.find(':'));
    if (!take_step(
            step("tcp"),
            [&] {
              auto stream = platform_.network.connect(below, options, *this);
              if (!stream) return failed(stream.error().what);
              stream_ = std::move(*stream);
            },
            "no answer: check address, port and firewall")) {
      return false;
    }
    stream_.reset();
    if (!encrypted_) return true;
    const bool shook = take_step(
        step("tls"), [&] { shake(below, options); },
        "the TLS handshake takes too long: check whether the port speaks TLS, and the network");
    stream_.reset();
    return shook;
  }

  void shake(const std::string& below, const Network::Options& options) {
    auto credentials = tls::Credentials::load(platform_.files, uplink_.tls);
    if (!credentials) return failed(credentials.error().text);
    const std::int64_t wall = platform_.clock.wall().ns / Duration::seconds(1).ns;
    const auto watched = [&](Stream::Events& events) -> Result<std::unique_ptr<Stream>> {
      return WatchedNetwork(platform_.network, platform_.clock, watch_)
          .connect(below, options, events);
    };
    auto stream = tls::TlsStream::connect(*platform_.loop,
                                          {.credentials = *credentials,
                                           .host = address_.host,
                                           .judged_at = std::max(wall, kBuildTimeUnixSeconds),
                                           .handshake = kStepMax},
                                          watched, *this);
    if (!stream) return failed(stream.error().what);
    tls_ = stream->get();
    stream_ = std::move(*stream);
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

  // Of the first connection.
  void connected() override {
    if (current_ != nullptr && current_->name == "tls") {
      current_->milliseconds = (platform_.clock.now() - watch_.connected).seconds() * 1e3;
      const tls::Connection::Facts facts = tls_->facts();
      return done(facts.version + ", " + facts.cipher);
    }
    done();
  }
  void bytes(Bytes) override {}
  void closed(Error reason) override {
    const std::string why = stream_ != nullptr ? stream_->why() : std::string();
    failed(why.empty() ? reason.what : why, "check address, port and firewall");
  }

  // Of the second.
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
    if (packet_bytes_max_ != 0 && packet_bytes_max_ < limits::kPacketBytesWanted) {
      return failed("the broker takes packets of at most " + std::to_string(packet_bytes_max_) +
                    " bytes, and our data are longer: raise its limit to " +
                    std::to_string(limits::kPacketBytesWanted));
    }
    HelloMessage hello{gateway_, uplink_.generation, {LaneMark{std::string(kProbeLane)}}};
    hello.clock = HelloClock{platform_.clock.boot(), platform_.clock.now(), true};
    said_ = platform_.clock.now();
    std::string line = format(hello);
    proof_.sign(line);
    const auto sent = session_->publish(topic("hello"), as_bytes(line), false);
    if (!sent) failed(sent.error().what);
  }
  void published(std::uint16_t, int reason) override {
    step("publish").milliseconds = (platform_.clock.now() - said_).seconds() * 1e3;
    if (reason == mqtt::reason::kNotAuthorised) {
      return failed("the broker does not let us publish to " + topic("hello") +
                    ": allow it to this user (packaging/broker.acl)");
    }
    if (reason >= mqtt::reason::kRefused)
      return failed(mqtt::reason_text(reason), "see the broker's log");
    done(reason == mqtt::reason::kNoSubscriber ? "nobody has subscribed to it" : "");
  }
  void message(const mqtt::Message& message) override {
    if (message.packet_id != 0) session_->ack(message.packet_id);
    const auto ack = parse_ack(as_text(message.payload));
    if (!ack || ack->lane != kProbeLane) return;
    if (!proof_.believes(as_text(message.payload))) {
      unproved_ = true;
      return;
    }
    answered_ = true;
    answered_ms_ = (platform_.clock.now() - said_).seconds() * 1e3;
    if (current_ == nullptr || current_->name != "collector") return;
    current_->milliseconds = answered_ms_;
    done();
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
  const Address address_;
  const bool encrypted_;
  std::vector<UplinkStep> steps_;
  UplinkStep* current_ = nullptr;
  bool over_ = false, unsupported_ = false, answered_ = false, unproved_ = false;
  int version_ = 5;
  std::uint32_t packet_bytes_max_ = 0;  // 0: the broker names none.
  double answered_ms_ = 0.0;
  Watch watch_;
  Instant said_{};
  tls::TlsStream* tls_ = nullptr;  // stream_, while it is one.
  std::unique_ptr<Stream> stream_;
  std::optional<WatchedNetwork> network_;
  std::unique_ptr<mqtt::Session> session_;
};

// Where nothing is proved no key is read: the mask's may be another user's.
Result<LinkProof> proof_of(LinuxPlatform& platform, const Configuration& configuration,
                           std::string& which) {
  const LinkKeys& keys = configuration.uplink.keys;
  if (keys.mac.empty() && keys.sign.empty() && keys.acks_by.empty()) return LinkProof();
  Vault vault;
  if (Status s = vault.load(platform.files, configuration.keys, which); !s)
    return std::unexpected(s.error());
  return LinkProof::make(
      keys, vault, [&entropy = platform.entropy](MutableBytes bytes) { entropy.fill(bytes); },
      which);
}

}  // namespace

std::string steps_json(const std::string& broker, const std::vector<UplinkStep>& steps) {
  const bool ok = std::ranges::all_of(steps, &UplinkStep::done);
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.test.uplink/1").key("uplink").string("uplink");
  j.key("broker").string(broker).key("ok").boolean(ok).key("steps").begin_array();
  for (const UplinkStep& step : steps) {
    j.begin_object().key("name").string(step.name).key("tried").boolean(step.tried);
    j.key("ok").boolean(step.done).key("ms").number(step.milliseconds);
    j.key("text").string(step.text).key("next").string(step.next).end_object();
  }
  j.end_array().end_object();
  return j.take() + "\n";
}

std::string step_line(const UplinkStep& step) {
  char head[64];
  if (!step.tried) {
    std::snprintf(head, sizeof head, "%-10s          not tried\n", step.name.c_str());
    return head;
  }
  std::snprintf(head, sizeof head, "%-10s %7.1f ms", step.name.c_str(), step.milliseconds);
  std::string line = head;
  if (!step.done) line += "  failed";
  if (!step.text.empty()) line += (step.done ? "  " : ": ") + step.text;
  line += '\n';
  if (!step.next.empty()) line += "  -> " + step.next + "\n";
  return line;
}

int uplink_test_command(const std::string& configuration, bool json) {
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
  if (!visitable(loaded.configuration->uplink.broker)) {
    std::fputs(
        "pinaflux: this test speaks no WebSockets: start the agent, and see pinaflux status\n",
        stderr);
    return kExitUnavailable;
  }
  std::string which;
  auto proof = proof_of(**platform, *loaded.configuration, which);
  if (!proof) {
    std::fprintf(stderr, "pinaflux: keys.%s: %s\n", which.c_str(), proof.error().what);
    return kExitConfiguration;
  }
  const auto steps = UplinkTest(**platform, *loaded.configuration, std::move(*proof)).run();
  if (json) {
    std::fputs(steps_json(loaded.configuration->uplink.broker, steps).c_str(), stdout);
  } else {
    for (const UplinkStep& step : steps) std::fputs(step_line(step).c_str(), stdout);
  }
  return std::ranges::all_of(steps, &UplinkStep::done) ? kExitOk : kExitUnavailable;
}

}  // namespace pinaflux
