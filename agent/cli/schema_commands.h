// `pinaflux schema ...`: what the pipeline's `schema` nodes know of streams, with the agent running or not.
//
// Promise    The spool's committed state. Names of fields and streams as they are after the mask, no values. What a machine reads
//            goes to standard output, what a person must know to standard error.
// Threads    The caller's.
// Tests      tests/agent/cli/schema_commands_test.cc
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/cli/queue_session.h"
#include "agent/pipeline/stream_schema.h"

namespace CLI {
class App;
}

namespace pinaflux {

enum class SchemaView { list, show, diff };

// Of the answer to `schemas`. What is damaged is left out.
std::vector<NodeSchema> read_schemas(Bytes answer);
// One line: "pinaflux.schema/1".
std::string schemas_json(const std::vector<NodeSchema>& schemas, SchemaView view);
std::string schemas_text(const std::vector<NodeSchema>& schemas, SchemaView view);

// Of all streams; of `stream` where it is not empty. The exit status (exit_status.h).
int schema_command(const QueueTarget& target, SchemaView view, const std::string& stream,
                   bool json);
// Adds `schema` and its subcommands, as add_queue_commands().
void add_schema_commands(CLI::App& app, int& status);

}  // namespace pinaflux
