// Result<T>: a value, or the reason why the world refused. Holds no heap memory.
//
// Use        Returned or logged, never both. `what` is a static text that says what to do next where
//            something can be done; `code` is what a caller may branch on.
// Threads    Values; any.
#pragma once

#include <cstdint>
#include <expected>

namespace pinaflux {

enum class Code : std::uint8_t {
  invalid,      // The bytes or the arguments are wrong, and will be so at every retry.
  not_found,    // The named thing does not exist.
  exists,       // The named thing exists already.
  denied,       // Permission is missing.
  busy,         // Somebody else holds it (a lock, a port).
  full,         // No space: disk, quota, queue, or a limit of limits.h.
  read_only,    // The medium cannot be written.
  io,           // The medium failed.
  corrupt,      // What was read is damaged.
  newer,        // Written by a newer version than this one.
  closed,       // The peer or the owner went away.
  timeout,      // It took longer than allowed.
  refused,      // The peer said no.
  unsupported,  // Known, and not done by this build or this peer.
  internal,     // A library failed in a way that it does not explain.
};

struct Error {
  Code code = Code::internal;
  int sys_errno = 0;             // 0, or the errno that led here.
  const char* what = "unknown";  // Static text.
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(Code code, const char* what, int sys_errno = 0) {
  return std::unexpected(Error{code, sys_errno, what});
}

// The name of a code, for logs and JSON: "not_found".
const char* code_name(Code code);

}  // namespace pinaflux
