// The link:  waiting -(back-off)-> connecting -> working -(lost)-> waiting. MQTT 5 first; 3.1.1
//            once a broker says 0x84, and on every fourth try of a broker that never answered (some
//            hang up without a word).

#include <algorithm>
#include <utility>

#include "agent/uplink/state.h"
#include "agent/uplink/traffic.h"
#include "platform/base/assert.h"

namespace pinaflux {

namespace {

constexpr int kTriesWithOneClient = 5;
constexpr Duration kProven =
    Duration::seconds(30);  // A connection that held so long ends the back-off.
constexpr Duration kConnectMax = Duration::seconds(60);
constexpr Duration kReturnMax = Duration::hours(1);
constexpr int kNoticesLostMax = 3;
constexpr Duration kStatusEvery = Duration::minutes(1);
constexpr Duration kStatusRarely = Duration::hours(1);  // Where each byte counts.
constexpr Duration kClosedLook = Duration::minutes(1);
// While the clock is not trusted. An oscillator drifts by a tenth of a second in an hour, rarely by more.
constexpr Duration kHelloEvery = Duration::hours(1);
constexpr Duration kHelloAgain = Duration::minutes(1);  // After one whose way took long.
constexpr Duration kWayGood = Duration::seconds(2);

const char* closed_text(Budget::Closed closed) {
  switch (closed) {
    case Budget::Closed::times:
      return "the link is down outside uplink.budget.times; data waits in the queue until then";
    case Budget::Closed::day:
      return "uplink.budget.day is used up: data waits in the queue until 00:00 UTC; raise it if "
             "the "
             "data plan has more";
    case Budget::Closed::month:
      return "uplink.budget.month is used up: data waits in the queue until the next month begins; "
             "raise it if the data plan has more";
    case Budget::Closed::no: break;
  }
  return "";
}

std::vector<Budget::Lane> budgets_of(const std::vector<UplinkOptions::Lane>& lanes) {
  std::vector<Budget::Lane> all;
  for (const auto& lane : lanes) all.push_back({lane.name, lane.share, lane.budget});
  return all;
}

std::vector<Turns::Terms> terms_of(const std::vector<UplinkOptions::Lane>& lanes) {
  std::vector<Turns::Terms> all;
  for (const auto& lane : lanes) all.push_back({lane.priority, lane.share});
  return all;
}

}  // namespace

Uplink::State::State(const UplinkOptions& o, const Clock& c, Entropy& entropy, MqttClientMaker make,
                     std::function<void()> ch, Interface way, MqttClient::Events& e)
    : options(o),
      clock(c),
      make_client(std::move(make)),
      changed(std::move(ch)),
      interface(std::move(way)),
      events(e),
      brokers(o.broker, o.fallbacks),
      return_after(o.return_every),
      window(o.window),
      budget(o.budget, o.month_begins, budgets_of(o.lanes)),
      turns(terms_of(o.lanes)),
      random(entropy.u64()),
      back_off(o.back_off_min, o.back_off_max),
      rest(o.back_off_min, o.back_off_max),
      tls(tls::spoken(o.broker)) {
  ASSERT(options.lanes.size() <= limits::kLanesMax);
  if (options.output.format != OutputFormat::envelope) translator.emplace(options.output);
  if (options.client_id.empty()) options.client_id = options.default_client_id();
  lanes.resize(options.lanes.size());
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const std::string& name = gateway_of(i);
    if (name == options.gateway || std::ranges::contains(earlier_names, name)) continue;
    earlier_names.push_back(name);
  }
  tick_every =
      std::clamp(options.ack_timeout / 12, Duration::milliseconds(20), Duration::seconds(2));
}

int Uplink::State::next_version() const {
  const bool other = brokers.several() ? brokers.rounds() % 2 == 1 && tries == 1 : tries % 4 == 3;
  if (!answered && other) return version == 5 ? 4 : 5;
  return version;
}

