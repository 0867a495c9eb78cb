// The ways out: the first one, and those that have names.
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
void build_output(const Reader& r, UplinkOptions& o, Building& building) {
  const std::string format = r.text("format");
  for (const char* key : {"topic", "json"}) {
    if (r.has(key) &&
        (format == "envelope" || (format == "influx" && key == std::string_view("json")))) {
      building.findings.error(r.key_place(key), "this is for another format",
                              "remove it, or set uplink.format");
    }
  }
  if (r.boolean("gzip") && format == "envelope") {
    building.findings.error(r.value_place("gzip"), "envelopes are compressed already",
                            "remove 'gzip', or set uplink.format to json or influx");
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

void build_proxy(const Reader& r, Proxy& proxy, Building& building) {
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

UplinkOptions build_uplink(const Reader& r, const std::string& name, Building& building) {
  UplinkOptions o;
  o.name = name;
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
  build_proxy(r, o.proxy, building);
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
  o.properties = r.boolean("properties");
  o.dictionaries = r.boolean("dictionaries");
  o.keys = {r.text("mac"), r.text("sign"), r.texts("acks_by")};
  build_output(r, o, building);
  if (o.dictionaries && o.ack != UplinkOptions::Ack::collector) {
    building.findings.error(r.value_place("dictionaries"), "only our collector keeps dictionaries",
                            "remove 'dictionaries', so that each batch stands alone");
  }
  o.batch_age = r.duration("batch_age");
  o.keep_alive = r.duration("keep_alive");
  o.back_off_max = r.duration("back_off_max");
  o.back_off_min = std::min(o.back_off_min, o.back_off_max);
  o.generation = building.to.generation;
  return o;
}

void unknown_uplink(const Reader& lane, const std::string& name, const Building& building) {
  std::vector<std::string_view> candidates;
  for (const UplinkOptions& uplink : building.to.uplinks) candidates.push_back(uplink.name);
  const auto meant = closest(name, candidates);
  building.findings.error(
      lane.value_place("uplink"), "there is no uplink '" + printable(name, 40) + "'",
      meant ? "did you mean '" + std::string(*meant) + "'?"
            : "add it: uplinks: {" + printable(name, 40) + ": {broker: ADDRESS}}");
}

// Each lane to the uplink that it names. Without a section of lanes there is one lane.
void give_lanes(const Reader& root, Building& building) {
  auto& uplinks = building.to.uplinks;
  const auto lanes = root.names("lanes");
  for (const PipelineLane& lane : building.to.pipeline.lanes) {
    const auto given = std::ranges::find(lanes, lane.name, &Named::name);
    const std::string name =
        given == lanes.end() ? UplinkOptions::kFirst : given->reader.text("uplink");
    const auto at = std::ranges::find(uplinks, name, &UplinkOptions::name);
    if (at == uplinks.end()) {
      unknown_uplink(given->reader, name, building);
    } else {
      at->lanes.push_back({lane.name});
    }
  }
}

// A thing that the process has once.
void check_websockets(const Reader& root, Building& building) {
  const auto uses = [](const Reader& r) {
    return r.address("broker").starts_with("ws") || r.address("fallback").starts_with("ws");
  };
  bool used = uses(root.section("uplink"));
  for (const auto& [name, r] : root.names("uplinks")) {
    if (!std::exchange(used, used || uses(r)) || !uses(r)) continue;
    building.findings.error(r.value_place("broker"),
                            "one connection at a time speaks WebSocket, and another uplink does",
                            "write tls://HOST:PORT for one of them");
  }
}

void check_proof_keys(const Reader& root, const Reader& r, Findings& findings) {
  for (const char* key : {"mac", "sign", "acks_by"}) check_key(root, r, key, findings);
}

}  // namespace

void build_uplinks(const Reader& root, Building& building) {
  auto& uplinks = building.to.uplinks;
  const Reader first = root.section("uplink");
  check_proof_keys(root, first, building.findings);
  uplinks.push_back(build_uplink(first, UplinkOptions::kFirst, building));
  for (const auto& [name, r] : root.names("uplinks")) {
    if (name == UplinkOptions::kFirst) {
      building.findings.error(r.place(), "'uplink' is the name of the first one",
                              "give this another name");
    } else if (uplinks.size() == limits::kUplinksMax) {
      building.findings.error(r.place(),
                              "more than " + std::to_string(limits::kUplinksMax) + " uplinks",
                              "let lanes share some of them");
      break;
    }
    check_proof_keys(root, r, building.findings);
    uplinks.push_back(build_uplink(r, name, building));
  }
  building.to.spool.dictionaries = std::ranges::any_of(uplinks, &UplinkOptions::dictionaries);
  give_lanes(root, building);
  check_websockets(root, building);
  for (const auto& [name, r] : root.names("uplinks")) {
    const auto at = std::ranges::find(uplinks, name, &UplinkOptions::name);
    if (at == uplinks.end() || !at->lanes.empty()) continue;
    building.findings.warning(r.place(), "no lane leaves by uplink '" + name + "'",
                              "name it in a lane, uplink: " + name + ", or remove it");
  }
}

}  // namespace pinaflux::config
