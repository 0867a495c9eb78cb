#include "agent/cli/collector_file.h"

#include <algorithm>
#include <utility>

#include "agent/collector/postgres.h"
#include "agent/config/yaml.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

using config::ConfigText;
using config::Entry;
using config::Findings;
using config::Node;
using config::Place;

constexpr const char* kVersionKey = "pinaflux-collector";
constexpr const char* kVersion = "1";
constexpr const char* kHelp = "help";
constexpr const char* kConfig = "config";

std::string key_of(const CLI::Option& option) {
  const auto& names = option.get_lnames();
  std::string key = names.empty() ? std::string() : names.front();
  std::ranges::replace(key, '-', '_');
  return key == kHelp || key == kConfig ? std::string() : key;
}

CLI::Option* find(CLI::App& app, const std::string& key) {
  const auto all = app.get_options();
  const auto it = std::ranges::find_if(
      all, [&](const CLI::Option* option) { return !key.empty() && key_of(*option) == key; });
  return it == all.end() ? nullptr : *it;
}

// What CLI11 says, without the option's name in front, which the place shows.
std::string plain(const CLI::ParseError& error) {
  const std::string text = error.what();
  const std::size_t at = text.find(": ");
  return text.starts_with("--") && at != std::string::npos ? text.substr(at + 2) : text;
}

class FileReader {
 public:
  FileReader(CLI::App& run, CLI::App& used, Findings& findings)
      : run_(run), used_(used), findings_(findings) {}

  void read(const Node& root) {
    const Entry* version = root.find(kVersionKey);
    if (!root.is_map() || version == nullptr) {
      return findings_.error(root.place, "this is no configuration of a collector",
                             "begin it with 'pinaflux-collector: 1'");
    }
    if (version->value.text != kVersion) {
      findings_.error(version->value.place, "this version is not known", "write 1");
    }
    for (const Entry& entry : root.entries) {
      if (entry.key != kVersionKey) take(entry);
    }
    for (const Entry& entry : root.entries) check_needs(entry);
    if (const Entry* rows = root.find("rows")) check_rows(*rows);
  }

 private:
  void take(const Entry& entry) {
    CLI::Option* known = find(run_, entry.key);
    if (known == nullptr) return unknown(entry);
    if (!entry.value.is_scalar()) {
      return findings_.error(entry.value.place, "'" + entry.key + "' is one value",
                             "write it behind the colon");
    }
    const bool flag = known->get_expected_max() == 0;
    if (flag && entry.value.text != "true" && entry.value.text != "false") {
      return findings_.error(entry.value.place, "'" + entry.key + "' is true or false",
                             "write one of them");
    }
    CLI::Option* option = find(used_, entry.key);
    CLI::Option& target = option == nullptr ? *known : *option;
    if (target.count() > 0) return;  // The command line said so.
    try {
      target.add_result(entry.value.text);
      target.run_callback();
    } catch (const CLI::ParseError& error) {
      findings_.error(entry.value.place, "'" + entry.key + "': " + plain(error),
                      "pinaflux-collector run --help says what it may be");
    }
  }

  void unknown(const Entry& entry) {
    std::vector<std::string> keys;
    for (const CLI::Option* option : run_.get_options()) {
      if (std::string key = key_of(*option); !key.empty()) keys.push_back(std::move(key));
    }
    const std::vector<std::string_view> names(keys.begin(), keys.end());
    const auto meant = closest(entry.key, names);
    findings_.error(
        entry.place, "unknown key '" + entry.key + "'",
        meant ? "did you mean '" + std::string(*meant) + "'?"
              : "the keys are the options of 'pinaflux-collector run --help', with _ for -");
  }

  void check_needs(const Entry& entry) {
    const CLI::Option* option = find(run_, entry.key);
    if (option == nullptr) return;
    for (const CLI::Option* other : option->get_needs()) {
      const CLI::Option* here = find(used_, key_of(*other));
      if (other->count() > 0 || (here != nullptr && here->count() > 0)) continue;
      findings_.error(entry.place, "'" + entry.key + "' needs '" + key_of(*other) + "'",
                      "add '" + key_of(*other) + "', or leave it out");
    }
  }

  // As the command line or the file says it.
  std::string value_of(const char* key) {
    for (CLI::App* app : {&used_, &run_}) {
      const CLI::Option* option = find(*app, key);
      if (option != nullptr && option->count() > 0) return option->results().back();
    }
    return {};
  }

  void check_rows(const Entry& rows) {
    if (find(used_, "rows") == nullptr) return;  // It lands nothing.
    if (rows.value.text != "files" || value_of("rows") != "files") return;
    if (value_of("ndjson").empty()) {
      findings_.error(rows.value.place, "'rows: files' does not say in which folder",
                      "add 'ndjson'");
    }
    if (postgres::Connection::is_address(value_of("database"))) {
      findings_.error(rows.value.place, "'rows: files' needs a file for its state",
                      "name one by 'database'; rows that land in PostgreSQL stay there");
    }
  }

  CLI::App& run_;
  CLI::App& used_;
  Findings& findings_;
};

Finding unreadable(const std::string& path, const Error& error) {
  Finding finding;
  finding.file = path;
  finding.what = std::string("it cannot be read: ") + error.what;
  finding.fix = "check the path, and that this user may read it";
  return finding;
}

}  // namespace

std::vector<Finding> apply_collector_file(Files& files, const std::string& path, CLI::App& run,
                                          CLI::App& used) {
  auto text = files.read_text(path, config::kTextBytesMax);
  if (!text) return {unreadable(path, text.error())};
  const ConfigText config(path, std::move(*text), 0);
  Findings findings;
  Node root;
  if (parse_yaml(config, root, findings)) FileReader(run, used, findings).read(root);
  return findings.take();
}

}  // namespace pinaflux
