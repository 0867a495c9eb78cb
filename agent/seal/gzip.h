// Gzip: text as web servers take it in less bytes (Content-Encoding: gzip).
//
// Limits     What it makes is at most a thousandth longer than the text, and 32 bytes. 270 KiB while it runs.
// Threads    Pure function; any.
// Source     RFC 1952.
// Tests      tests/agent/seal/gzip_test.cc
#pragma once

#include <string>
#include <string_view>

namespace pinaflux {

std::string gzip(std::string_view text);

}  // namespace pinaflux
