// The command line of `pinaflux schema`.
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "agent/cli/schema_commands.h"

namespace pinaflux {

namespace {

struct SchemaArguments {
  QueueTarget target{.configuration = "/etc/pinaflux/pinaflux.yaml", .socket = "", .spool = ""};
  std::string stream;
  bool json = false;
};

}  // namespace

void add_schema_commands(CLI::App& app, int& status) {
  CLI::App* schema = app.add_subcommand("schema", "which fields streams have, and what changed");
  schema->require_subcommand(1);
  static constexpr struct {
    const char* name;
    const char* what;
    SchemaView view;
  } kAll[] = {{"list", "the streams that `schema` nodes know", SchemaView::list},
              {"show", "the fields of a stream", SchemaView::show},
              {"diff", "what changed in a stream, and when", SchemaView::diff}};
  auto arguments = std::make_shared<SchemaArguments>();
  for (const auto& [name, what, view] : kAll) {
    CLI::App* sub = schema->add_subcommand(name, what);
    sub->callback([arguments, &status, view] {
      const SchemaArguments& a = *arguments;
      status = schema_command(a.target, view, a.stream, a.json);
    });
    if (view != SchemaView::list) {
      sub->add_option("stream", arguments->stream, "for example zigbee/kitchen")->required();
    }
    sub->add_option("--config,-c", arguments->target.configuration,
                    "configuration that names spool and socket")
        ->capture_default_str();
    auto* socket =
        sub->add_option("--socket", arguments->target.socket, "the running agent's control socket");
    sub->add_option("--spool", arguments->target.spool, "a spool's folder that no agent uses")
        ->excludes(socket);
    sub->add_flag("--json", arguments->json, "for a machine to read");
  }
}

}  // namespace pinaflux
