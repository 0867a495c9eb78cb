// View: a spool's file, opened to be looked at while no agent runs, damaged or not.
//
// Promise    Without change(), changes nothing: the file is closed as it was found, damaged or not, and a folder without a spool
//            stays one. What is wrong inside it is for the operation to find.
// Errors     not_found (no spool there), busy (an agent has it: which one is in `holder`), newer, invalid
//            (another program's database), corrupt (not a database), denied (also: another key), read_only, io.
// Ownership  Files must outlive it.
// Threads    One owner.
// Tests      tests/agent/spool/inspect_test.cc
#pragma once

#include <functional>
#include <memory>

#include "agent/spool/encryption.h"
#include "agent/spool/operation.h"
#include "agent/spool/spool.h"
#include "platform/files.h"

namespace pinaflux {

class View {
 public:
  // An encrypted spool needs its key of the vault, and to be changed, entropy.
  static Result<std::unique_ptr<View>> open(const SpoolOptions& options, Files& files, long& holder,
                                            const Vault* vault = nullptr,
                                            Entropy* entropy = nullptr);
  ~View();

  Result<bool> operate(Operation& operation, Buffer& out);
  // For repairs: one transaction on the rows themselves, durable when it returns ok.
  Status change(const std::function<Status(Store&)>& repair);

 private:
  View();
  SpoolOptions options_;
  std::unique_ptr<FileLock> lock_;
  Roots roots_;
  std::unique_ptr<Store> store_;
};

// What the file says of itself, for a spool whose configuration is not at hand (the card of a gateway that
// died): its gateway and the names of its lanes. `directory` is the options' only given part.
Result<SpoolOptions> options_of(const std::string& directory, Files& files, long& holder);

}  // namespace pinaflux
