// Nodes are read one by one; then their names are tied together. A cycle is reported once, at the `from`
// that closes it, with all its names. A node that reaches no lane is an error: what it is asked to do, nobody gets. A
// source that reaches none is a warning: it may be there for what is being built.
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "agent/config/build.h"
#include "agent/config/scalars.h"
#include "agent/pipeline/expression.h"
#include "agent/pipeline/graph.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

std::string quoted(std::string_view name) { return "'" + printable(name, 40) + "'"; }

void each_text(const Reader& r, std::string_view name,
               const std::function<void(const Node&)>& visit) {
  const Node* node = r.node(name);
  if (node == nullptr) return;
  if (node->is_scalar()) visit(*node);
  for (const Node& item : node->items) {
    if (item.is_scalar()) visit(item);
  }
}

class Nodes {
 public:
  explicit Nodes(Building& building) : building_(building), findings_(building.findings) {}

  NodeOptions read(const std::string& name, const Reader& r) {
    NodeOptions node{.name = name, .from = r.texts("from"), .kind = PassThrough{}};
    if (r.has("filter")) {
      node.kind = filter(r.section("filter"));
    } else if (r.has("rename")) {
      node.kind = rename(r.section("rename"));
    } else if (r.has("deadband")) {
      node.kind = build_deadband(r.section("deadband"), findings_);
    } else if (r.has("where")) {
      check_expression(*r.node("where"), findings_);
      node.kind = Condition{r.text("where")};
    } else if (r.has("derive")) {
      node.kind = derive(*r.node("derive"));
    } else if (r.has("select") || r.has("drop")) {
      const bool drop = r.has("drop");
      node.kind = Select{r.texts(drop ? "drop" : "select"), drop};
    } else if (r.has("window")) {
      node.kind = build_window(r.section("window"), findings_);
    } else if (r.has("dedupe")) {
      node.kind = build_dedupe(r.section("dedupe"));
    } else if (r.has("sample")) {
      node.kind = build_sample(r.section("sample"));
    } else if (r.has("limit")) {
      node.kind = build_limit(r.section("limit"));
    } else if (r.has("rate")) {
      node.kind = build_rate(r.section("rate"), findings_);
    } else if (r.has("changes")) {
      node.kind = build_changes(r.section("changes"), findings_);
    } else if (r.has("script")) {
      node.kind = build_script(r.section("script"), building_);
    } else if (r.has("schema")) {
      node.kind = build_schema(r.section("schema"), findings_);
    } else if (r.has("convert")) {
      node.kind = build_convert(r, findings_);
    } else if (r.has("cast")) {
      node.kind = build_cast(r, findings_);
    } else if (r.has("parse")) {
      node.kind = build_parse(r.section("parse"), findings_);
    } else if (r.has("split")) {
      node.kind = build_split(r.section("split"));
    } else if (r.has("anomaly")) {
      node.kind = build_anomaly(r.section("anomaly"), findings_);
    } else if (r.has("alert")) {
      node.kind = build_alert(r.section("alert"), findings_);
    } else if (r.has("merge")) {
      node.kind = build_merge(r.section("merge"), findings_);
    } else if (r.has("execd")) {
      node.kind = build_execd(r.section("execd"), building_);
    } else if (r.has("lookup")) {
      node.kind = build_lookup(r.section("lookup"), building_);
    }
    return node;
  }

 private:
  FieldFilter filter(const Reader& r) {
    using Compare = FieldFilter::Compare;
    static constexpr std::pair<const char*, Compare> kComparisons[] = {
        {"equals", Compare::equal}, {"not", Compare::not_equal},
        {"less", Compare::less},    {"at_most", Compare::less_equal},
        {"more", Compare::greater}, {"at_least", Compare::greater_equal},
        {"exists", Compare::exists}};
    FieldFilter f;
    f.field = r.text("field");
    f.keep_missing = r.text("missing") == "keep";
    for (const auto& [name, compare] : kComparisons) {
      const Node* value = r.node(name);
      if (value == nullptr) continue;
      f.compare = compare;
      if (compare != Compare::exists) f.with = read_value(*value);
    }
    if (r.has("exists") && f.keep_missing) {
      findings_.error(r.key_place("missing"), "the filter keeps every record",
                      "remove 'missing: keep', or compare with a value");
    }
    return f;
  }

