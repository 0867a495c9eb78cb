// The command line of `pinaflux dead-letters`: declared here, made in letter_commands.h.
//
// Ownership  What the options are bound to lives as long as the App.
// Threads    The caller's.
#pragma once

namespace CLI {
class App;
}

namespace pinaflux {

// Adds `dead-letters` and its subcommands; `status` is what the one that was named leaves to exit with.
void add_letter_commands(CLI::App& app, int& status);

}  // namespace pinaflux
