// A section's keys become `properties`; rows of one path become `anyOf`. A row with `when` becomes an if/then
// beside them: what does not belong to `type: mqtt` is false there, what it needs is required there. A group
// becomes `oneOf` of `required`.
#include "agent/config/schema.h"

#include <algorithm>
#include <vector>

#include "agent/config/keys.h"
#include "platform/base/json_writer.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace config {
namespace {

constexpr const char* kName = "^[A-Za-z0-9._-]{1,64}$";
constexpr const char* kDuration = "^(0|([0-9]+(d|h|ms|us|m|s))+)$";
constexpr const char* kSize = "^[0-9]+(TiB|GiB|MiB|KiB|TB|GB|MB|KB|kB|B)$";

class Writer {
 public:
  std::string write() {
    j_.begin_object();
    j_.key("$schema").string("https://json-schema.org/draft/2020-12/schema");
    j_.key("title").string("Pinaflux Edge configuration");
    section("");
    j_.end_object();
    return j_.take() + '\n';
  }

 private:
  // Into an object that is open.
  void section(std::string_view path) {
    const auto rows = keys_below(path);
    j_.key("type").string("object").key("additionalProperties").boolean(false);
    j_.key("properties").begin_object();
    std::vector<std::string_view> names;
    for (const Key* row : rows) {
      const auto name = last_step(row->path);
      if (std::ranges::find(names, name) != names.end()) continue;
      names.push_back(name);
      j_.key(name);
      property(rows, name);
    }
    j_.end_object();
    required(rows, {}, {});
    conditions(rows);
  }

  void property(const std::vector<const Key*>& rows, std::string_view name) {
    std::vector<const Key*> same;
    std::ranges::copy_if(rows, std::back_inserter(same),
                         [&](auto* r) { return last_step(r->path) == name; });
    j_.begin_object();
    if (same.size() == 1) {
      key(*same.front());
    } else {
      j_.key("anyOf").begin_array();
      for (const Key* row : same) {
        j_.begin_object();
        key(*row);
        j_.end_object();
      }
      j_.end_array();
    }
    j_.end_object();
  }

  void key(const Key& key) {
    j_.key("description").string(key.doc);
    fallback(key);
    switch (key.type) {
      case Type::section: empty_too(key.path); break;
      case Type::names: named(key); break;
      case Type::list: elements(key); break;
      case Type::pairs:
        j_.key("type").string("object").key("minProperties").number(1);
        j_.key("additionalProperties").begin_object();
        scalar_text();
        j_.end_object();
        break;
      case Type::texts: texts(key); break;
      case Type::secret: reference(); break;
      default: scalar(key); break;
    }
  }

  void fallback(const Key& key) {
    if (key.fallback.empty()) return;
    j_.key("default");
    if (key.type == Type::integer || key.type == Type::number || key.type == Type::boolean) {
      j_.raw(key.fallback);
    } else {
      j_.string(key.fallback);
    }
  }

  void empty_too(std::string_view path) {
    if (keys_below(path).empty()) {  // `pass:` needs no value.
      j_.key("type").begin_array().string("object").string("null").end_array();
      j_.key("additionalProperties").boolean(false);
    } else {
      section(path);
    }
  }

  void named(const Key& key) {
    j_.key("type").begin_array().string("object").string("null").end_array();
    j_.key("propertyNames").begin_object().key("pattern").string(kName).end_object();
    j_.key("additionalProperties").begin_object();
    section(std::string(key.path) + ".*");
    j_.end_object();
  }

  void elements(const Key& key) {
    j_.key("type").begin_array().string("array").string("null").end_array();
    j_.key("items").begin_object();
    section(std::string(key.path) + ".*");
    j_.end_object();
  }

  void texts(const Key& key) {
    j_.key("anyOf").begin_array().begin_object();
    text(key);
    j_.end_object().begin_object();
    j_.key("type").string("array").key("minItems").number(1);
    if (!key.may_repeat) j_.key("uniqueItems").boolean(true);
    j_.key("items").begin_object();
    text(key);
    j_.end_object().end_object().end_array();
  }

  void reference() {
    j_.key("type").string("object").key("additionalProperties").boolean(false);
    j_.key("minProperties").number(1).key("maxProperties").number(1);
    j_.key("properties").begin_object();
    j_.key("file")
        .begin_object()
        .key("type")
        .string("string")
        .key("pattern")
        .string("^/")
        .end_object();
    j_.key("credential")
        .begin_object()
        .key("type")
        .string("string")
        .key("pattern")
        .string(kName)
        .end_object();
    j_.end_object();
  }

  // A text that looks like a number is a number to YAML, and a text to us.
  void scalar_text() {
    j_.key("type").begin_array().string("string").string("number").string("boolean").end_array();
  }

  void text(const Key& key) {
    if (!key.choices.empty()) return choice(key);
    scalar_text();
    if (!key.may_be_empty) j_.key("minLength").number(1);
    if (key.max > 0) j_.key("maxLength").number(key.max);
  }

  void pattern(const char* text) { j_.key("type").string("string").key("pattern").string(text); }