  Rename rename(const Reader& r) {
    Rename to;
    to.stream = r.text("stream");
    if (is_own_stream(to.stream)) refuse_own_stream(r.value_place("stream"), findings_);
    if (to.stream.find_first_of("+#*") != std::string::npos) {
      findings_.error(r.value_place("stream"), "a stream's name has no wildcards",
                      "write a name such as plant/press");
    }
    if (!r.has("stream") && !r.has("fields")) {
      findings_.error(r.place(), "the node renames nothing",
                      "add fields: {OLD: NEW}, or stream: NAME");
    }
    const Node* fields = r.node("fields");
    if (fields == nullptr) return to;
    std::map<std::string_view, Place> taken;
    for (const Entry& pair : fields->entries) {
      const std::string& name = pair.value.text;
      if (pair.key.size() > limits::kNameBytesMax || name.size() > limits::kNameBytesMax) {
        findings_.error(pair.place, "a field's name is too long", "names have at most 512 bytes");
      }
      const auto [at, fresh] = taken.emplace(name, pair.value.place);
      if (!fresh && !name.empty()) {
        findings_.error(pair.value.place, "two fields would be named " + quoted(name),
                        "the other is at " + at->second.spoken());
      }
      to.fields.emplace_back(pair.key, name);
    }
    return to;
  }

  Derive derive(const Node& fields) {
    Derive d;
    for (const Entry& pair : fields.entries) {
      if (pair.key.empty() || pair.key.size() > limits::kNameBytesMax) {
        findings_.error(pair.place, "this is no name of a field", "names have 1 to 512 bytes");
      }
      check_expression(pair.value, findings_);
      d.fields.emplace_back(pair.key, pair.value.text);
    }
    return d;
  }

  Building& building_;
  Findings& findings_;
};

// Names and who takes from whom.
class Wiring {
 public:
  Wiring(const Reader& root, Findings& findings) : findings_(findings) {
    sources_ = root.names("sources");
    nodes_ = root.names("pipeline");
    lanes_ = root.names("lanes");
    for (const auto& s : sources_) names_.push_back(s.name);
    for (const auto& n : nodes_) add_node(n);
  }

  void check() {
    for (const auto& n : nodes_) inputs(n, true);
    for (const auto& l : lanes_) inputs(l, false);
    for (const auto& n : nodes_) find_cycle(n);
    untaken_ports();
  }

  // What nobody takes from, in the order of its appearance.
  std::vector<std::string> ends() const {
    std::vector<std::string> all;
    for (const auto& name : names_) {
      if (!taken_.contains(name)) all.emplace_back(name);
    }
    return all;
  }

  // Sources and nodes from which no path leads to a lane.
  void dead_ends() {
    if (lanes_.empty()) return;
    std::set<std::string, std::less<>> alive;
    for (const auto& l : lanes_) reach(l.reader, alive);
    const auto unheard = [](const Named& n, const char* kind) {
      return "no lane receives the records of the " + std::string(kind) + " " + quoted(n.name);
    };
    for (const auto& s : sources_) {
      if (alive.contains(s.name)) continue;
      findings_.warning(s.reader.place(), unheard(s, "source"),
                        "add it to 'from' of a lane, or remove it");
    }
    for (const auto& n : nodes_) {
      if (alive.contains(n.name)) continue;
      findings_.error(n.reader.place(), unheard(n, "node"),
                      "add it to 'from' of a lane, or of a node that leads to one, or remove it");
    }
  }

 private:
  void add_node(const Named& node) {
    const auto same = std::ranges::find(sources_, node.name, &Named::name);
    if (same != sources_.end()) {
      findings_.error(node.reader.place(),
                      "a source and a node are both named " + quoted(node.name),
                      "the source is at " + same->reader.place().spoken() + ": rename one of them");
      return;
    }
    names_.push_back(node.name);
    by_name_.emplace(node.name, &node.reader);
    if (node.reader.has("window")) {
      const std::string late = node.name + ".late";
      windows_.insert(late);
      if (node.reader.section("window").text("late") == "pass") {
        add_port(node, late, "the late records of this window come");
      }
    } else if (node.reader.has("schema")) {
      const std::string drifted = node.name + ".drifted";
      schemas_.insert(drifted);
      if (node.reader.section("schema").text("drift") == "quarantine") {
        add_port(node, drifted, "what has drifted comes");
      }
    }
  }

