#include <algorithm>

#include "agent/config/build.h"
#include "agent/config/secret.h"
#include "agent/config/units.h"
#include "agent/data/anchor.h"
#include "agent/mask/pattern.h"
#include "platform/base/text.h"
#include "platform/mqtt/packet.h"

namespace pinaflux::config {

namespace {

Format format_of(std::string_view text) {
  if (text == "ndjson") return Format::ndjson;
  if (text == "influx") return Format::influx;
  return text == "raw" ? Format::raw : Format::json;
}

TimeField::Unit unit_of(std::string_view text) {
  using Unit = TimeField::Unit;
  if (text == "s") return Unit::s;
  if (text == "us") return Unit::us;
  if (text == "ns") return Unit::ns;
  return text == "rfc3339" ? Unit::rfc3339 : Unit::ms;
}

class Sources {
 public:
  explicit Sources(Building& building) : building_(building) {}

  void add(const std::string& name, const Reader& r) {
    const std::string type = r.text("type");
    if (type == "mqtt") {
      keep(name, r, mqtt(r));
    } else if (type == "http") {
      keep(name, r, http(r));
    } else if (type == "lines") {
      keep(name, r, lines(r));
    } else if (type == "file") {
      keep(name, r, file(r));
    } else if (type == "system") {
      keep(name, r, system(r));
    }
  }

 private:
  void keep(const std::string& name, const Reader& r, AnySourceOptions any) {
    SourceOptions& o = common(any);
    if (is_own_stream(name)) refuse_own_stream(r.place(), building_.findings);
    o.name = name;
    o.index = static_cast<SourceIndex>(building_.to.sources.size());
    o.stream = r.text("stream");
    check_stream(r, "stream");
    o.format = format_of(r.text("format"));
    if (r.has("time")) {
      o.time = {r.section("time").text("field"), unit_of(r.section("time").text("unit"))};
    }
    if (const auto bytes = r.size("record_max"); bytes > 0) {
      o.record_bytes_max =
          static_cast<std::size_t>(std::min<std::uint64_t>(bytes, limits::kRecordBytesMax));
    }
    building_.to.sources.push_back(std::move(any));
  }

  void check_stream(const Reader& r, std::string_view name) {
    if (is_own_stream(r.text(name))) refuse_own_stream(r.value_place(name), building_.findings);
    if (r.text(name).find_first_of("+#*") == std::string::npos) return;
    building_.findings.error(r.value_place(name), "a stream's name has no wildcards",
                             "write a name such as plant/press");
  }

  MqttSourceOptions mqtt(const Reader& r) {
    MqttSourceOptions o;
    o.broker = r.address("broker");
    o.topics = r.texts("topics");
    check_filters(r);
    o.user = r.text("user");
    o.password = read_secret(building_.files, r, "password", building_.findings);
    if (r.has("password") && !r.has("user")) {
      building_.findings.error(r.key_place("password"), "a password without a user", "add 'user'");
    }
    o.tls = build_tls(r, building_);
    o.client_id = r.text("client_id");
    o.retained = r.boolean("retained");
    o.qos = static_cast<int>(r.integer("qos"));
    return o;
  }

  void check_filters(const Reader& r) {
    const Node* topics = r.node("topics");
    if (topics == nullptr) return;
    const auto check = [&](const Node& node) {
      if (!node.is_scalar() || node.text.empty() || mqtt::valid_topic_filter(node.text)) return;
      building_.findings.error(
          node.place, "this is not a topic filter",
          "+ stands for a whole level, # for all that follow, at the end: plant/+/state, plant/#");
    };
    if (!topics->is_list()) check(*topics);
    for (const Node& item : topics->items) check(item);
  }

  HttpSourceOptions http(const Reader& r) {
    HttpSourceOptions o;
    o.listen = r.address("listen");
    o.token = read_secret(building_.files, r, "token", building_.findings);
    const auto address = parse_address(o.listen).address;
    const bool local = !address || address->host == "localhost" || address->host == "::1" ||
                       address->host.starts_with("127.");
    if (!local && !r.has("token")) {
      building_.findings.warning(r.value_place("listen"),
                                 "whoever reaches this address can write records",
                                 "add token: {file: PATH}, or listen at 127.0.0.1");
    }
    return o;
  }

  LinesSourceOptions lines(const Reader& r) {
    LinesSourceOptions o;
    o.address = r.address("from");
    o.ack_count = r.text("ack") == "count";
    if (o.ack_count && o.address == "stdin:") {
      building_.findings.error(r.key_place("ack"), "standard input cannot be answered",
                               "use unix:// or tcp://, or remove 'ack'");
    }
    return o;
  }

  FileSourceOptions file(const Reader& r) {
    FileSourceOptions o;
    o.path = r.text("path");
    if (o.path.ends_with('/')) {
      building_.findings.error(r.value_place("path"), "the path names a folder",
                               "name a file in it; its last part may hold * and ?");
    } else if (const auto wild = o.path.find_first_of("*?");
               wild != std::string::npos && wild < o.path.rfind('/')) {
      building_.findings.error(r.value_place("path"),
                               "only the last part of a path may hold * and ?",
                               "name one source for each folder");
    }
    o.from =
        r.text("from") == "end" ? FileSourceOptions::From::end : FileSourceOptions::From::start;
    return o;
  }

  SystemSourceOptions system(const Reader& r) {
    SystemSourceOptions o;
    o.every = r.duration("every");
    o.mounts = r.texts("mounts");
    return o;
  }

  Building& building_;
};

}  // namespace

bool is_own_stream(std::string_view stream) {
  return stream == kOwnSource ||
         (stream.starts_with(kOwnSource) && stream.substr(kOwnSource.size()).starts_with('/'));
}

void refuse_own_stream(const Place& place, Findings& findings) {
  findings.error(place, "streams that begin with 'pinaflux' are what the agent says of itself",
                 "choose another name");
}

void build_sources(const Reader& root, Building& building) {
  const auto all = root.names("sources");
  if (root.has("sources") && all.empty()) {
    building.findings.error(root.key_place("sources"), "there is no source",
                            "add one, for example machine: {type: system}");
  }
  if (all.size() > limits::kSourcesMax) {
    building.findings.error(all[limits::kSourcesMax].reader.place(), "more than 64 sources",
                            "join some: a source of type mqtt takes many topics");
    return;
  }
  Sources sources(building);
  for (const auto& [name, reader] : all) sources.add(name, reader);
}

}  // namespace pinaflux::config
