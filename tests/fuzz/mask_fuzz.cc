// What masks read: field patterns against another matcher, detectors in any text, FF1 of any digits.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mask/detect.h"
#include "agent/mask/ff1.h"
#include "agent/mask/pattern.h"
#include "platform/base/assert.h"
#include "platform/base/text.h"

namespace pinaflux {
namespace {

// Whether `pattern` is `name`, by the set of places in the pattern where one can be after each element of the name.
template <class Elements, class Star, class Fits>
bool matches(const Elements& pattern, const Elements& name, Star star, Fits fits) {
  std::vector<bool> at(pattern.size() + 1);
  const auto over_stars = [&] {
    for (std::size_t p = 0; p < pattern.size(); ++p) {
      if (at[p] && star(pattern[p])) at[p + 1] = true;
    }
  };
  at[0] = true;
  over_stars();
  for (const auto& element : name) {
    std::vector<bool> next(pattern.size() + 1);
    for (std::size_t p = 0; p < pattern.size(); ++p) {
      if (!at[p]) continue;
      if (star(pattern[p])) next[p] = true;
      if (!star(pattern[p]) && fits(pattern[p], element)) next[p + 1] = true;
    }
    at = next;
    over_stars();
  }
  return at[pattern.size()];
}

bool step_matches(std::string_view pattern, std::string_view step) {
  return matches(
      pattern, step, [](char p) { return p == '*'; }, [](char p, char c) { return p == c; });
}

bool name_matches(std::string_view pattern, std::string_view name, char separator) {
  return matches(
      split(pattern, separator), split(name, separator),
      [](std::string_view piece) { return piece == "**"; }, step_matches);
}

void match(std::string_view pattern, std::string_view name, char separator) {
  const Pattern compiled(pattern, separator);
  ASSERT(compiled.valid() == (!pattern.empty() && pattern.size() <= limits::kNameBytesMax));
  Pattern::StepSet wild;
  const bool ours = compiled.matches(name, wild);
  if (!compiled.valid() || name.size() > limits::kNameBytesMax) return;
  ASSERT(ours == name_matches(pattern, name, separator));
  ASSERT(wild.none() || pattern.contains('*'));
}

std::vector<TextSpan> spans_of(DetectorSet detectors, std::string_view text) {
  std::vector<TextSpan> spans;
  Finder finder(detectors, text);
  for (TextSpan span; finder.next(span);) {
    ASSERT(span.begin < span.end && span.end <= text.size());
    ASSERT(spans.empty() || spans.back().end <= span.begin);
    spans.push_back(span);
  }
  return spans;
}

// What one finds, all of them together find.
void detect(std::string_view text) {
  const std::vector<TextSpan> all = spans_of((1u << kDetectorCount) - 1, text);
  for (std::size_t i = 0; i < kDetectorCount; ++i) {
    for (const TextSpan& one : spans_of(1u << i, text)) {
      ASSERT(std::ranges::any_of(all, [&](const TextSpan& span) {
        return span.begin <= one.begin && one.end <= span.end;
      }));
    }
  }
}

bool only_digits(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

// A permutation: as many digits, the same ones each time, and others for others.
void encrypt(std::string_view bytes) {
  constexpr std::array<std::size_t, 3> kKeyBytes = {16, 24, 32};
  if (bytes.size() < 2) return;
  const std::size_t key_bytes = kKeyBytes[static_cast<unsigned char>(bytes[0]) % 3];
  const std::size_t tweak_bytes = static_cast<unsigned char>(bytes[1]) % (Ff1::kTweakMax + 1);
  bytes.remove_prefix(2);
  if (bytes.size() < key_bytes + tweak_bytes + Ff1::kDigitsMin) return;
  const Ff1 ff1(as_bytes(bytes.substr(0, key_bytes)));
  const Bytes tweak = as_bytes(bytes.substr(key_bytes, tweak_bytes));
  std::string plain(bytes.substr(key_bytes + tweak_bytes).substr(0, Ff1::kDigitsMax));
  for (char& c : plain) c = static_cast<char>('0' + static_cast<unsigned char>(c) % 10);
  std::string once = plain, again = plain, other = plain;
  other.back() = static_cast<char>('0' + (other.back() - '0' + 1) % 10);
  ff1.encrypt(once, tweak);
  ff1.encrypt(again, tweak);
  ff1.encrypt(other, tweak);
  ASSERT(once.size() == plain.size() && only_digits(once));
  ASSERT(once == again && once != other);
}

}  // namespace
}  // namespace pinaflux

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto sort = data[0];
  bytes.remove_prefix(1);
  if (sort % 3 == 0) pinaflux::encrypt(bytes);
  if (sort % 3 == 1) pinaflux::detect(bytes);
  const std::size_t cut = bytes.find('\0');
  if (sort % 3 == 2 && cut != std::string_view::npos) {
    pinaflux::match(bytes.substr(0, cut), bytes.substr(cut + 1), sort & 64 ? '/' : '.');
  }
  return 0;
}
