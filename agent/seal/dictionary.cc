#include "agent/seal/dictionary.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/seal/line.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

constexpr std::size_t kIdBytes = 6, kIdLetters = 8;
// With these four bytes a dictionary of zstd's own format begins (RFC 8878): it would be read as one.
constexpr std::array<std::uint8_t, 4> kFormatted = {0x37, 0xa4, 0x30, 0xec};

std::string id_of(Bytes bytes) {
  crypto::Sha256 sha;
  sha.update(bytes);
  return seal::base64url(Bytes(sha.finish()).first(kIdBytes));
}

}  // namespace

bool valid_dictionary_id(std::string_view id) {
  std::array<std::uint8_t, kIdBytes> bytes;
  return id.size() == kIdLetters && seal::unbase64url(id, bytes);
}

Result<Dictionary> Dictionary::of(Buffer bytes) {
  if (bytes.size() < kBytesMin || bytes.size() > kBytesMax) {
    return fail(Code::invalid, "a dictionary has 8 to 16,384 bytes");
  }
  if (std::ranges::equal(Bytes(bytes).first(kFormatted.size()), kFormatted)) {
    return fail(Code::invalid, "the dictionary has a format of zstd's: it must be plain content");
  }
  std::string id = id_of(bytes);
  return Dictionary(std::move(bytes), std::move(id));
}

const Dictionary& Dictionaries::add(Dictionary dictionary) {
  const Dictionary* const known = find(dictionary.id());
  return known != nullptr ? *known : all_.emplace_back(std::move(dictionary));
}

const Dictionary* Dictionaries::find(std::string_view id) const {
  const auto at = std::ranges::find(all_, id, &Dictionary::id);
  return at == all_.end() ? nullptr : &*at;
}

void Dictionaries::remove(std::string_view id) {
  all_.remove_if([id](const Dictionary& each) { return each.id() == id; });
}

Result<const Dictionary*> dictionary_of(std::string_view id, const Dictionaries* at_hand) {
  if (id.empty()) return nullptr;
  const Dictionary* const found = at_hand == nullptr ? nullptr : at_hand->find(id);
  if (found != nullptr) return found;
  return fail(Code::newer,
              "it was packed with a dictionary that is not here: give its file (d= in the header "
              "names it)");
}

void DictionaryMaker::take(Bytes plain_body) {
  ++taken_;
  const Bytes part = plain_body.first(std::min(plain_body.size(), Dictionary::kBytesMax));
  bytes_.insert(bytes_.end(), part.begin(), part.end());
  const std::size_t more = bytes_.size() - std::min(bytes_.size(), Dictionary::kBytesMax);
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(more));
}

}  // namespace pinaflux
