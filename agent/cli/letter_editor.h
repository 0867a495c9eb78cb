// Letter editor: where an operator writes a record anew: a file, standard input, or $EDITOR on a terminal.
//
// Promise    What the editor worked on lies in a file of the owner alone, and is deleted.
// Errors     Nothing, said on standard error; then `status` is what to exit with.
// Threads    The caller's: waits for the editor.
// Tests      tests/agent/cli/letter_editor_test.cc
#pragma once

#include <optional>
#include <string>

namespace pinaflux {

// "-": standard input.
std::optional<std::string> read_record(const std::string& file, int& status);
// A command is to be run with the file's name behind it.
std::optional<std::string> edit_record(const std::string& editor, const std::string& record,
                                       int& status);
// A terminal on both ends.
bool at_terminal();
// $VISUAL, $EDITOR, or vi.
std::string editor_command();

}  // namespace pinaflux
