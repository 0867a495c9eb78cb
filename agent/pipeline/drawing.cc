#include "agent/pipeline/drawing.h"

#include <algorithm>
#include <set>
#include <span>

#include "agent/pipeline/exact_value.h"
#include "platform/base/json_writer.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::size_t kWhatMax = 60;
constexpr const char* kLate = ".late";        // A window's other port,
constexpr const char* kDrifted = ".drifted";  // and a schema's.

struct Kind {
  const char* name = "pass";
  std::string what;  // In a few words; empty: the name says it.
};

std::string listed(std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string listed(std::span<const std::pair<std::string, std::string>> pairs,
                   const char* between) {
  std::string text;
  for (const auto& [name, value] : pairs) {
    text += (text.empty() ? "" : ", ") + name + between + value;
  }
  return text;
}

// "0.5 s", "90 s": people's units would need a table.
std::string seconds(Duration duration) {
  std::string text;
  append_json_double(text, duration.seconds());
  return text + " s";
}

std::string band(const Deadband& deadband) {
  std::string text;
  const auto part = [&](const char* name, double number, const char* unit) {
    text += name;
    append_json_double(text, number);
    text += unit;
  };
  if (deadband.swing > 0.0) {
    part(" swing ", deadband.swing, "");
  } else if (deadband.percent > 0.0) {
    part(" within ", deadband.percent, " %");
    if (deadband.within > 0.0) part(" or ", deadband.within, "");
  } else {
    part(" within ", deadband.within, "");
  }
  return text;
}

std::string widths(const FieldChanges& changes) {
  std::string text;
  for (const FieldChanges::Field& field : changes.fields) {
    text += (text.empty() ? "" : ", ") + field.name;
    text += band({.within = field.within, .percent = field.percent});
  }
  return text;
}

std::string window(const TimeWindow& window) {
  const bool session = window.gap.ns > 0;
  std::string what =
      session ? "session, gap " + seconds(window.gap) : "every " + seconds(window.every);
  if (!session && window.length.ns > 0) what += ", length " + seconds(window.length);
  if (window.amend_for.ns > 0) what += ", amended for " + seconds(window.amend_for);
  return what + " of " + listed(window.of) + ": " + listed(window.give);
}

Kind kind_of(const NodeKind& node) {
  if (const auto* filter = std::get_if<FieldFilter>(&node)) return {"filter", filter->field};
  if (const auto* where = std::get_if<Condition>(&node)) return {"where", where->where};
  if (const auto* derive = std::get_if<Derive>(&node)) {
    return {"derive", listed(derive->fields, " = ")};
  }
  if (const auto* select = std::get_if<Select>(&node)) {
    return {select->drop ? "drop" : "select", listed(select->fields)};
  }
  if (const auto* script = std::get_if<Script>(&node)) {
    return {"script", std::to_string(script->text.size()) + " bytes of Lua"};
  }
  if (const auto* schema = std::get_if<SchemaCheck>(&node)) {
    static constexpr const char* kDrifts[] = {"evolve", "coerce", "quarantine", "reject"};
    const std::string count = std::to_string(schema->fields.size());
    return {"schema", count + " declared, " + kDrifts[static_cast<std::size_t>(schema->drift)]};
  }
  if (const auto* rename = std::get_if<Rename>(&node)) {
    std::string what = listed(rename->fields, " to ");
    if (!rename->stream.empty()) what += (what.empty() ? "" : ", ") + ("stream " + rename->stream);
    return {"rename", what};
  }
  if (const auto* deadband = std::get_if<Deadband>(&node)) {
    return {"deadband", deadband->field + band(*deadband)};
  }
  if (const auto* its = std::get_if<TimeWindow>(&node)) return {"window", window(*its)};
  if (const auto* dedupe = std::get_if<Dedupe>(&node)) {
    const std::string of = dedupe->keys.empty() ? "all fields" : listed(dedupe->keys);
    return {"dedupe", of + " within " + seconds(dedupe->within)};
  }
  if (const auto* sample = std::get_if<Sample>(&node)) {
    return {"sample", sample->one_in > 0 ? "one in " + std::to_string(sample->one_in)
                                         : "every " + seconds(sample->every)};
  }
  if (const auto* limit = std::get_if<RateLimit>(&node)) {
    return {"limit", std::to_string(limit->rate) + " per " + seconds(limit->per)};
  }
  if (const auto* rate = std::get_if<ChangeRate>(&node)) {
    return {"rate", listed(rate->of) + " per " + seconds(rate->per)};
  }
  if (const auto* convert = std::get_if<Convert>(&node)) {
    std::string what;
    for (const Convert::Field& field : convert->fields) {
      what += (what.empty() ? "" : ", ") + field.name + " " + field.from + " to " + field.to;
    }
    return {"convert", what};
  }
  if (const auto* cast = std::get_if<TypeCast>(&node)) {
    std::string what;
    for (const TypeCast::Field& field : cast->fields) {
      what += (what.empty() ? "" : ", ") + field.name + " to " + field_type_name(field.to);
    }
    return {"cast", what};
  }
  if (const auto* parse = std::get_if<Parse>(&node)) {
    static constexpr const char* kAs[] = {"pairs", "delimited", "json", "pattern"};
    return {"parse", parse->of + " as " + kAs[static_cast<std::size_t>(parse->as)]};
  }
  if (const auto* split = std::get_if<SplitArray>(&node)) {
    return {"split", split->as.empty() ? split->of : split->of + " as " + split->as};
  }
  if (const auto* changes = std::get_if<FieldChanges>(&node)) return {"changes", widths(*changes)};
  if (const auto* alert = std::get_if<Alert>(&node)) {
    return {"alert",
            alert->when + (alert->lasting.ns > 0 ? " for " + seconds(alert->lasting) : "")};
  }
  if (const auto* anomaly = std::get_if<Anomaly>(&node)) {
    std::string what = listed(anomaly->of) + " above ";
    append_json_double(what, anomaly->threshold);
    return {"anomaly", what};
  }
  if (const auto* execd = std::get_if<Execd>(&node)) {
    return {"execd", execd->command.front()};
  }
  if (const auto* merge = std::get_if<Merge>(&node)) {
    return {"merge", listed(merge->streams) + " every " + seconds(merge->every)};
  }
  if (const auto* lookup = std::get_if<Lookup>(&node)) {
    return {"lookup", lookup->of + (lookup->give.empty() ? "" : " for " + listed(lookup->give))};
  }
  return {};
}

// In one line.
std::string shortened(std::string text) {
  if (text.size() > kWhatMax) text = std::string(utf8_prefix(text, kWhatMax)) + "...";
  std::ranges::replace_if(text, [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return text;
}

// "deadband temperature within 0.1"
std::string spoken(const NodeKind& node) {
  const Kind kind = kind_of(node);
  return kind.name + (kind.what.empty() ? "" : " " + shortened(kind.what));
}

class Text {
 public:
  explicit Text(const PipelineOptions& options) : options_(options) {}

  std::string draw() {
    for (const std::string& source : options_.sources) {
      text_ += source + "\n";
      outputs(source, 1);
    }
    return std::move(text_);
  }

 private:
  void outputs(const std::string& name, std::size_t depth) {
    std::size_t count = 0;
    for (const NodeOptions& node : options_.nodes) {
      if (!takes(node.from, name)) continue;
      ++count;
      const bool again = !drawn_.insert(node.name).second;
      line(depth, node.name + ": " + spoken(node.kind) + (again ? " (see above)" : ""));
      if (!again) outputs(node.name, depth + 1);
    }
    for (const PipelineLane& lane : options_.lanes) {
      if (!takes(lane.from, name)) continue;
      ++count;
      const bool main = std::ranges::contains(lane.from, name);
      const bool late = std::ranges::contains(lane.from, name + kLate);
      line(depth, "-> " + lane.name +
                      (main   ? ""
                       : late ? " (what is late)"
                              : " (what has drifted)"));
    }
    if (count == 0) line(depth, "(no lane takes it)");
  }

  // From one of its ports.
  static bool takes(const std::vector<std::string>& from, const std::string& name) {
    return std::ranges::contains(from, name) || std::ranges::contains(from, name + kLate) ||
           std::ranges::contains(from, name + kDrifted);
  }

  void line(std::size_t depth, const std::string& text) {
    text_ += std::string(2 * depth, ' ') + text + "\n";
  }

  const PipelineOptions& options_;
  std::set<std::string> drawn_;
  std::string text_;
};

// Both languages want names without spaces for what they draw: s0, n0, l0.
class Diagram {
 public:
  Diagram(const PipelineOptions& options, bool mermaid) : options_(options), mermaid_(mermaid) {}

  std::string draw() {
    text_ = mermaid_ ? "flowchart LR\n" : "digraph pipeline {\n  rankdir=LR;\n";
    for (std::size_t i = 0; i < options_.sources.size(); ++i) {
      box(id('s', i), options_.sources[i], Form::source);
    }
    for (std::size_t i = 0; i < options_.nodes.size(); ++i) {
      const NodeOptions& node = options_.nodes[i];
      box(id('n', i), node.name + ": " + spoken(node.kind), Form::node);
      arrows(node.from, id('n', i));
    }
    for (std::size_t i = 0; i < options_.lanes.size(); ++i) {
      box(id('l', i), options_.lanes[i].name, Form::lane);
      arrows(options_.lanes[i].from, id('l', i));
    }
    return std::move(text_) + (mermaid_ ? "" : "}\n");
  }

 private:
  enum class Form { source, node, lane };

  static std::string id(char kind, std::size_t number) { return kind + std::to_string(number); }

  void box(const std::string& id, const std::string& label, Form form) {
    static constexpr const char* kMermaid[][2] = {{"([", "])"}, {"[", "]"}, {"[(", ")]"}};
    static constexpr const char* kDot[] = {"ellipse", "box", "cylinder"};
    const auto at = static_cast<std::size_t>(form);
    if (mermaid_) {
      text_ += "  " + id + kMermaid[at][0] + quoted(label) + kMermaid[at][1] + "\n";
    } else {
      text_ += "  " + id + " [shape=" + kDot[at] + ", label=" + quoted(label) + "];\n";
    }
  }

  void arrows(const std::vector<std::string>& from, const std::string& to) {
    std::set<std::string> seen;
    for (const std::string& name : from) {
      if (!seen.insert(name).second) continue;
      text_ += "  " + id_of(name) + (mermaid_ ? " --> " : " -> ") + to + (mermaid_ ? "\n" : ";\n");
    }
  }

  std::string id_of(const std::string& name) const {
    const auto source = std::ranges::find(options_.sources, name);
    if (source != options_.sources.end()) {
      return id('s', static_cast<std::size_t>(source - options_.sources.begin()));
    }
    const auto node = std::ranges::find_if(options_.nodes, [&](const NodeOptions& its) {
      return its.name == name || its.name + kLate == name || its.name + kDrifted == name;
    });
    return id('n', static_cast<std::size_t>(node - options_.nodes.begin()));
  }

  std::string quoted(const std::string& label) const {
    std::string text = "\"";
    for (char c : label) {
      if (c == '"') {
        text += mermaid_ ? "#quot;" : "\\\"";
      } else if (c == '\\' && !mermaid_) {
        text += "\\\\";
      } else {
        text += c;
      }
    }
    return text + "\"";
  }

  const PipelineOptions& options_;
  const bool mermaid_;
  std::string text_;
};

void names(JsonWriter& j, std::string_view key, std::span<const std::string> list) {
  j.key(key).begin_array();
  for (const std::string& name : list) j.string(name);
  j.end_array();
}

std::string json(const PipelineOptions& options) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.graph/1");
  names(j, "sources", options.sources);
  j.key("nodes").begin_array();
  for (const NodeOptions& node : options.nodes) {
    const Kind kind = kind_of(node.kind);
    j.begin_object().key("name").string(node.name).key("kind").string(kind.name);
    j.key("what").string(kind.what);
    names(j, "from", node.from);
    j.end_object();
  }
  j.end_array().key("lanes").begin_array();
  for (const PipelineLane& lane : options.lanes) {
    j.begin_object().key("name").string(lane.name);
    names(j, "from", lane.from);
    j.end_object();
  }
  return j.end_array().end_object().take() + "\n";
}

}  // namespace

std::optional<Drawing> drawing_of(std::string_view name) {
  if (name == "text") return Drawing::text;
  if (name == "mermaid") return Drawing::mermaid;
  if (name == "dot") return Drawing::dot;
  if (name == "json") return Drawing::json;
  return std::nullopt;
}

std::string draw(const PipelineOptions& options, Drawing as) {
  switch (as) {
    case Drawing::text: return Text(options).draw();
    case Drawing::json: return json(options);
    case Drawing::mermaid: break;
    case Drawing::dot: break;
  }
  return Diagram(options, as == Drawing::mermaid).draw();
}

}  // namespace pinaflux
