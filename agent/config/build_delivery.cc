#include <algorithm>
#include <utility>

#include "agent/config/build.h"
#include "agent/config/secret.h"
#include "agent/config/units.h"
#include "platform/base/text.h"
#include "platform/http/url.h"

namespace pinaflux::config {

namespace {

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

// Behind the others: nothing comes to it by the pipeline, and nothing of it is sent.
void build_raw_lane(const Reader& root, Building& building) {
  RawLane raw;
  for (const auto& [name, r] : root.names("sources")) {
    raw.sources.push_back(r.text("keep") == "raw" ? name : "");
  }
  if (std::ranges::all_of(raw.sources, &std::string::empty)) return;
  Configuration& to = building.to;
  if (to.spool.lanes.size() == limits::kLanesMax) {
    building.findings.error(root.names("lanes").back().reader.place(),
                            "more than 15 lanes beside `keep: raw`",
                            "what is kept raw takes the place of one: join some");
    return;
  }
  const Reader keep = root.section("spool").section("raw");
  LaneOptions lane{.name = std::string(kRawLane), .when_full = LaneOptions::WhenFull::evict};
  lane.keep = keep.duration("keep");
  lane.bytes_max = keep.has("size_max") ? keep.size("size_max") : to.spool.bytes_max / 4;
  raw.lane = static_cast<LaneIndex>(to.spool.lanes.size());
  to.spool.lanes.push_back(std::move(lane));
  to.raw_lane = std::move(raw);
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
  to.spool.letter_bytes_max = spool.has("dead_letters") ? spool.size("dead_letters") : 0;
  if (to.spool.letter_bytes_max > to.spool.bytes_max / 4) {
    building.findings.error(spool.value_place("dead_letters"),
                            "dead letters would take more than a quarter of the queue",
                            "lower 'dead_letters' or raise 'size_max'");
  }
  build_kept_bytes(spool, building);
  build_raw_lane(root, building);
  to.spool.gateway = to.gateway;
  to.spool.generation = to.generation;
  to.commit_every = spool.duration("commit_every");
  build_uplinks(root, building);
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

// Each once.
std::vector<std::string> brokers_of(const Reader& r) {
  std::vector<std::string> all;
  for (const char* key : {"broker", "fallback"}) {
    const std::string broker = r.has(key) ? r.address(key) : "";
    if (!broker.empty() && !std::ranges::contains(all, broker)) all.push_back(broker);
  }
  return all;
}

std::vector<Claim> clients(const Reader& root) {
  std::vector<Claim> all;
  const std::string gateway = root.section("gateway").text("id");
  const auto claim = [&](const Reader& r, const std::string& by_default, const std::string& who) {
    const std::string id = r.has("client_id") ? r.text("client_id") : by_default;
    for (const std::string& broker : brokers_of(r))
      all.push_back({broker + " " + id, who, r.value_place("client_id")});
    // The first one is tried beside the fall-back.
    if (r.has("fallback"))
      all.push_back({r.address("broker") + " " + id + "-probe", who, r.value_place("client_id")});
  };
  for (const auto& [name, r] : root.names("sources")) {
    if (r.text("type") == "mqtt")
      claim(r, "pinaflux-" + gateway + "-" + name, "source '" + name + "'");
  }
  claim(root.section("uplink"), "pinaflux-" + gateway, "uplink");
  for (const auto& [name, r] : root.names("uplinks"))
    claim(r, "pinaflux-" + gateway + "-uplink-" + name, "uplink '" + name + "'");
  return all;
}

// Hello, status and acks are under it.
std::vector<Claim> roots(const Reader& root) {
  std::vector<Claim> all;
  const auto claim = [&](const Reader& r, const std::string& who) {
    for (const std::string& broker : brokers_of(r)) {
      if (is_http(broker) && r.text("format") != "envelope")
        continue;  // Nothing but data goes there.
      all.push_back({broker + " " + r.text("topic_root"), who, r.value_place("topic_root")});
    }
  };
  claim(root.section("uplink"), "uplink");
  for (const auto& [name, r] : root.names("uplinks")) claim(r, "uplink '" + name + "'");
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
  check_claims(roots(root), building.findings, std::equal_to<>(),
               " say the same topics at one broker",
               "give one of them a topic_root of its own, or its lanes to the other");
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
