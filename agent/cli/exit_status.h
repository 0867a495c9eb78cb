// Exit statuses of our programs: sysexits.h by name, and which one an Error leads to.
#pragma once

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

inline int exit_status(const Error& error) {
  switch (error.code) {
    case Code::not_found: return kExitNoInput;
    case Code::denied: return kExitPermission;
    case Code::busy: return kExitTemporary;
    case Code::full:
    case Code::read_only:
    case Code::io: return kExitIo;
    case Code::corrupt:
    case Code::newer: return kExitData;
    case Code::closed:
    case Code::timeout:
    case Code::refused: return kExitUnavailable;
    case Code::invalid:
    case Code::exists:
    case Code::unsupported: return kExitConfiguration;
    case Code::internal: return kExitSoftware;
  }
  return kExitSoftware;
}

}  // namespace pinaflux
