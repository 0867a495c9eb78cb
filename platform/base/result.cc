#include "platform/base/result.h"

namespace pinaflux {

const char* code_name(Code code) {
  switch (code) {
    case Code::invalid: return "invalid";
    case Code::not_found: return "not_found";
    case Code::exists: return "exists";
    case Code::denied: return "denied";
    case Code::busy: return "busy";
    case Code::full: return "full";
    case Code::read_only: return "read_only";
    case Code::io: return "io";
    case Code::corrupt: return "corrupt";
    case Code::newer: return "newer";
    case Code::closed: return "closed";
    case Code::timeout: return "timeout";
    case Code::refused: return "refused";
    case Code::unsupported: return "unsupported";
    case Code::internal: return "internal";
  }
  return "unknown";
}

}  // namespace pinaflux
