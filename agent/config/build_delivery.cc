#include <algorithm>
#include <utility>

#include "agent/config/build.h"
#include "agent/config/secret.h"
#include "agent/config/units.h"
#include "platform/base/text.h"
#include "platform/http/url.h"
#include "platform/mqtt/packet.h"

namespace pinaflux::config {

namespace {

// A MAC's key proves both ways; a signature's each but one.
void check_proof(const Reader& r, const UplinkOptions& o, Findings& findings) {
  const bool by_collector = o.ack == UplinkOptions::Ack::collector;
  if (!o.keys.mac.empty() && !o.keys.sign.empty()) {
    findings.error(r.value_place("sign"), "what is sent carries a MAC or a signature, not both",
                   "remove 'mac', or 'sign'");
  }
  if (!o.keys.mac.empty() && !o.keys.acks_by.empty()) {
    findings.error(r.value_place("acks_by"), "acks carry a MAC by the key that 'mac' names",
                   "remove 'acks_by'; or 'mac', and add 'sign'");
  }
  if (!by_collector && !o.keys.mac.empty()) {
    findings.error(r.value_place("ack"),
                   "what a broker answers carries no MAC: it could delete by that",
                   "remove 'ack', so that the collector's acks count, or 'mac'");
  }
  if (!by_collector && !o.keys.acks_by.empty()) {
    findings.error(r.value_place("ack"),
                   "what a broker answers is not signed: it could delete by that",
                   "remove 'ack', so that the collector's acks count, or 'acks_by'");
  }
  if (by_collector && o.keys.mac.empty() && !o.keys.sign.empty() && o.keys.acks_by.empty()) {
    findings.warning(r.value_place("sign"),
                     "acks are believed without a proof: whoever writes to the broker can delete",
                     "let the collector sign (--sign-key), and name its public key: acks_by: NAME");
  }
}

// For receivers that know no envelopes: nobody acknowledges or proves then.
void build_output(const Reader& r, Building& building) {
  UplinkOptions& o = building.to.uplink;
  const std::string format = r.text("format");
  for (const char* key : {"topic", "json"}) {
    if (r.has(key) &&
        (format == "envelope" || (format == "influx" && key == std::string_view("json")))) {
      building.findings.error(r.key_place(key), "this is for another format",
                              "remove it, or set uplink.format");
    }
  }
  if (r.boolean("gzip") && (format == "envelope" || !is_http(r.address("broker")))) {
    building.findings.error(
        r.value_place("gzip"),
        format == "envelope" ? "envelopes are compressed already" : "MQTT has no word for that",
        "remove 'gzip', or post: broker: https://HOST/PATH, with format json or influx");
  }
  if (format == "envelope") return check_proof(r, o, building.findings);
  o.output.gzip = r.boolean("gzip");
  o.output.format = format == "json" ? OutputFormat::json : OutputFormat::influx;
  o.output.shape = r.text("json") == "array"     ? JsonShape::array
                   : r.text("json") == "message" ? JsonShape::message
                                                 : JsonShape::lines;
  o.output.topic =
      r.has("topic") ? r.text("topic") : o.topic_root + "/{gateway}/" + format + "/{stream}";
  if (const char* wrong = wrong_topic_template(o.output.topic)) {
    building.findings.error(r.value_place("topic"), wrong,
                            "write for example plant/{gateway}/{stream}");
  }
  if (r.has("ack") && o.ack == UplinkOptions::Ack::collector) {
    building.findings.error(r.value_place("ack"), "our collector reads envelopes only",
                            "remove 'ack', or 'format'");
  }
  for (const char* key : {"mac", "sign", "acks_by"}) {
    if (!r.has(key)) continue;
    building.findings.error(r.value_place(key),
                            "a proof is for envelopes, which our collector reads",
                            std::string("remove '") + key + "', or 'format'");
  }
  o.ack = UplinkOptions::Ack::broker;
}

// Whoever takes envelopes learns from the path whose they are.
std::string broker_of(const Reader& r, const char* key) {
  std::string address = r.address(key);
  if (!is_http(address) || r.text("format") != "envelope" || address.contains(HttpUrl::kTopic))
    return address;
  const std::size_t query = std::min(address.find('?'), address.size());
  const bool slash = query > 0 && address[query - 1] == '/';
  return address.insert(query, (slash ? "" : "/") + std::string(HttpUrl::kTopic));
}

void build_proxy(const Reader& r, Building& building) {
  Proxy& proxy = building.to.uplink.proxy;
  Findings& findings = building.findings;
  proxy.address = r.address("proxy");
  proxy.user = r.text("proxy_user");
  proxy.password = read_secret(building.files, r, "proxy_password", findings);
  if (proxy.user.contains(':')) {
    findings.error(r.value_place("proxy_user"), "a user name at a proxy holds no ':'",
                   "the password has a key of its own, 'proxy_password'");
  }
  for (const auto& [key, needs] :
       {std::pair("proxy_user", "proxy"), std::pair("proxy_password", "proxy_user")}) {
    if (r.has(key) && !r.has(needs)) {
      findings.error(r.key_place(key), "'" + std::string(key) + "' without '" + needs + "'",
                     "add '" + std::string(needs) + "', or remove this");
    }
  }
}

void build_uplink(const Reader& r, Building& building) {
  UplinkOptions& o = building.to.uplink;
  o.broker = broker_of(r, "broker");
  if (r.has("fallback")) o.fallbacks = {broker_of(r, "fallback")};
  if (o.broker.starts_with("ws") && r.has("fallback") && o.fallbacks[0].starts_with("ws")) {
    building.findings.error(
        r.value_place("fallback"),
        "one connection at a time speaks WebSocket, and the first broker is tried beside this",
        "write tls://HOST:PORT for one of them");
  }
  o.return_every = r.duration("return_every");
  o.client_id = r.text("client_id");
  o.user = r.text("user");
  o.password = read_secret(building.files, r, "password", building.findings);
  if (r.has("password") && !r.has("user")) {
    building.findings.error(r.key_place("password"), "a password without a user", "add 'user'");
  }
  build_proxy(r, building);
  o.tls = build_tls(r, building);
  o.gateway = building.to.gateway;
  o.topic_root = r.text("topic_root");
  if (!mqtt::valid_topic_name(o.topic_root) || o.topic_root.starts_with('$') ||
      o.topic_root.ends_with('/')) {
    building.findings.error(r.value_place("topic_root"), "a topic cannot begin with this",
                            "write a name without + # and $, for example pinaflux");
  }
  o.ack = r.text("ack") == "broker" ? UplinkOptions::Ack::broker : UplinkOptions::Ack::collector;
  o.window = static_cast<std::size_t>(
      std::clamp<std::int64_t>(r.integer("window"), 1, limits::kWindowMax));
  o.keys = {r.text("mac"), r.text("sign"), r.texts("acks_by")};
  build_output(r, building);
  o.batch_age = r.duration("batch_age");
  o.keep_alive = r.duration("keep_alive");
  o.back_off_max = r.duration("back_off_max");
  o.back_off_min = std::min(o.back_off_min, o.back_off_max);
  o.generation = building.to.generation;
  for (const auto& lane : building.to.spool.lanes) o.lanes.push_back({lane.name});
}

void check_spool_keys(const Reader& root, const Reader& spool, Findings& findings) {
  check_key(root, spool, "key", findings);
  check_key(root, spool, "key_previous", findings);
  if (spool.has("key_previous") && spool.text("key_previous") == spool.text("key")) {
    findings.error(spool.value_place("key_previous"), "'key' and 'key_previous' are the same key",
                   "remove 'key_previous', or name the earlier key");
  }
}

// Raw bytes are not masked: they may lie on the disk in cipher text only.
void build_kept_bytes(const Reader& spool, Building& building) {
  if (!spool.boolean("keep_refused")) return;
  if (spool.text("key").empty()) {
    building.findings.error(
        spool.value_place("keep_refused"),
        "bytes that could not be read are not masked: they are kept encrypted, or not at all",
        "name a key for the queue: spool: {key: NAME, ...} and keys: {NAME: {file: PATH}}; or "
        "remove 'keep_refused'");
    return;
  }
  for (AnySourceOptions& source : building.to.sources) common(source).keep_refused = true;
}

}  // namespace

void build_delivery(const Reader& root, Building& building) {
  Configuration& to = building.to;
  to.gateway = root.section("gateway").text("id");
  to.clock = root.section("gateway").text("clock") == "plausible" ? ClockRule::plausible
                                                                  : ClockRule::synchronised;
  const Reader spool = root.section("spool");
  to.spool.directory = spool.text("path");
  while (to.spool.directory.size() > 1 && to.spool.directory.ends_with('/'))
    to.spool.directory.pop_back();
  to.spool.bytes_max = spool.size("size_max");
  to.spool.key = spool.text("key");
  to.spool.key_previous = spool.text("key_previous");
  check_spool_keys(root, spool, building.findings);
  for (const char* key : {"mac", "sign", "acks_by"})
    check_key(root, root.section("uplink"), key, building.findings);
  to.spool.letter_bytes_max = spool.has("dead_letters") ? spool.size("dead_letters") : 0;
  if (to.spool.letter_bytes_max > to.spool.bytes_max / 4) {
    building.findings.error(spool.value_place("dead_letters"),
                            "dead letters would take more than a quarter of the queue",
                            "lower 'dead_letters' or raise 'size_max'");
  }
  build_kept_bytes(spool, building);
  to.spool.gateway = to.gateway;
  to.spool.generation = to.generation;
  to.commit_every = spool.duration("commit_every");
  build_uplink(root.section("uplink"), building);
  build_budgets(root, building);
  const Reader control = root.section("control");
  to.control.socket = control.text("socket");
  to.control.listen = control.text("listen").empty() ? "" : control.address("listen");
}

namespace {

// Everything that wants a thing for itself, and where it says so.
struct Claim {
  std::string thing;
  std::string who;
  Place place;
};

bool is_any(std::string_view host) { return host == "0.0.0.0" || host == "::" || host == "*"; }

bool collide(const std::string& a, const std::string& b) {
  const auto x = parse_address(a).address, y = parse_address(b).address;
  if (!x || !y || x->kind != y->kind) return false;
  if (x->kind == Address::Kind::unix_socket) return x->path == y->path;
  if (x->kind == Address::Kind::standard_input) return true;
  return x->port == y->port && x->port != 0 &&
         (x->host == y->host || is_any(x->host) || is_any(y->host));
}

std::vector<Claim> listeners(const Reader& root) {
  std::vector<Claim> all;
  for (const auto& [name, r] : root.names("sources")) {
    const std::string type = r.text("type");
    if (type == "http")
      all.push_back({r.address("listen"), "source '" + name + "'", r.value_place("listen")});
    if (type == "lines")
      all.push_back({r.address("from"), "source '" + name + "'", r.value_place("from")});
  }
  const Reader control = root.section("control");
  if (const auto socket = control.text("socket"); !socket.empty()) {
    all.push_back({"unix://" + socket, "control.socket", control.value_place("socket")});
  }
  if (!control.text("listen").empty()) {
    all.push_back({control.address("listen"), "control.listen", control.value_place("listen")});
  }
  return all;
}

std::vector<Claim> clients(const Reader& root) {
  std::vector<Claim> all;
  const std::string gateway = root.section("gateway").text("id");
  const auto claim = [&](const Reader& r, const std::string& fallback, std::string who) {
    const std::string id = r.has("client_id") ? r.text("client_id") : fallback;
    if (const auto broker = r.address("broker"); !broker.empty()) {
      all.push_back({broker + " " + id, std::move(who), r.value_place("client_id")});
    }
  };
  for (const auto& [name, r] : root.names("sources")) {
    if (r.text("type") == "mqtt")
      claim(r, "pinaflux-" + gateway + "-" + name, "source '" + name + "'");
  }
  claim(root.section("uplink"), "pinaflux-" + gateway, "uplink");
  return all;
}

template <class Same>
void check_claims(const std::vector<Claim>& claims, Findings& findings, Same same, const char* what,
                  const char* fix) {
  for (std::size_t i = 1; i < claims.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!same(claims[i].thing, claims[j].thing)) continue;
      const bool written = claims[i].place.line > 0;
      const Place& place = written ? claims[i].place : claims[j].place;
      findings.error(place, claims[j].who + " and " + claims[i].who + what, fix);
      break;
    }
  }
}

}  // namespace

