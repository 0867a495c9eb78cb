// Dictionary: what small batches of the same streams have in common (names, heads, texts), kept once beside them. It is
// the raw content that zstd takes as a dictionary, so `zstd -d -D FILE` unpacks what was packed with it.
//
// Promise    A dictionary never changes: its id is the hash of its bytes. What was packed with one is unpacked with it or not
//            at all.
// Limits     kBytesMin to kBytesMax bytes.
// Ownership  Dictionaries holds what was added until it ends; Dictionary points into it, and stays where it is.
// Threads    Values that do not change; any.
// Source     RFC 8878, section 5, "content-only dictionary"
// Tests      tests/agent/seal/dictionary_test.cc
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>

#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux {

class Dictionary {
 public:
  static constexpr std::size_t kBytesMin = 8;  // zstd takes less for none.
  static constexpr std::size_t kBytesMax = 16 * 1024;
  // A body is packed with one if that saves such a part of it: standing alone is worth that.
  static constexpr std::size_t kWorthOf = 10;

  // Errors: invalid, too short or too long; or what zstd would take for a dictionary of its own format.
  static Result<Dictionary> of(Buffer bytes);

  Bytes bytes() const { return bytes_; }
  // The first 6 bytes of the SHA-256, base64url: 8 letters.
  const std::string& id() const { return id_; }

 private:
  Dictionary(Buffer bytes, std::string id) : bytes_(std::move(bytes)), id_(std::move(id)) {}

  Buffer bytes_;
  std::string id_;
};

// What may stand in a header as an id.
bool valid_dictionary_id(std::string_view id);

// Those that are at hand, by id.
class Dictionaries {
 public:
  const Dictionary& add(Dictionary dictionary);
  const Dictionary* find(std::string_view id) const;  // nullptr: it is not here.
  void remove(std::string_view id);

 private:
  std::list<Dictionary> all_;
};

// What an envelope was packed with: nullptr if it names none. Errors: newer, it is not at hand.
Result<const Dictionary*> dictionary_of(std::string_view id, const Dictionaries* at_hand);

// Makes one of the plain bodies of batches: the last of them, as many as fit, the last at the end, where zstd
// reaches it with the fewest bits.
class DictionaryMaker {
 public:
  static constexpr std::size_t kBodies = 8;

  void take(Bytes plain_body);
  // So many have come that more would hardly help.
  bool ready() const { return taken_ >= kBodies; }
  // Errors: invalid, nothing was taken.
  Result<Dictionary> make() const { return Dictionary::of(bytes_); }

 private:
  Buffer bytes_;
  std::size_t taken_ = 0;
};

}  // namespace pinaflux