  void scalar(const Key& key) {
    switch (key.type) {
      case Type::name:
        scalar_text();
        j_.key("pattern").string(kName);
        break;
      case Type::choice: choice(key); break;
      case Type::boolean: j_.key("type").string("boolean"); break;
      case Type::integer:
        j_.key("type").string("integer");
        range(key);
        break;
      case Type::number:
        j_.key("type").string("number");
        range(key);
        break;
      case Type::duration:  // A bare 0 is a number to YAML.
        j_.key("type").begin_array().string("string").string("integer").end_array();
        j_.key("pattern").string(kDuration).key("maximum").number(0).key("minimum").number(0);
        break;
      case Type::size: pattern(kSize); break;
      case Type::broker: pattern("^(tcp|tls|ws|wss|http|https)://[^@]+$"); break;
      case Type::proxy: pattern("^http://[^@/]+:[0-9]+/?$"); break;
      case Type::listen:
        pattern(key.may_be_empty ? "^(|tcp://[^@]+:[0-9]+/?)$" : "^tcp://[^@]+:[0-9]+/?$");
        break;
      case Type::lines: pattern("^(stdin:|unix:///.+|tcp://[^@]+:[0-9]+/?)$"); break;
      case Type::path: pattern(key.may_be_empty ? "^(|/.*)$" : "^/"); break;
      case Type::value: scalar_text(); break;
      default: text(key); break;
    }
  }

  void choice(const Key& key) {
    j_.key("enum").begin_array();
    for (const auto choice : split(key.choices, '|')) {
      if (choice == "true") j_.boolean(true);
      j_.string(choice);
    }
    j_.end_array();
  }

  void range(const Key& key) {
    if (key.min == 0 && key.max == 0) return;
    j_.key("minimum").number(key.min);
    if (key.max != kNumberMax) j_.key("maximum").number(key.max);
  }

  // Those that are required whatever else is given, or where `selector` is `value`.
  void required(const std::vector<const Key*>& rows, std::string_view selector,
                std::string_view value) {
    j_.key("required").begin_array();
    for (const Key* row : rows) {
      const bool here =
          row->when.key == selector && (selector.empty() || is_one_of(value, row->when.values));
      if (row->required && here) j_.string(last_step(row->path));
    }
    j_.end_array();
  }

  void conditions(const std::vector<const Key*>& rows) {
    const bool any = std::ranges::any_of(
        rows, [](auto* row) { return !row->when.key.empty() || !row->group.empty(); });
    if (!any) return;
    j_.key("allOf").begin_array();
    std::vector<std::string_view> selectors, groups;
    for (const Key* row : rows) {
      const auto selector = row->when.key;
      if (!selector.empty() && std::ranges::find(selectors, selector) == selectors.end()) {
        selectors.push_back(selector);
        selection(rows, selector);
      }
      if (!row->group.empty() && std::ranges::find(groups, row->group) == groups.end()) {
        groups.push_back(row->group);
        group(rows, row->group);
      }
    }
    j_.end_array();
  }

  void selection(const std::vector<const Key*>& rows, std::string_view selector) {
    const auto chooser =
        std::ranges::find(rows, selector, [](auto* r) { return last_step(r->path); });
    if (chooser == rows.end()) return;
    for (const auto value : split((*chooser)->choices, '|')) {
      j_.begin_object().key("if").begin_object();
      j_.key("required").begin_array().string(selector).end_array();
      j_.key("properties").begin_object().key(selector).begin_object().key("const").string(value);
      j_.end_object().end_object().end_object();
      j_.key("then").begin_object();
      required(rows, selector, value);
      j_.key("properties").begin_object();
      for (const Key* row : rows) consequence(rows, *row, selector, value);
      j_.end_object().end_object().end_object();
    }
  }

  // Where rows share a path, the first of them speaks for all.
  void consequence(const std::vector<const Key*>& rows, const Key& row, std::string_view selector,
                   std::string_view value) {
    if (row.when.key != selector) return;
    std::vector<const Key*> same;
    std::ranges::copy_if(rows, std::back_inserter(same),
                         [&](auto* r) { return r->path == row.path; });
    if (same.front() != &row) return;
    const auto here =
        std::ranges::find_if(same, [&](auto* r) { return is_one_of(value, r->when.values); });
    if (here == same.end()) {
      j_.key(last_step(row.path)).boolean(false);
    } else if (same.size() > 1) {
      j_.key(last_step(row.path)).begin_object();
      key(**here);
      j_.end_object();
    }
  }

  void group(const std::vector<const Key*>& rows, std::string_view name) {
    j_.begin_object().key("oneOf").begin_array();
    for (const Key* row : rows) {
      if (row->group != name) continue;
      j_.begin_object()
          .key("required")
          .begin_array()
          .string(last_step(row->path))
          .end_array()
          .end_object();
    }
    j_.end_array().end_object();
  }

  JsonWriter j_;
};

// Two spaces for each level, so that the committed file can be read and compared.
std::string indented(std::string_view json) {
  std::string out;
  std::size_t depth = 0;
  bool text = false;
  const auto newline = [&] { out += '\n' + std::string(depth * 2, ' '); };
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (text) {
      out += c;
      if (c == '\\') out += json[++i];
      if (c == '"') text = false;
      continue;
    }
    const bool opens = c == '{' || c == '[';
    const bool closes = c == '}' || c == ']';
    if (c == '"') text = true;
    if (closes) --depth;
    const bool after_open = !out.empty() && (out.back() == '{' || out.back() == '[');
    if (closes && !after_open) newline();
    out += c;
    if (opens) ++depth;
    const bool empty = opens && (json[i + 1] == '}' || json[i + 1] == ']');
    if ((opens && !empty) || c == ',') newline();
    if (c == ':') out += ' ';
  }
  return out;
}

}  // namespace
}  // namespace config

std::string configuration_schema() { return config::indented(config::Writer().write()); }

}  // namespace pinaflux