bool Uplink::State::closed() {
  if (interface && !options.budget.interfaces.empty()) {
    health.interface = interface(first_hop(broker()));
    budget.leaves_by(health.interface);
  }
  budget.look(clock.wall(), clock.now(), clock_trusted);
  const Budget::Closed its = budget.closed();
  if (its == Budget::Closed::no) return false;
  link_text = closed_text(its);
  return true;
}

const std::string& Uplink::State::first_hop(const std::string& to) const {
  return options.proxy.used() ? options.proxy.address : to;
}

void Uplink::State::connect() {
  if (closed()) return retry(kClosedLook, link_text);
  budget.spend(traffic::kAttempt);
  if (tries > 0 && tries % kTriesWithOneClient == 0) renews_client = true;
  if (std::exchange(renews_client, false)) client.reset();
  if (client == nullptr) client = make_client(events);
  health.state = UplinkHealth::State::connecting;
  tls = tls::spoken(broker());
  tried = next_version();
  const MqttConnect to = how_to_connect();
  timer->start(kConnectMax);
  client->connect(to);
}

MqttConnect Uplink::State::how_to_connect() const {
  MqttConnect to;
  to.broker = broker();
  to.client_id = options.client_id;
  to.user = options.user;
  to.password = options.password;
  to.tls = options.tls;
  to.proxy = options.proxy;
  to.judged_at = std::max(clock.wall().ns, options.time_floor.ns) / Duration::seconds(1).ns;
  to.version = tried;
  to.keep_alive = options.keep_alive;
  to.will_topic = base_of(options.gateway) + "/status";
  to.will_payload = proved(format(StatusMessage{options.gateway, "lost", marks(options.gateway)}));
  to.will_delay = kWillDelay;
  to.inflight_max = limits::kWindowMax + 8;  // Envelopes, and what is said beside them.
  return to;
}

void Uplink::State::connected(const MqttSession& accepted) {
  session = accepted;
  version = tried;
  answered = true;
  tries = 0;
  up = true;
  up_since = probed_at = clock.now();
  if (brokers.on_primary()) away.clear();
  ++health.connects;
  health.state = UplinkHealth::State::working;
  link_text.clear();
  trouble.clear();
  timer->stop();
  budget.spend(traffic::connection(tls) + (options.proxy.used() ? traffic::kProxy : 0));
  pinged = posted = up_since;
  round_trip = {};
  window.begin();
  // A broker that is not ours may let us publish only.
  if (collector() && !client->subscribe(base_of(options.gateway) + "/ack"))
    return;  // lost() follows.
  if (!subscribe_earlier()) return;
  say_status("online");
  for (Lane& lane : lanes) {
    lane.flight.greet();
    lane.far.greet();
    lane.rests_until = {};
    lane.probed = false;
  }
  say_hello(true);
  say_notice();
  ticker->start(tick_every);
  pump();
}

// A broker may allow each user no more than the topics of its name. Better then to send what has ours.
bool Uplink::State::subscribe_earlier() {
  if (earlier_denied) {
    trouble = "the broker denies the topics of '" + earlier_names.front() +
              "', the gateway's earlier name: allow them until its queue is empty; it is kept";
  }
  if (earlier_denied || !collector()) return true;
  for (const std::string& name : earlier_names) {
    earlier_asked = true;
    if (!client->subscribe(base_of(name) + "/ack")) return false;  // lost() follows.
  }
  return true;
}

