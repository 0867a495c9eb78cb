// Files become one tree, the tree becomes options. In a merged tree every node still knows the file that it
// came from, so a finding names that one. Two files may both have `sources:`; they may not both have
// `sources: {boiler: ...}`.
//
//   read -> parse (yaml.h) -> merge -> check against the table (check.h) -> build (build.h)
#include "agent/config/load.h"

#include <algorithm>
#include <memory>

#include "agent/config/build.h"
#include "agent/config/check.h"
#include "agent/config/yaml.h"
#include "platform/base/text.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace config {
namespace {

class Loader {
 public:
  Loader(Files& files, const std::string& path) : files_(files), path_(path) {}

  Loaded load(const std::string_view* text);

 private:
  void read(const std::string& path, const std::string_view* text);
  void read_directory();
  void unreadable(const ConfigText& text, const Error& error);
  const ConfigText& keep(const std::string& name, std::string text);
  void merge(Node& into, Node&& from, std::string_view path);
  void build(Configuration& to);
  std::string digest(const PipelineOptions& pipeline) const;

  Files& files_;
  const std::string path_;
  std::vector<std::unique_ptr<ConfigText>> texts_;  // Places point to them.
  Findings findings_;
  Node root_;
  bool damaged_ = false;  // A file could not be parsed: what others refer to may be in it.
};

Loaded Loader::load(const std::string_view* text) {
  root_.kind = Node::Kind::map;
  read(path_, text);
  read_directory();
  Configuration configuration;
  if (!damaged_) build(configuration);
  Loaded loaded;
  const bool failed = findings_.failed();
  loaded.findings = findings_.take();
  if (!failed) loaded.configuration = std::move(configuration);
  return loaded;
}

const ConfigText& Loader::keep(const std::string& name, std::string text) {
  texts_.push_back(std::make_unique<ConfigText>(name, std::move(text),
                                                static_cast<std::uint32_t>(texts_.size())));
  return *texts_.back();
}

void Loader::unreadable(const ConfigText& text, const Error& error) {
  damaged_ = true;
  const Place whole{&text, 0, 0, 1};
  if (error.code == Code::not_found && text.index() == 0) {
    findings_.error(whole, "there is no such file",
                    "pinaflux init --output " + text.name() + " writes one");
  } else if (error.code == Code::denied) {
    findings_.error(whole, "the file may not be read", "check its owner and mode");
  } else if (error.code == Code::full) {
    findings_.error(whole, "the file is larger than 1 MiB", "split it into files in conf.d");
  } else {
    findings_.error(whole, "the file cannot be read: " + std::string(error.what), "check its path");
  }
}

void Loader::read(const std::string& path, const std::string_view* text) {
  std::string content;
  if (text != nullptr) {
    content = *text;
  } else if (auto read = files_.read_text(path, kTextBytesMax)) {
    content = std::move(*read);
  } else {
    unreadable(keep(path, {}), read.error());
    return;
  }
  if (content.starts_with("\xEF\xBB\xBF")) content.erase(0, 3);
  const ConfigText& kept = keep(path, std::move(content));
  Node tree;
  if (!parse_yaml(kept, tree, findings_)) {
    damaged_ = true;
  } else if (tree.is_map()) {
    merge(root_, std::move(tree), "");
  } else if (tree.kind != Node::Kind::empty) {
    findings_.error(tree.place, "a configuration is a map of keys", "begin with pinaflux: 1");
    damaged_ = true;
  } else if (kept.index() == 0) {
    findings_.error({&kept, 0, 0, 1}, "the file is empty",
                    "pinaflux init --output " + path + " writes one");
    damaged_ = true;
  }
}

void Loader::read_directory() {
  const auto slash = path_.rfind('/');
  const std::string directory =
      (slash == std::string::npos ? "" : path_.substr(0, slash + 1)) + "conf.d";
  auto names = files_.list(directory);
  if (!names) {  // What cannot be read may hold the rules of `mask`: to go on without it is no choice.
    if (names.error().code != Code::not_found) unreadable(keep(directory, {}), names.error());
    return;
  }
  std::erase_if(*names, [](const std::string& name) {
    return !name.ends_with(".yaml") || name.starts_with('.');
  });
  std::ranges::sort(*names);
  if (names->size() > kConfigurationFilesMax) {
    findings_.error({&keep(directory, {}), 0, 0, 1}, "more than 256 files", "join some");
    return;
  }
  for (const auto& name : *names) read(directory + "/" + name, nullptr);
}

// `path` of what is merged: "", or a section or map of names.
void Loader::merge(Node& into, Node&& from, std::string_view path) {
  for (Entry& entry : from.entries) {
    const auto same = std::ranges::find(into.entries, entry.key, &Entry::key);
    if (same == into.entries.end()) {
      into.entries.push_back(std::move(entry));
      continue;
    }
    const Key* key = path.empty() ? find_key(entry.key) : nullptr;
    const bool maps = key != nullptr && (key->type == Type::section || key->type == Type::names);
    if (entry.value.kind == Node::Kind::empty && key != nullptr) continue;
    if (same->value.kind == Node::Kind::empty && key != nullptr) {
      *same = std::move(entry);
    } else if (maps && entry.value.is_map() && same->value.is_map()) {
      merge(same->value, std::move(entry.value), key->path);
    } else if (key != nullptr && entry.value.is_list() && same->value.is_list()) {
      std::ranges::move(entry.value.items, std::back_inserter(same->value.items));
    } else if (entry.key != "pinaflux" || !path.empty() || entry.value.text != same->value.text) {
      findings_.error(entry.place, "'" + printable(entry.key, 40) + "' is in two files",
                      "it is at " + same->place.spoken() + " already: keep one");
    }
  }
}

void Loader::build(Configuration& to) {
  const Place top{texts_.front().get(), 0, 0, 1};
  check_tree(root_, top, findings_);
  const Reader root(root_, "", top);
  Building building{files_, findings_, to};
  build_sources(root, building);
  build_keys(root, building);
  build_mask(root, building);
  build_pipeline(root, building);
  build_tests(root, building);
  build_delivery(root, building);
  check_addresses(root, building);
  to.digest = digest(to.pipeline);
  if (!findings_.failed()) check_spool_place(root, building);
}

std::string Loader::digest(const PipelineOptions& pipeline) const {
  crypto::Sha256 hash;
  const auto add = [&hash](std::string_view text) {
    const std::string size = std::to_string(text.size()) + ':';  // No two splits are alike.
    hash.update(as_bytes(size));
    hash.update(as_bytes(text));
  };
  for (const auto& text : texts_) add(text->text());
  for (const NodeOptions& node : pipeline.nodes) {
    if (const auto* script = std::get_if<Script>(&node.kind)) add(script->text);  // Of its file.
    if (const auto* lookup = std::get_if<Lookup>(&node.kind)) add(lookup->table);
  }
  return hex(Bytes(hash.finish()).first(8));
}

}  // namespace
}  // namespace config

Loaded load_configuration(Files& files, const std::string& path) {
  return config::Loader(files, path).load(nullptr);
}

Loaded load_configuration_text(Files& files, const std::string& path, std::string_view text) {
  return config::Loader(files, path).load(&text);
}

}  // namespace pinaflux
