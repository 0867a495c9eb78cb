#include "agent/cli/letter_line.h"

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "agent/cli/letter_commands.h"
#include "agent/spool/letter_operations.h"

namespace pinaflux {

namespace {

struct LetterArguments {
  QueueTarget target{.configuration = "/etc/pinaflux/pinaflux.yaml", .socket = "", .spool = ""};
  std::vector<long long> ids;
  long long id = 0;
  std::string file;
  bool json = false;
  bool raw = false;
};

class LetterLine {
 public:
  LetterLine(CLI::App& app, int& status)
      : letters_(*app.add_subcommand("dead-letters",
                                     "what was refused, with the masked record where there is one")
                      ->alias("dlq")),
        arguments_(std::make_shared<LetterArguments>()),
        status_(status) {
    letters_.require_subcommand(1);
  }

  template <class Function>
  CLI::App* command(const char* name, const char* what, Function function) {
    CLI::App* sub = letters_.add_subcommand(name, what);
    sub->callback([a = arguments_, &status = status_, function] { status = function(*a); });
    sub->add_option("--config,-c", arguments_->target.configuration,
                    "configuration that names spool and socket")
        ->capture_default_str();
    sub->add_option("--socket", arguments_->target.socket, "the running agent's control socket");
    sub->add_flag("--json", arguments_->json, "for a machine to read");
    return sub;
  }
  void add_spool(CLI::App* sub) {
    sub->add_option("--spool", arguments_->target.spool, "a spool's folder that no agent uses")
        ->excludes("--socket");
  }
  void add_id(CLI::App* sub) {
    sub->add_option("id", arguments_->id, "its number in `list`")
        ->required()
        ->check(CLI::PositiveNumber);
  }
  void add_ids(CLI::App* sub) {
    sub->add_option("ids", arguments_->ids, "their numbers in `list`")
        ->required()
        ->expected(1, static_cast<int>(kLetterIdsMax))
        ->check(CLI::PositiveNumber);
  }
  LetterArguments& arguments() { return *arguments_; }

 private:
  CLI::App& letters_;
  std::shared_ptr<LetterArguments> arguments_;  // The library keeps the callbacks, and copies them.
  int& status_;
};

}  // namespace

void add_letter_commands(CLI::App& app, int& status) {
  LetterLine line(app, status);
  line.add_spool(line.command("list", "all of them, oldest first",
                              [](LetterArguments& a) { return letters_list(a.target, a.json); }));
  auto* show = line.command("show", "one of them, with its record as JSON", [](LetterArguments& a) {
    return a.raw ? letters_show_raw(a.target, a.id) : letters_show(a.target, a.id, a.json);
  });
  line.add_id(show);
  show->add_flag("--raw", line.arguments().raw,
                 "the bytes that could not be read, as they came (spool.keep_refused): not masked; "
                 "as root, with the agent stopped")
      ->excludes("--json")
      ->excludes("--socket");
  line.add_spool(show);
  auto* replay =
      line.command("replay", "again through the running agent's mask and pipeline; they go with it",
                   [](LetterArguments& a) { return letters_replay(a.target, a.ids, a.json); });
  line.add_ids(replay);
  auto* edit = line.command(
      "edit", "replay one with its record changed (in $EDITOR, or from a file or standard input)",
      [](LetterArguments& a) { return letters_edit(a.target, a.id, a.file, a.json); });
  line.add_id(edit);
  edit->add_option("--file,-f", line.arguments().file,
                   "the record, as `show --json` prints it, or the bytes, as `show --raw` does (-: "
                   "standard input)");
  auto* drop = line.command("drop", "forget them for good", [](LetterArguments& a) {
    return letters_drop(a.target, a.ids, a.json);
  });
  line.add_ids(drop);
  line.add_spool(drop);
}

}  // namespace pinaflux
