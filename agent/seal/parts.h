// Parts: what a Sealer can do without, so that what each part is worth can be measured. All are there unless somebody
// takes one out; whatever is out, envelopes are right, and larger.
//
// Threads    Values; any.
// Tests      tests/agent/seal/integers_test.cc, tests/bench/seal. What they are worth: FORMAT.md, section 9.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pinaflux {

enum class Part : std::uint8_t {
  code,      // The adaptive coder.
  prefix,    // Prefix codes.
  previous,  // Contexts of the coder.
  reference,
  both,
  unit,
  zigzag,  // Predictions; plain stays.
  delta,
  delta2,
  offset,
  key,
  list,     // Of numbers.
  varints,  // Layouts for zstd; planes stay.
  runs,
  bits,
  sparse,
  dictionary,  // Of texts.
  decimals,    // Of doubles: any; the shortest spelling.
  shortest,
  floats,  // Printed or not.
  steps,
};
inline constexpr std::size_t kPartCount = 21;

class Parts {
 public:
  bool has(Part part) const { return (out_ >> static_cast<unsigned>(part) & 1) == 0; }
  void remove(Part part) { out_ |= 1u << static_cast<unsigned>(part); }

 private:
  std::uint32_t out_ = 0;
};

// "delta2"
std::string_view part_name(Part part);
std::optional<Part> part_of(std::string_view name);

}  // namespace pinaflux
