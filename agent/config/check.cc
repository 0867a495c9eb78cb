// One walk, guided by the rows of the table below the path walked: each entry finds its row among those
// whose `when` holds, is checked by its type, and is walked into if it has keys of its own. What the rows
// still miss afterwards is reported at the key that lacks it.
#include "agent/config/check.h"

#include <algorithm>

#include "agent/config/applies.h"
#include "agent/config/keys.h"
#include "agent/config/redact.h"
#include "agent/config/scalars.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

constexpr std::string_view kReference = "keys.*";  // To a secret, wherever it stands.

std::string quoted(std::string_view name) { return "'" + printable(shown_key(name), 40) + "'"; }

std::string join(const std::vector<std::string_view>& names, const char* last) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? last : ", ";
    out += names[i];
  }
  return out;
}

class Walk {
 public:
  explicit Walk(Findings& findings) : findings_(findings) {}

  // `at` is the key that holds the section, or the element's beginning.
  void section(const Node& node, const Place& at, std::string_view path) {
    const auto rows = keys_below(path);
    meant_.clear();
    std::vector<const Key*> found;
    for (const Entry& entry : node.entries) found.push_back(row_of(node, entry, path, rows));
    missing(node, at, path, rows);
    groups(node, at, path, rows);
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found[i] != nullptr) value(*found[i], node.entries[i]);
    }
  }

 private:
  const Key* row_of(const Node& node, const Entry& entry, std::string_view path,
                    const std::vector<const Key*>& rows) {
    const Key* other = nullptr;
    for (const Key* key : rows) {
      if (last_step(key->path) != entry.key) continue;
      if (applies(*key, node, path) != Applies::no) return key;
      other = key;
    }
    if (other != nullptr) {
      misplaced(node, entry, path, rows, *other);
    } else {
      unknown(node, entry, path, rows);
    }
    return nullptr;
  }

  void unknown(const Node& node, const Entry& entry, std::string_view path,
               const std::vector<const Key*>& rows) {
    const std::string full = path.empty() ? entry.key : std::string(path) + "." + entry.key;
    if (const auto later = later_key(full); !later.empty()) {
      findings_.error(entry.place, quoted(entry.key) + " is not in this version",
                      std::string(later));
      return;
    }
    const auto names = applicable(node, path, rows);
    const auto meant = closest(entry.key, names);
    if (meant) meant_.push_back(*meant);
    const bool undecided = std::ranges::any_of(
        rows, [&](const Key* key) { return applies(*key, node, path) == Applies::unknown; });
    if (path == kReference && !meant) {  // It may be the secret itself: {hunter2}.
      findings_.error(entry.place, "this is no reference to a secret",
                      "write {file: PATH} or {credential: NAME}");
      return;
    }
    if (undecided && !meant) return;  // What may stand here depends on a value that is wrong.
    std::string fix = meant           ? "did you mean '" + std::string(*meant) + "'?"
                      : names.empty() ? "nothing stands here: write {}"
                                      : "known here: " + join(names, " and ");
    findings_.error(entry.place, "unknown key " + quoted(entry.key), std::move(fix));
  }

  void misplaced(const Node& node, const Entry& entry, std::string_view path,
                 const std::vector<const Key*>& rows, const Key& key) {
    const std::string selector(key.when.key);
    const std::string given = selected(key.when.key, node, path);
    std::string fix = "it belongs to " + selector + ": " + spoken_choices(key.when.values);
    if (selector == "type") fix += "; here are " + join(applicable(node, path, rows), " and ");
    findings_.error(entry.place,
                    given.empty()
                        ? quoted(entry.key) + " needs '" + selector + "' beside it"
                        : quoted(entry.key) + " does not apply to " + selector + ": " + given,
                    std::move(fix));
  }

  std::vector<std::string_view> applicable(const Node& node, std::string_view path,
                                           const std::vector<const Key*>& rows) const {
    std::vector<std::string_view> names;
    for (const Key* key : rows) {
      const auto name = last_step(key->path);
      if (applies(*key, node, path) == Applies::no || std::ranges::find(names, name) != names.end())
        continue;
      names.push_back(name);
    }
    return names;
  }

  void value(const Key& key, const Entry& entry) {
    const Node& node = entry.value;
    if (node.kind == Node::Kind::damaged) return;
    switch (key.type) {
      case Type::section:
        if (is_map_or_empty(key, entry)) section(node, entry.place, key.path);
        return;
      case Type::names:
        if (is_map_or_empty(key, entry)) names(key, node);
        return;
      case Type::list: list(key, entry); return;
      case Type::pairs: pairs(key, entry); return;
      case Type::texts:
        if (node.is_list()) {
          texts(key, entry);
          return;
        }
        break;
      case Type::secret: secret(entry); return;
      default: break;
    }
    if (!node.is_scalar()) {
      not_this(key, entry);
    } else {
      check_scalar(key, node, findings_);
    }
  }

  void not_this(const Key& key, const Entry& entry) {
    const Node& node = entry.value;
    if (node.kind == Node::Kind::empty) {
      findings_.error(entry.place, quoted(entry.key) + " has no value",
                      "it takes " + spoken_type(key));
    } else {
      findings_.error(node.place, quoted(entry.key) + " cannot be " + kind_name(node),
                      "it takes " + spoken_type(key));
    }
  }

  bool is_map_or_empty(const Key& key, const Entry& entry) {
    if (entry.value.is_map() || entry.value.kind == Node::Kind::empty) return true;
    not_this(key, entry);
    return false;
  }

  void names(const Key& key, const Node& node) {
    const std::string below = std::string(key.path) + ".*";
    for (const Entry& entry : node.entries) {
      if (!valid_name(entry.key)) {
        findings_.error(entry.place, quoted(entry.key) + " is not a name",
                        "a name has 1 to 64 of A-Z a-z 0-9 . _ -");
      }
      if (entry.value.is_map()) {
        section(entry.value, entry.place, below);
      } else if (entry.value.kind != Node::Kind::damaged) {
        findings_.error(entry.place, quoted(entry.key) + " needs keys of its own",
                        "for example " + entry.key + ": {" + beginning(below) + ", ...}");
      }
    }
  }

  // The first key that shows how such a section begins.
  std::string beginning(std::string_view path) const {
    for (const Key* key : keys_below(path)) {
      if (!key->example.empty())
        return std::string(last_step(key->path)) + ": " + std::string(key->example);
    }
    return {};
  }

  void list(const Key& key, const Entry& entry) {
    if (entry.value.kind == Node::Kind::empty) return;
    if (!entry.value.is_list()) {
      not_this(key, entry);
      return;
    }
    const std::string below = std::string(key.path) + ".*";
    for (const Node& item : entry.value.items) {
      if (item.is_map()) {
        section(item, item.place, below);
      } else if (item.kind != Node::Kind::damaged) {
        findings_.error(item.place, "an element of " + quoted(entry.key) + " is a map of keys",
                        "for example - {" + beginning(below) + ", ...}");
      }
    }
  }

  void pairs(const Key& key, const Entry& entry) {
    if (!entry.value.is_map() || entry.value.entries.empty()) {
      not_this(key, entry);
      return;
    }
    for (const Entry& pair : entry.value.entries) {
      if (!pair.value.is_scalar() || pair.value.text.empty()) {
        if (key.path.ends_with(".rename.fields")) {
          findings_.error(pair.place, quoted(pair.key) + " has no new name",
                          "write " + pair.key + ": NEW_NAME");
        } else {
          findings_.error(pair.place, quoted(pair.key) + " takes a single value",
                          "for example " + std::string(key.example));
        }
      }
    }
  }

  void texts(const Key& key, const Entry& entry) {
    const auto& items = entry.value.items;
    if (items.empty()) {
      findings_.error(entry.place, quoted(entry.key) + " is an empty list",
                      "it takes " + spoken_type(key));
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (items[i].kind == Node::Kind::damaged) continue;
      if (!items[i].is_scalar()) {
        findings_.error(items[i].place, "an element of " + quoted(entry.key) + " is a text",
                        "put a text that begins with a sign into quotes");
        continue;
      }
      if (!check_scalar(key, items[i], findings_)) continue;
      const bool twice =
          !key.may_repeat &&
          std::any_of(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(i),
                      [&](const Node& other) { return other.text == items[i].text; });
      if (twice)
        findings_.error(items[i].place, quoted(items[i].text) + " is in this list twice",
                        "keep one");
    }
  }

  void secret(const Entry& entry) {
    const Node& node = entry.value;
    if (!node.is_map()) {
      findings_.error(node.kind == Node::Kind::empty ? entry.place : node.place,
                      quoted(entry.key) + " is not written into a configuration",
                      "put it into a file, chmod 600, and write " + entry.key + ": {file: PATH}");
      return;
    }
    const auto rows = keys_below(kReference);  // A reference, as there.
    for (const Entry& part : node.entries) {
      if (const Key* key = row_of(node, part, kReference, rows)) value(*key, part);
    }
    groups(node, entry.place, kReference, rows);
  }

  void missing(const Node& node, const Place& at, std::string_view path,
               const std::vector<const Key*>& rows) {
    for (const Key* key : rows) {
      const auto name = last_step(key->path);
      if (!key->required || node.find(name) != nullptr) continue;
      if (std::ranges::find(meant_, name) != meant_.end()) continue;  // Misspelt, and said so.
      if (applies(*key, node, path) != Applies::yes) continue;
      std::string fix = "it takes " + spoken_type(*key);
      if (!key->example.empty()) {
        fix = "for example " + std::string(name) + ": " + std::string(key->example);
      }
      findings_.error(at, quoted(name) + " is missing", std::move(fix));
    }
  }

  void groups(const Node& node, const Place& at, std::string_view path,
              const std::vector<const Key*>& rows) {
    const bool later = std::ranges::any_of(node.entries, [&](const Entry& entry) {
      return !later_key(std::string(path) + "." + entry.key).empty();
    });
    std::vector<std::string_view> seen;
    for (const Key* row : rows) {
      if (row->group.empty() || std::ranges::find(seen, row->group) != seen.end()) continue;
      seen.push_back(row->group);
      std::vector<std::string_view> names;
      for (const Key* key : rows) {
        if (key->group == row->group) names.push_back(last_step(key->path));
      }
      group(node, at, names, later);
    }
  }

  void group(const Node& node, const Place& at, const std::vector<std::string_view>& names,
             bool may_be_missing) {
    const Entry* first = nullptr;
    for (const Entry& entry : node.entries) {
      if (std::ranges::find(names, entry.key) == names.end()) continue;
      if (first != nullptr) {
        findings_.error(entry.place,
                        quoted(entry.key) + " and " + quoted(first->key) + " exclude each other",
                        "keep one of them");
        return;
      }
      first = &entry;
    }
    if (first == nullptr && !may_be_missing)
      findings_.error(at, "one of " + join(names, " or ") + " is missing", "give one of them");
  }

  Findings& findings_;
  std::vector<std::string_view> meant_;  // By misspelt keys of the section that is looked at.
};

}  // namespace

void check_tree(const Node& root, const Place& top, Findings& findings) {
  Walk(findings).section(root, top, "");
}

}  // namespace pinaflux::config