  void add_port(const Named& node, const std::string& port, const std::string& what) {
    const auto is = [&](const Named& other) { return other.name == port; };
    if (std::ranges::any_of(sources_, is) || std::ranges::any_of(nodes_, is)) {
      findings_.error(node.reader.place(), "two things are named " + quoted(port),
                      "that is where " + what + " out: rename the other");
      return;
    }
    names_.push_back(port);
    by_name_.emplace(port, &node.reader);
    ports_.emplace(port, node.name);
  }

  // The node that a name is of: "flow" for "flow.late".
  const std::string& node_of(const std::string& name) const {
    const auto port = ports_.find(name);
    return port == ports_.end() ? name : port->second;
  }

  void untaken_ports() {
    if (lanes_.empty()) return;
    for (const auto& [port, node] : ports_) {
      if (taken_.contains(port)) continue;
      const bool late = windows_.contains(port);
      const Reader its = by_name_.at(node)->section(late ? "window" : "schema");
      findings_.error(its.key_place(late ? "late" : "drift"),
                      late ? "nothing takes the late records" : "nothing takes what has drifted",
                      "add " + quoted(port) + " to 'from' of a lane or a node, or say " +
                          (late ? "late: drop" : "drift: reject"));
    }
  }

  void inputs(const Named& taker, bool node) {
    each_text(taker.reader, "from", [&](const Node& input) {
      if (input.text.empty()) return;
      if (node && node_of(input.text) == taker.name) {
        findings_.error(input.place, "the node takes its own output",
                        "name a source or another node");
        return;
      }
      taken_.insert(input.text);
      if (std::ranges::find(names_, input.text) == names_.end()) unknown(input);
    });
  }

  void unknown(const Node& input) {
    const std::vector<std::string_view> candidates(names_.begin(), names_.end());
    const auto meant = closest(input.text, candidates);
    const bool lane =
        std::ranges::any_of(lanes_, [&](const Named& l) { return l.name == input.text; });
    std::string known = "known here: ";
    for (std::size_t i = 0; i < names_.size() && i < 8; ++i)
      known += (i > 0 ? ", " : "") + names_[i];
    if (names_.size() > 8) known += ", ...";
    findings_.error(input.place, "no source and no node is named " + quoted(input.text),
                    windows_.contains(input.text)
                        ? "that window drops its late records: say late: pass there"
                    : schemas_.contains(input.text)
                        ? "nothing that drifts comes out there: say drift: quarantine"
                    : lane  ? "this is a lane: nothing takes from a lane"
                    : meant ? "did you mean '" + std::string(*meant) + "'?"
                            : known);
  }

  void find_cycle(const Named& node) {
    std::vector<std::string> path;
    follow(node.name, path);
  }

  void follow(const std::string& name, std::vector<std::string>& path) {
    const auto at = by_name_.find(name);
    if (at == by_name_.end() || done_.contains(name)) return;
    path.push_back(name);
    each_text(*at->second, "from", [&](const Node& input) {
      const std::string& next = node_of(input.text);
      const auto seen = std::ranges::find(path, next);
      if (seen == path.end()) {
        follow(next, path);
      } else if (next != name) {
        std::string way;
        for (auto step = seen; step != path.end(); ++step) way += *step + " from ";
        findings_.error(input.place, "the nodes take from each other in a circle",
                        way + next + ": break it at one of them");
      }
    });
    path.pop_back();
    done_.insert(name);
  }

  void reach(const Reader& taker, std::set<std::string, std::less<>>& alive) const {
    for (const auto& name : taker.texts("from")) {
      if (!alive.insert(name).second) continue;
      alive.insert(node_of(name));  // Who takes "flow.late" takes from "flow".
      if (const auto at = by_name_.find(name); at != by_name_.end()) reach(*at->second, alive);
    }
  }

  Findings& findings_;
  std::vector<Named> sources_, nodes_, lanes_;
  std::vector<std::string> names_;
  std::map<std::string, const Reader*, std::less<>> by_name_;  // Nodes and ports.
  std::map<std::string, std::string, std::less<>> ports_;      // "flow.late": "flow".
  std::set<std::string, std::less<>> windows_;  // "flow.late", whether it is there or not.
  std::set<std::string, std::less<>> schemas_;  // "flow.drifted", likewise.
  std::set<std::string, std::less<>> taken_, done_;
};

