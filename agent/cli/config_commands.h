// `pinaflux config validate|explain|schema`, `pinaflux graph` and `pinaflux init`: everything about a configuration that needs no
// running agent.
//
// Promise    Nothing but the file of `init` is written, and that one never over another without `force`.
// Threads    The caller's.
// Tests      tests/e2e/run (the_commands_answer)
#pragma once

#include <string>

namespace pinaflux {

// Findings on standard error, or as JSON on standard output. Exit status: 0, or 78 when one is an error.
int config_validate(const std::string& path, bool json);
// Empty: all sections. Exit status: 0, or 64 when there is no such key.
int config_explain(const std::string& key);
int config_schema();
// Of a valid configuration the way from sources to lanes, as drawing.h names the formats. Exit status: 0; 78.
int graph_command(const std::string& path, const std::string& format);
// "-": standard output. Exit status: 0; 73 (cannot create) when the file is there already; else by sysexits.
int init_command(const std::string& output, bool force);

}  // namespace pinaflux