void Uplink::State::lost(int reason, const std::string& why) {
  if (std::exchange(earlier_asked, false) && reason == kNotAuthorised) earlier_denied = true;
  asked_rest = client == nullptr ? Duration{} : client->rest();
  if (notice && std::exchange(notice->token, 0) != 0 && ++notices_lost == kNoticesLostMax)
    notice.reset();
  const bool was_good = std::exchange(up, false) && clock.now() - up_since >= kProven;
  if (was_good) {
    back_off.reset();
    brokers.proved_good();
    if (brokers.on_primary()) {
      return_after = options.return_every;
      came_back = false;
    }
  }
  probe.reset();
  ticker->stop();
  for (std::size_t i = 0; i < lanes.size(); ++i) lose(static_cast<LaneIndex>(i));
  if (stopping) {
    stopped = true;
    timer->stop();
    return;
  }
  const bool goes_back = std::exchange(returns, false);
  if (goes_back) {
    brokers.go_back();
    came_back = true;
    try_next_broker();
  }
  if (closed()) return retry(kClosedLook, link_text);
  if (goes_back) return retry(Duration{0}, why);
  ++tries;
  if (reason == kUnsupportedVersion && tried == 5) {
    version = 4;
    return retry(Duration{0}, why);
  }
  if (reason == kUnsupportedVersion) version = 5;
  if (brokers.on_primary()) away = why;
  if (was_good || !brokers.failed()) return retry(back_off.next(random), why);
  // It took a connection, and nothing more.
  if (std::exchange(came_back, false))
    return_after = std::min(return_after * 2, std::max(kReturnMax, options.return_every));
  try_next_broker();
  retry(brokers.on_primary() ? back_off.next(random) : options.back_off_min, why);
}

// What was learnt of the last one does not count.
void Uplink::State::try_next_broker() {
  version = 5;
  answered = earlier_denied = false;
  tries = 0;
  asked_rest = {};
  renews_client = true;
}

// Moves back while the fall-back still works, and loses nothing but what is in flight: that is sent again.
void Uplink::State::look_at_primary(Instant now) {
  if (brokers.on_primary() || returns) return;
  if (probe != nullptr && probe->answer() != PrimaryProbe::Answer::none) {
    returns = probe->answer() == PrimaryProbe::Answer::yes;
    probe.reset();
    if (!returns) return;
    say_status("offline");
    client->disconnect();
    return;
  }
  if (now - probed_at < std::max(return_after, probe ? kConnectMax : Duration{})) return;
  probed_at = now;
  if (!pays_for_probe()) return;
  MqttConnect to = how_to_connect();
  to.broker = brokers.primary();
  probe = std::make_unique<PrimaryProbe>(make_client, std::move(to));
}

// By the interface that leads to the primary.
bool Uplink::State::pays_for_probe() {
  const bool asks = interface && !options.budget.interfaces.empty();
  if (asks) budget.leaves_by(interface(first_hop(brokers.primary())));
  const bool open = budget.closed() == Budget::Closed::no;
  if (open) {
    budget.spend(traffic::kAttempt + traffic::connection(tls::spoken(brokers.primary())) +
                 (options.proxy.used() ? traffic::kProxy : 0));
  }
  if (asks) budget.leaves_by(health.interface);
  return open;
}

void Uplink::State::retry(Duration after, const std::string& why) {
  health.state = UplinkHealth::State::waiting;
  link_text = why;
  timer->start(std::max(after, asked_rest));
  asked_rest = {};
}

void Uplink::State::due() {
  if (stopping) return;
  if (health.state != UplinkHealth::State::connecting) return connect();
  client.reset();
  lost(0, "the connection attempt to " + without_query(broker()) + " hangs: check the network");
}

// Goodbye is said while there is something left for it.
void Uplink::State::look_at_budget(Instant now) {
  for (; now - pinged >= options.keep_alive; pinged = pinged + options.keep_alive) {
    if (!is_http(broker())) budget.spend(traffic::ping(tls));
  }
  if (!closed()) return;
  say_status("offline");
  up = false;
  client->disconnect();
}