void build_lanes(const Reader& root, const Wiring& wiring, Building& building) {
  Configuration& to = building.to;
  const auto lanes = root.names("lanes");
  if (lanes.empty()) {
    to.spool.lanes.push_back({.name = "normal"});
    to.pipeline.lanes.push_back({"normal", wiring.ends()});
    return;
  }
  if (lanes.size() > limits::kLanesMax) {
    building.findings.error(lanes[limits::kLanesMax].reader.place(), "more than 16 lanes",
                            "a lane is a class of records, not a source: join some");
    return;
  }
  for (const auto& [name, r] : lanes) {
    LaneOptions lane{.name = name};
    if (name == kRawLane) {
      building.findings.error(r.place(), "a lane cannot be named .raw",
                              "that is where sources with `keep: raw` keep their records");
    }
    if (r.text("when_full") == "evict") lane.when_full = LaneOptions::WhenFull::evict;
    if (r.text("when_full") == "thin") lane.when_full = LaneOptions::WhenFull::thin;
    if (r.has("keep")) lane.keep = r.duration("keep");
    if (r.has("size_max")) lane.bytes_max = r.size("size_max");
    if (r.text("order") == "newest") lane.order = LaneOptions::Order::newest;
    if (r.text("order") == "live") lane.order = LaneOptions::Order::live;
    lane.backlog_share = static_cast<double>(r.integer("backlog_share")) / 100.0;
    if (r.has("backlog_share") && lane.order != LaneOptions::Order::live) {
      building.findings.error(r.place(), "backlog_share without order: live",
                              "say order: live, or leave it out");
    }
    to.spool.lanes.push_back(std::move(lane));
    to.pipeline.lanes.push_back({name, r.texts("from")});
  }
}

}  // namespace

Place place_in(const Node& node, std::size_t at, std::size_t size) {
  const Place& place = node.place;
  const std::string_view line = place.text->line(place.line);
  const std::size_t begin = line.find(node.text, place.column > 0 ? place.column - 1 : 0);
  if (begin == std::string_view::npos || node.text.empty() || size == 0) return place;
  return Place::at(*place.text, place.line, begin + at, static_cast<std::uint32_t>(size));
}

void refuse_regex(const Node& node, std::string_view key, const RegexProgram::Fault& fault,
                  std::string_view explained, Findings& findings) {
  findings.error(place_in(node, std::min(fault.offset, node.text.size() - 1)),
                 joined({"'", key, "' is no expression: ", fault.what}),
                 joined({"at character ", std::to_string(fault.offset + 1),
                         " of it; the syntax: pinaflux config explain ", explained}));
}

void check_expression(const Node& node, Findings& findings) {
  if (const auto made = Expression::compile(node.text); !made) {
    findings.error(place_in(node, made.error().at), made.error().what,
                   "fields are names, texts stand in '...': temperature > 80 AND state = 'run'");
  }
}

void build_pipeline(const Reader& root, Building& building) {
  Configuration& to = building.to;
  Nodes nodes(building);
  for (const auto& source : to.sources) to.pipeline.sources.push_back(source_name(source));
  to.spool.sources = to.pipeline.sources;
  const auto all = root.names("pipeline");
  if (all.size() > Pipeline::kNodesMax) {
    building.findings.error(all[Pipeline::kNodesMax].reader.place(), "more than 1024 nodes",
                            "join some");
    return;
  }
  for (const auto& [name, reader] : all) to.pipeline.nodes.push_back(nodes.read(name, reader));
  Wiring wiring(root, building.findings);
  wiring.check();
  const bool tied = !building.findings.failed();
  if (tied) wiring.dead_ends();
  if (tied) check_types(root, building);
  build_lanes(root, wiring, building);
  if (building.findings.failed()) return;
  if (auto graph = build_graph(to.pipeline); !graph) {
    building.findings.error(root.key_place(root.has("pipeline") ? "pipeline" : "lanes"),
                            graph.error().what, "simplify the paths from sources to lanes");
  }
}

}  // namespace pinaflux::config
