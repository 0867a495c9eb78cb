// Secrets: passwords and tokens, read from what a configuration refers to.
//
// Promise    A file that its group or others can read is refused. The text appears in no message.
// Limits     4 KiB; one newline at the end is not part of it.
// Tests      tests/agent/config/load_test.cc, tests/agent/config/bad_test.cc
#pragma once

#include <string>

#include "agent/config/reader.h"
#include "platform/files.h"

namespace pinaflux::config {

// The secret that `name` in this section refers to; empty if it is not given, or with a finding.
std::string read_secret(Files& files, const Reader& reader, std::string_view name,
                        Findings& findings);

}  // namespace pinaflux::config
