// A path is looked up step by step: a step that the table calls `*` takes any name or number, so that a path
// may be pasted from a finding or written by heart ("mask.0.field", "sources.boiler").
#include "agent/config/explain.h"

#include <algorithm>
#include <vector>

#include "agent/config/keys.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace config {
namespace {

// The rows of a path as an operator wrote it.
std::vector<const Key*> rows_of(std::string_view written) {
  std::vector<const Key*> found;
  const auto steps = split(written, '.');
  for (const Key& key : all_keys()) {
    const auto own = split(key.path, '.');
    const bool same = std::ranges::equal(
        own, steps, [](auto a, auto b) { return a == b || (a == "*" && !b.empty()); });
    if (same) found.push_back(&key);
  }
  return found;
}

// "sources" for "sources.*" and "sources.boiler": the section that is below a name.
std::vector<const Key*> below(std::string_view path) {
  auto keys = keys_below(path);
  if (keys.empty()) keys = keys_below(std::string(path) + ".*");
  return keys;
}

std::string first_sentence(std::string_view doc) {
  const auto end = doc.find(". ");
  return std::string(end == std::string_view::npos ? doc : doc.substr(0, end + 1));
}

std::string list_of(const std::vector<const Key*>& keys) {
  std::size_t width = 0;
  for (const Key* key : keys) width = std::max(width, last_step(key->path).size());
  std::string out;
  for (const Key* key : keys) {
    std::string name(last_step(key->path));
    name.resize(width + 2, ' ');
    out += "  " + name + first_sentence(key->doc) + '\n';
  }
  return out;
}

void line(std::string& out, std::string_view name, const std::string& text) {
  if (text.empty()) return;
  std::string padded(name);
  padded.resize(10, ' ');
  out += "  " + padded + text + '\n';
}

std::string spoken_when(const Key& key) {
  if (key.when.key.empty()) return {};
  return std::string(key.when.key) + ": " + spoken_choices(key.when.values);
}

std::string article(const Key& key) {
  std::string out = std::string(key.path) + '\n';
  out += "  " + std::string(key.doc) + "\n\n";
  line(out, "takes", spoken_type(key));
  line(out, "range", spoken_range(key));
  line(out, "default", std::string(key.fallback));
  line(out, "required", key.required ? "yes" : key.group.empty() ? "" : "one of its group");
  line(out, "only with", spoken_when(key));
  line(out, "example",
       key.example.empty() ? ""
                           : std::string(last_step(key.path)) + ": " + std::string(key.example));
  const auto keys = below(key.path);
  if (!keys.empty()) out += "\n  Keys below it:\n" + list_of(keys);
  return out;
}

std::string unknown(std::string_view written) {
  std::vector<std::string_view> paths, names;
  for (const Key& key : all_keys()) {
    paths.push_back(key.path);
    names.push_back(last_step(key.path));
  }
  std::string out = "unknown key '" + printable(written, 80) + "'\n";
  std::vector<std::string_view> likely;
  if (const auto meant = closest(written, paths)) likely.push_back(*meant);
  const std::string_view last = last_step(written);
  const auto meant = closest(last, names);
  for (const Key& key : all_keys()) {
    const auto name = last_step(key.path);
    const bool like = name == last || (meant && name == *meant);
    if (like && std::ranges::find(likely, key.path) == likely.end()) likely.push_back(key.path);
  }
  if (!likely.empty()) out += "did you mean:\n";
  for (std::size_t i = 0; i < likely.size() && i < 5; ++i)
    out += "  " + std::string(likely[i]) + '\n';
  if (likely.empty()) out += "`pinaflux config explain` without a key lists them\n";
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string code(std::string_view text) { return text.empty() ? "" : '`' + escaped(text) + '`'; }

void reference_row(std::string& out, const Key& key, std::string_view section) {
  std::string_view name = key.path;
  if (name.starts_with(section) && name.size() > section.size())
    name.remove_prefix(section.size() + 1);
  if (name.starts_with("*.")) name.remove_prefix(2);
  std::string takes = escaped(spoken_type(key));
  if (const auto range = spoken_range(key); !range.empty()) takes += "; " + range;
  std::string fallback = key.required ? "required" : code(key.fallback);
  if (!key.group.empty()) fallback = "one of " + std::string(key.group);
  std::string doc(key.doc);
  if (!key.when.key.empty()) {
    doc = "*" + std::string(key.when.key) + ": " + spoken_choices(key.when.values) + ".* " + doc;
  }
  if (!key.example.empty()) doc += " Example: " + code(key.example) + ".";
  out +=
      "| `" + std::string(name) + "` | " + takes + " | " + fallback + " | " + escaped(doc) + " |\n";
}

}  // namespace

std::string reference() {
  std::string out =
      "# Configuration reference\n\n"
      "Made from the table of keys (`agent/config/key_table_*.cc`); a test keeps it so. `pinaflux "
      "config explain KEY` "
      "prints the\nsame on the gateway. A commented example: `example.yaml`; for editors: "
      "`pinaflux.schema.json`.\n\n"
      "The format is a strict subset of YAML; JSON is valid input. Files `conf.d/*.yaml` beside "
      "the configuration "
      "are merged with\nit by name. Durations and sizes carry their unit. Passwords and tokens are "
      "references, "
      "`{file: PATH}` (mode 600) or\n`{credential: NAME}` (systemd), never text.\n";
  for (const Key* section : keys_below("")) {
    out += "\n## " + std::string(section->path) + "\n\n" + std::string(section->doc) + "\n";
    if (section->path == "uplinks") continue;  // Its keys are uplink's.
    const std::string prefix = std::string(section->path) + ".";
    bool begun = false;
    for (const Key& key : all_keys()) {
      if (!key.path.starts_with(prefix)) continue;
      if (!begun) out += "\n| key | takes | default | meaning |\n|---|---|---|---|\n";
      begun = true;
      reference_row(out, key, section->path);
    }
  }
  return out;
}

}  // namespace config

std::string explain(std::string_view key, bool* known) {
  using namespace config;
  if (known != nullptr) *known = true;
  if (key.empty()) {
    return "Sections of a configuration (`pinaflux config explain SECTION` shows one):\n" +
           list_of(keys_below(""));
  }
  const auto rows = rows_of(key);
  std::string out;
  for (const Key* row : rows) out += (out.empty() ? "" : "\n") + article(*row);
  if (!rows.empty()) return out;
  // A name that the operator chose: "sources.boiler" is what "sources" says.
  const auto dot = key.rfind('.');
  for (const Key* row :
       dot == std::string_view::npos ? std::vector<const Key*>{} : rows_of(key.substr(0, dot))) {
    if (row->type == Type::names || row->type == Type::list) return article(*row);
  }
  if (known != nullptr) *known = false;
  return unknown(key);
}

}  // namespace pinaflux
