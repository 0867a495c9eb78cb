// What an errno means to an operator: a code to branch on and a text that says what to do next.
//
// Threads    Pure functions; any.
#pragma once

#include "platform/base/result.h"

namespace pinaflux {

// `sys_errno` is kept in the error. Files and sockets differ in a few: EACCES of a path, of a port.
Error file_error(int sys_errno);
Error socket_error(int sys_errno);

}  // namespace pinaflux
