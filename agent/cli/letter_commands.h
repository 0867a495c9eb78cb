// `pinaflux dead-letters ...`: what was refused, with the agent running or not; replay and edit need it running.
//
// Promise    What a machine reads goes to standard output, what a person must know to standard error. Of a
//            record only what its letter holds is shown: masked. Bytes that could not be read
//            are raw: shown when --raw asks for them, to root, and never through the socket.
// Status     0; 64 no such command line; 65 something was not replayed, or became another letter; 66 no such letter, or nothing
//            of it to be replayed; 69 no agent runs; the rest as exit_status.h says.
// Limits     An edited record has at most 64 KiB.
// Threads    The caller's.
// Tests      tests/e2e/run (dead_letters_*)
#pragma once

#include <string>
#include <vector>

#include "agent/cli/queue_session.h"

namespace pinaflux {

int letters_list(const QueueTarget& target, bool json);
int letters_show(const QueueTarget& target, long long id, bool json);
// The bytes that could not be read, as they came: raw values. To root, of a spool that no agent has.
int letters_show_raw(const QueueTarget& target, long long id);
int letters_drop(const QueueTarget& target, const std::vector<long long>& ids, bool json);
int letters_replay(const QueueTarget& target, const std::vector<long long>& ids, bool json);
// The edited record from `file` ("-": standard input). Without: from $EDITOR on a terminal, else standard input.
int letters_edit(const QueueTarget& target, long long id, const std::string& file, bool json);

}  // namespace pinaflux