void check_addresses(const Reader& root, Building& building) {
  check_claims(listeners(root), building.findings, collide, " listen at the same address",
               "give one of them another");
  check_claims(clients(root), building.findings, std::equal_to<>(),
               " log in at one broker under one client id",
               "they would throw each other out: give one of them another client_id");
}

namespace {

constexpr std::uint64_t kSmall = 64ull * 1024 * 1024;

std::string parent(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace

void check_spool_place(const Reader& root, Building& building) {
  const SpoolOptions& options = building.to.spool;
  const Reader spool = root.section("spool");
  Findings& findings = building.findings;
  if (options.bytes_max < kSmall) {
    findings.warning(spool.value_place("size_max"), "the queue is small: an outage fills it soon",
                     "64MiB or more; 512MiB hold days of most gateways");
  }
  std::string there = options.directory;
  while (there != "/" && !building.files.info(there)) there = parent(there);
  const auto system = building.files.file_system(there);
  if (!system) return;
  if (system->in_memory) {
    findings.warning(spool.value_place("path"), "the queue is in memory: a power cut empties it",
                     "choose a folder on a disk or a card, for example /var/lib/pinaflux");
  }
  std::uint64_t own = 0;
  for (const char* name : {"/spool.db", "/spool.db-wal"}) {
    if (const auto info = building.files.info(options.directory + name)) own += info->bytes_on_disk;
  }
  if (system->bytes_free + own < options.bytes_max) {
    findings.warning(spool.value_place("size_max"),
                     "the file system has less room than the queue may take: " +
                         format_size((system->bytes_free + own) >> 20 << 20) + " are free",
                     "make room, or lower 'size_max'");
  }
}

}  // namespace pinaflux::config
