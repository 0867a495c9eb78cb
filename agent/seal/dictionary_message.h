// Dictionary message: how a dictionary gets to whoever opens the envelopes of a lane: as a payload of its own on the topic of
// the lane's data, and as an entry of an export or archive, before the first envelope that was packed with it. Bytes:
// FORMAT.md section 12.
//
// Promise    parse(format(d)) == d. The parser trusts nothing, and takes no content but the one that the id names.
// Limits     Dictionary::kBytesMax of content.
// Threads    Values and pure functions; any.
// Tests      tests/agent/seal/dictionary_message_test.cc
#pragma once

#include <string>
#include <string_view>

#include "agent/data/identity.h"
#include "agent/seal/dictionary.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux {

struct DictionaryMessage {
  std::string gateway, lane;
  Epoch epoch{};
  Dictionary dictionary;
};

// By its first word, of whatever version: what is read in place of an envelope.
bool is_dictionary_message(Bytes message);
// A proof may be added as to an envelope: proof.h.
Buffer format_dictionary(std::string_view gateway, std::string_view lane, const Epoch& epoch,
                         const Dictionary& dictionary);
// Errors: corrupt, newer.
Result<DictionaryMessage> parse_dictionary(Bytes message);

}  // namespace pinaflux
