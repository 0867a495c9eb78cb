// Salvage: what can still be read of a damaged queue goes on in the new one, under the identity that it
// had (gateway, epoch, lane, seq); what cannot is declared lost, as damaged.
//
// Promise    A seq below the damaged lane's end is moved or has a tombstone, where the lane can still be
//            named. An envelope is moved only as it was, byte for byte. Ended at any moment, it goes on
//            from there at the next start.
// Limits     The new files and what is left of the damaged ones stay within the spool's bound where the
//            file system can punch holes; about 64 bytes of memory for each envelope and chunk.
// Threads    Storage worker.
// Tests      tests/agent/spool/salvage_test.cc
#pragma once

#include <string>
#include <vector>

#include "agent/spool/store.h"
#include "platform/files.h"

namespace pinaflux {

// Moves what is in the file that was set aside, if there is one, and deletes it when nothing is left to
// move. Lanes that came with it are in the tables only: open the Store again. True: there are some. An
// error ends it early and leaves the rest where it is.
Result<bool> salvage(Store& store, const SpoolOptions& options, Files& files,
                     std::vector<std::string>& findings);

}  // namespace pinaflux
