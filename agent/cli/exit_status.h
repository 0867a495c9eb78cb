// Exit statuses of our programs: sysexits.h by name, and which one an Error leads to.
#pragma once

#include <string>

#include "platform/base/result.h"

namespace pinaflux {

enum ExitStatus : int {
  kExitOk = 0,
  kExitUsage = 64,
  kExitData = 65,  // A file of ours that cannot be read: damaged, newer.
  kExitNoInput = 66,
  kExitUnavailable = 69,  // A port in use, a peer that refuses.
  kExitSoftware = 70,
  kExitCannotCreate = 73,  // A file that is there already.
  kExitIo = 74,            // Read-only or failing media, a full disk.
  kExitTemporary = 75,     // Somebody else has it: try again later.
  kExitPermission = 77,
  kExitConfiguration = 78,
};

int exit_status(const Error& error);

// A line on standard error, "PROGRAM: AT: what failed" and then MORE, and the status that it leads to.
int failed(const char* program, const std::string& at, const Error& error,
           const std::string& more = {});

}  // namespace pinaflux