void Uplink::State::tick() {
  ticker->start(tick_every);
  const Instant now = clock.now();
  if (up) look_at_budget(now);
  if (up) look_at_primary(now);
  if (!up) return;
  bool rested = false, silent = false;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    Lane& lane = lanes[i];
    if (lane.rests_until != Instant{} && now >= lane.rests_until) {
      lane.rests_until = {};
      rested = true;
    }
    if (look_for_acks(lane, static_cast<LaneIndex>(i), now)) silent = true;
    look_at_waiting(static_cast<LaneIndex>(i));
  }
  if (silent) {
    window.halve();
    // The same hello asks for all of them.
    for (Lane& lane : lanes) {
      if (lane.flight.in_flight() == 0 || lane.probed) continue;
      lane.probed = true;
      lane.probed_at = now;
    }
  }
  // After a rest: before a whole window goes into a topic without a reader again.
  if (rested || silent || hello_due(now)) say_hello(rested);
  if (now - status_at >= (budget.bounded() ? kStatusRarely : kStatusEvery)) {
    status_at = now;
    if (format(StatusMessage{options.gateway, "online", marks(options.gateway)}) != status_said)
      say_status("online");
  }
  say_notice();
  pump();
}

std::string Uplink::State::proved(std::string line) const {
  proof.sign(line);
  return line;
}

void Uplink::State::say(const std::string& topic, const std::string& text, bool retained) {
  tell(topic, proved(text), retained);
}

void Uplink::State::tell(const std::string& topic, const std::string& line, bool retained) {
  last_said = 0;
  if (only_data()) return;
  MqttPublish publish;
  publish.topic = topic;
  publish.payload = as_bytes(line);
  publish.retained = retained && session.retain_available;
  if (!retained) publish.expiry = kExpiry;
  pay_for_silence();
  budget.spend(cost(topic.size(), line.size()));
  // Refused here: the next connection, or the next minute, says it again.
  last_said = client->publish(publish).value_or(0);
}

void Uplink::State::say_hello(bool wait_for_answer, std::optional<HelloAnswer> answer) {
  hello_at = clock.now();
  hello_asked.reset();
  if (!clock_trusted && !answer) hello_asked = hello_at;
  const auto greet = [&](const std::string& name) {
    const HelloMessage hello{name, options.generation, marks(name),
                             HelloClock{clock.boot(), hello_at, clock_trusted}, answer};
    say(base_of(name) + "/hello", format(hello), false);
  };
  if (!earlier_denied) std::ranges::for_each(earlier_names, greet);
  greet(options.gateway);
  hello_token = last_said;
  if (!collector() || !wait_for_answer) return;
  const Instant now = clock.now();
  for (Lane& lane : lanes) {
    const bool nothing = lane.flight.acked() == 0 && lane.flight.committed_last() == 0;
    if (lane.flight.in_flight() == 0 && !nothing) lane.answer_until = now + options.ack_timeout / 3;
  }
}

bool Uplink::State::announces() const {
  return up && !notice && !is_http(broker()) && notices_lost < kNoticesLostMax;
}

void Uplink::State::say_notice() {
  if (!up || !notice || notice->token != 0) return;
  if (is_http(broker()) || notice->text.size() > envelope_bytes_max()) return notice.reset();
  tell(notice->topic, notice->text, true);
  notice->token = last_said;
}

bool Uplink::State::hello_due(Instant now) const {
  const Duration every = hello_way > kWayGood ? kHelloAgain : kHelloEvery;
  return !clock_trusted && collector() && now - hello_at >= every;
}

void Uplink::State::hello_answered(const HelloEcho& echo) {
  if (clock_trusted || echo.at != hello_asked) return;
  hello_way = clock.now() - echo.at;
  say_hello(false, HelloAnswer{echo, hello_way});
}

void Uplink::State::say_status(const char* state) {
  status_said = format(StatusMessage{options.gateway, state, marks(options.gateway)});
  status_at = clock.now();
  say(base_of(options.gateway) + "/status", status_said, true);
}

std::vector<LaneMark> Uplink::State::marks(const std::string& gateway) const {
  std::vector<LaneMark> all;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const LaneFlight& flight = lanes[i].flight;
    if (!flight.epoch_known() || gateway_of(i) != gateway) continue;
    all.push_back(
        {options.lanes[i].name, flight.epoch(), flight.acked() + 1, flight.committed_last()});
  }
  return all;
}

}  // namespace pinaflux
