#include "agent/cli/exit_status.h"

#include <cstdio>

namespace pinaflux {

int exit_status(const Error& error) {
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

int failed(const char* program, const std::string& at, const Error& error,
           const std::string& more) {
  std::fprintf(stderr, "%s: %s: %s%s\n", program, at.c_str(), error.what, more.c_str());
  return exit_status(error);
}

}  // namespace pinaflux
