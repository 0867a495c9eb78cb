// The command line of `pinaflux queue`: declared here, made in queue_commands.h.
//
// Ownership  What the options are bound to lives as long as the App.
// Threads    The caller's.
#pragma once

#include <memory>

namespace CLI {
class App;
}

namespace pinaflux {

// Adds `queue` and its subcommands; `status` is what the one that was named leaves to exit with.
void add_queue_commands(CLI::App& app, int& status);

}  // namespace pinaflux
