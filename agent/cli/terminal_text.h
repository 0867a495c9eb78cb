// Terminal text: foreign bytes as a terminal may show them: what it could take for an order becomes '?'.
//
// Promise    Letters of UTF-8 stay, line feeds and tabs too; control characters (C0, DEL, and C1, which some
//            terminals obey in UTF-8 as well) and what is not UTF-8 do not.
// Tests      tests/agent/cli/terminal_text_test.cc
#pragma once

#include <string>

#include "platform/base/bytes.h"

namespace pinaflux {

std::string terminal_text(Bytes bytes);

}  // namespace pinaflux
