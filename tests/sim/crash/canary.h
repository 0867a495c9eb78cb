// Canary: what stands in every field that a record may not keep, and in what could not be read. Whoever finds it
// in bytes that are written or sent has found what may not be there.
//
// Limits     Found as it is: not in what is encrypted, and not where it ends in another write. Compression leaves it as
//            it is: its bytes are spread like noise, and so are most of the bytes around it.
// Threads    Values; any.
#pragma once

#include <string>
#include <string_view>

#include "platform/base/bytes.h"

namespace pinaflux::crash {

// How each of them begins; its first byte is rare. The word behind it says of what it is, small letters only. All
// these bytes may stand in the local part of an e-mail address.
inline constexpr std::string_view kCanary = "~\xd3\x9e\xf1Q\xb8\xe6\x8aW\xc7\xad\xfc";
// What a source could not read.
inline constexpr std::string_view kRawBytes =
    "~\xd3\x9e\xf1Q\xb8\xe6\x8aW\xc7\xad\xfc"
    "bytes.that.could.not.be.read";
static_assert(kRawBytes.starts_with(kCanary));

// What is wrong with these bytes being `done`; empty: nothing.
std::string wrong_with_bytes(Bytes bytes, std::string_view done);

}  // namespace pinaflux::crash
